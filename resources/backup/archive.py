"""A backup as one file: a plain tar with its manifest first, whole or absent, and its way back into a home.

Nothing is compressed as a whole, so that one damaged byte costs one file and can be named; tables are
compressed inside.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

from resources import clock as wall
from resources.backup.drafts import draft_beside
from resources.backup.manifest import CHECKSUM, MANIFEST, Damage, Manifest
from resources.backup.snapshot import Item, Snapshot, take
from resources.home import Home
from trading.errors import HomeError, SourceUnavailableError, UsageError
from trading.interfaces import Clock
from trading.line import Progress, silent

_BLOCK = 1 << 20
_MOST_MANIFEST = 256 << 20


def backup(
    home: Home,
    database: str | Path,
    target: Path,
    *,
    created_by: str = "",
    progress: Progress = silent,
    clock: Clock = wall.now,
) -> Manifest:
    """Write one committed state of a home to the file `target`, which is whole or as it was.

    Parameters
    ----------
    database : where the home's recorded tables are, a path or `postgresql://…`

    Raises
    ------
    UsageError
        If the file would lie in the home.
    HomeError
        If the home is damaged.
    SourceUnavailableError
        If the disk has no room.
    """
    if target.absolute().is_relative_to(home.path):
        raise UsageError(
            f"{target} lies in the home; a copy belongs on another disk, or at least in another folder"
        )
    with _room(target), draft_beside(target.absolute()) as draft:
        stage = draft / "stage"
        stage.mkdir()
        found = take(home, database, stage)
        facts = home.facts
        manifest = Manifest(facts.id, created_by, clock().isoformat(), dict(facts.source), found.tables)
        manifest = replace(manifest, files=tuple(item.fact for item in found.items))
        _write(draft / "archive", manifest, found, progress)
        (draft / "archive").replace(target)
        _sync_folder(target.absolute().parent)
    return manifest


def verify(path: Path, progress: Progress = silent) -> tuple[Manifest, tuple[Damage, ...]]:
    """The manifest of an archive and every file of it that is not what it says.

    Raises
    ------
    HomeError
        If its manifest itself cannot be read, so that nothing is known of it.
    """
    with _opened(path) as tar:
        manifest = _manifest_of(path, tar)
        return manifest, tuple(_damages(tar, manifest, None, progress))


def restore(path: Path, target: Path, *, progress: Progress = silent) -> Manifest:
    """Make a home of an archive in the folder `target`, which must be absent or empty: whole or not at all.

    Raises
    ------
    UsageError
        If the folder holds something.
    HomeError
        If the archive is damaged, or names files outside of a home.
    SourceUnavailableError
        If the disk has no room.
    """
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        raise UsageError(
            f"{target} is not empty; restore into a new folder (--to), and move it into place afterwards"
        )
    with _room(target), draft_beside(target.absolute()) as draft, _opened(path) as tar:
        manifest = _manifest_of(path, tar)
        root = draft / "home"
        root.mkdir()
        damages = list(_damages(tar, manifest, root, progress))
        if damages:
            raise HomeError(f"{path} is damaged and was not restored: {'; '.join(map(str, damages[:5]))}")
        try:
            root.rename(target)
        except OSError as error:
            raise UsageError(
                f"{target} has been filled meanwhile: {error.strerror}; nothing was changed"
            ) from None
        _sync_folder(target.absolute().parent)
    return manifest


def _write(path: Path, manifest: Manifest, found: Snapshot, progress: Progress) -> None:
    raw = manifest.to_bytes()
    with path.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        _add(tar, MANIFEST, io.BytesIO(raw), len(raw))
        said = f"{hashlib.sha256(raw).hexdigest()}  {MANIFEST}\n".encode()
        _add(tar, CHECKSUM, io.BytesIO(said), len(said))
        for place, item in enumerate(found.items):
            _add_item(tar, item)
            progress("backup", place + 1, len(found.items))
        tar.close()
        file.flush()
        os.fsync(file.fileno())


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    tar.addfile(member, content)


def _add_item(tar: tarfile.TarFile, item: Item) -> None:
    """One file, read once more: it must be what was hashed."""
    with item.path.open("rb") as file:
        hashed = _Hashed(file)
        _add(tar, item.fact.name, hashed, item.fact.size)  # type: ignore[arg-type]
    if hashed.digest.hexdigest() != item.fact.sha256:
        raise HomeError(f"{item.path} changed while it was copied, and may not; make the backup again")


class _Hashed:
    """A file that is read through, and the digest of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        return block


@contextmanager
def _opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The archive for reading; one that is none is told so."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError) as error:
        raise HomeError(f"{path} is no backup of Fabline, or damaged at its beginning: {error}") from None


def _manifest_of(path: Path, tar: tarfile.TarFile) -> Manifest:
    raw, said = (_head(path, tar, name) for name in (MANIFEST, CHECKSUM))
    if said.split()[:1] != [hashlib.sha256(raw).hexdigest().encode()]:
        raise HomeError(f"{path}: {MANIFEST} or {CHECKSUM} is damaged, so that nothing is known of the rest")
    return Manifest.from_bytes(raw)


def _head(path: Path, tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.next()
    if member is None or member.name != name or not member.isreg() or member.size > _MOST_MANIFEST:
        raise HomeError(f"{path} is no backup of Fabline, or cut off: it does not begin with {MANIFEST}")
    content = tar.extractfile(member)
    return b"" if content is None else content.read()


def _damages(
    tar: tarfile.TarFile, manifest: Manifest, root: Path | None, progress: Progress
) -> Iterator[Damage]:
    """What is wrong with each file, in the order of the archive; the rest is written under `root`."""
    expected = {fact.name: fact for fact in manifest.files}
    total = len(expected)
    for member in _members(tar):
        fact = expected.pop(member.name, None)
        if fact is None or not member.isreg():
            yield Damage(member.name, "is not in the manifest, or no plain file")
            continue
        if member.size != fact.size or _copied(tar, member, fact.name, root) != fact.sha256:
            yield Damage.of(fact, "is not what was backed up")
        progress("verify" if root is None else "restore", total - len(expected), total)
    for fact in expected.values():
        yield Damage.of(fact, "is missing: the archive is cut off or unreadable before it")


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members that can be read; what follows a damaged header cannot."""
    try:
        while (member := tar.next()) is not None:
            yield member
    except (tarfile.TarError, ValueError, OverflowError):  # ValueError: a number in a header that is none
        return


def _copied(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str, root: Path | None) -> str:
    """SHA-256 of a member, which is written under `root` on the way; empty if it ends early."""
    content = tar.extractfile(member)
    digest = hashlib.sha256()
    if content is None:
        return ""
    with _place(root, name) as out:
        try:
            while block := content.read(_BLOCK):
                digest.update(block)
                out.write(block)
        except tarfile.ReadError:  # cut off within it
            return ""
    return digest.hexdigest()


@contextmanager
def _place(root: Path | None, name: str) -> Iterator[IO[bytes]]:
    """Where a file's bytes go: under `root`, or nowhere."""
    path = Path(os.devnull) if root is None else root / name
    if root is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        yield out


@contextmanager
def _room(target: Path) -> Iterator[None]:
    """Say in our words that a disk is full or cannot be written."""
    try:
        yield
    except OSError as error:
        free = shutil.disk_usage(_existing(target)).free / 1e6
        raise SourceUnavailableError(
            f"{target} cannot be written: {error.strerror or error}; {free:.0f} MB are free there; nothing was "
            f"changed: free disk space or check permissions, then run the same again"
        ) from error


def _existing(path: Path) -> Path:
    return next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.is_dir())


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
