"""One committed state of a home, taken while a run may be writing it.

The database is copied first, at one moment, and says which version of each computed table is published.
What those versions rest on never changes afterwards: Delta files and the folders of model versions are
written once. So the state is the one that a reader would have seen at that moment, whatever a run commits
meanwhile. Only home.json can change beside the database (a rebuild); then the snapshot is taken anew.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from resources.backup.manifest import FileFact, digest_of_file
from resources.delta_store import DeltaStore
from resources.home import Home
from resources.migration import DRAFT, KEPT, POINTER
from resources.postgres import FOLDER as POSTGRES
from resources.sql_store import SqlStore
from resources.store import HomeStore
from resources.version_folder import WEIGHTS
from trading import frames
from trading.errors import HomeError

ATTEMPTS = 5
_SQLITE = b"SQLite format 3\0"
# Made again at any time, somebody's lock, or another home's worth of what the copy of the database holds.
_LEFT_OUT = frozenset({"cache", "tables", "fabline.db", "home.lock", KEPT, POINTER, POSTGRES, DRAFT})
_BESIDE_SQLITE = ("-wal", "-shm", "-journal")
_KEPT_HIDDEN = frozenset({".mirror_behind"})
_LOG = "_delta_log"
_VERSION_DIGITS = 20


@dataclass(frozen=True)
class Item:
    """A file of the snapshot: where its bytes lie now, and what the manifest says of it."""

    path: Path
    fact: FileFact


@dataclass(frozen=True)
class Snapshot:
    """Files of one committed state, and what is in it."""

    items: tuple[Item, ...]
    tables: tuple[Mapping[str, str | int | None], ...]


@dataclass
class _Collected:
    """Items as they are found; what may still change is copied to `stage` first."""

    root: Path
    stage: Path
    items: list[Item] = field(default_factory=list)

    def add(
        self, name: str, path: Path, tables: tuple[str, ...] = (), days: tuple[str, str] = ("", "")
    ) -> None:
        size, sha256 = digest_of_file(path)
        self.items.append(Item(path, FileFact(name, size, sha256, tables, *days)))

    def add_copy(self, name: str) -> None:
        """A file that others may be writing: SQLite through its own backup, anything else as it is now."""
        source, copy = self.root / name, self.stage / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if is_sqlite(source):
            copy_sqlite(source, copy)
        else:
            shutil.copyfile(source, copy)
        self.add(name, copy)


def take(home: Home, database: str | Path, stage: Path) -> Snapshot:
    """The committed state of a home at one moment of this call.

    Parameters
    ----------
    database : where its recorded tables are, a path or `postgresql://…`
    stage : an empty folder for copies of what may change

    Raises
    ------
    HomeError
        If the home is being rebuilt all the while, or a file that a published version names is gone.
    """
    for attempt in range(ATTEMPTS):
        folder = stage / str(attempt)
        folder.mkdir()
        before = (home.path / "home.json").read_bytes()
        found = _take(home, database, folder)
        if (home.path / "home.json").read_bytes() == before:
            return found
        shutil.rmtree(folder)
    raise HomeError(
        f"{home.path / 'home.json'} changed in each of {ATTEMPTS} attempts; copy it when its run has ended"
    )


def _take(home: Home, database: str | Path, stage: Path) -> Snapshot:
    found = _Collected(home.path, stage)
    copy = stage / "fabline.db"
    listed: pd.DataFrame = pd.DataFrame()
    if _copy_tables(database, copy, home.facts.id):
        with closing(HomeStore(DeltaStore(home.tables), SqlStore(copy, create=False))) as store:
            listed = store.tables()
        recorded = listed[listed["table"].isin(frames.names("recorded"))]
        days = (day_of(recorded["first_session"].min()), day_of(recorded["last_session"].max()))
        found.add("fabline.db", copy, tuple(recorded["table"]), days)
    for row in listed.itertuples():
        if row.table not in frames.names("recorded"):
            _add_table(found, home.tables, str(row.table), int(row.version))
    for name in _other_files(home.path):
        _add_file(found, name)
    return Snapshot(tuple(found.items), tuple(_described(listed)))


def _copy_tables(database: str | Path, copy: Path, home_id: str) -> bool:
    """The recorded tables at one moment as an SQLite file; False if there are none yet."""
    if isinstance(database, Path):
        if not database.exists():
            return False
        copy_sqlite(database, copy)
        return True
    read, written = SqlStore(database, create=False, home=home_id), SqlStore(copy, home=home_id)
    with closing(read), closing(written), read.frozen():
        written.copy_from(read, lambda _: None)
    return True


def copy_sqlite(source: Path, target: Path) -> None:
    """The state of a database at one moment, whichever other process writes it meanwhile.

    This process must have no connection of the store's own driver open to it: that brings a second copy of
    SQLite, and of two copies in one process neither sees the locks of the other.

    Raises
    ------
    HomeError
        If it is damaged.
    OSError
        If the disk has no room for the copy.
    """
    try:
        with (
            closing(sqlite3.connect(source, timeout=30)) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            read.backup(written)
    except sqlite3.Error as error:
        if "full" in str(error) or "disk I/O" in str(error):
            raise OSError(28, f"No space left for the copy of {source.name}") from error
        raise HomeError(f"{source} cannot be copied: {error}; see `fabline home verify`") from error


def _add_table(found: _Collected, tables: Path, table: str, version: int) -> None:
    """The log of a Delta table up to a version, and every file that it names and that is still there."""
    log = tables / table / _LOG
    entries = sorted(path for path in log.iterdir() if _version_of(path) is not None)
    told: dict[str, tuple[str, str]] = {}
    for path in entries:
        if (_version_of(path) or 0) <= version:
            found.add(f"tables/{table}/{_LOG}/{path.name}", path, (table,))
            told |= dict(_added(path)) if path.suffix == ".json" else {}
    told |= _at(tables, table, version)
    for name, days in sorted(told.items()):
        if (tables / table / name).exists():
            found.add(f"tables/{table}/{name}", tables / table / name, (table,), days)


def _version_of(path: Path) -> int | None:
    number = path.name[:_VERSION_DIGITS]
    return int(number) if number.isdigit() else None


def _added(entry: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Names and sessions of the files that one entry of a log adds."""
    for line in entry.read_text(encoding="utf-8").splitlines():
        added = json.loads(line).get("add")
        if added:
            stats = json.loads(added.get("stats") or "{}")
            yield added["path"], (_least(stats, "minValues"), _least(stats, "maxValues"))


def _least(stats: Mapping[str, Any], which: str) -> str:
    return str(stats.get(which, {}).get("session", ""))[:10]


def _at(tables: Path, table: str, version: int) -> dict[str, tuple[str, str]]:
    """Files of one version, which must be there.

    Raises
    ------
    HomeError
        If one is gone.
    """
    from deltalake import DeltaTable

    opened = DeltaTable(str(tables / table), version=version)
    rows = pa.table(opened.get_add_actions(flatten=True)).to_pylist()
    gone = [row["path"] for row in rows if not (tables / table / row["path"]).exists()]
    if gone:
        raise HomeError(f"table {table} has lost {', '.join(gone)}; see `fabline home verify`")
    return {row["path"]: (day_of(row["min.session"]), day_of(row["max.session"])) for row in rows}


def _other_files(root: Path) -> Iterator[str]:
    """What is neither a table nor left out: facts, settings, versions, journals, logs, what Dagster and MLflow keep."""
    for folder, inner, files in os.walk(root):
        place = Path(folder)
        left_out = _LEFT_OUT if place == root else frozenset()
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in left_out)
        for name in sorted(set(files) - left_out):
            shown = not name.startswith(".") or name in _KEPT_HIDDEN
            if shown and not name.endswith(_BESIDE_SQLITE) and not (place / name).is_symlink():
                yield (place / name).relative_to(root).as_posix()


def _add_file(found: _Collected, name: str) -> None:
    try:
        if name.startswith("models/") and name.endswith(f"/{WEIGHTS}"):  # written once
            found.add(name, found.root / name)
        else:
            found.add_copy(name)
    except FileNotFoundError:
        return  # a draft or a log that a run has put away meanwhile


def is_sqlite(path: Path) -> bool:
    """Whether a file begins as SQLite's do."""
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE


def _described(listed: pd.DataFrame) -> Iterator[Mapping[str, str | int | None]]:
    for row in listed.itertuples():
        version = None if pd.isna(row.version) else int(row.version)
        days = {"first_session": day_of(row.first_session), "last_session": day_of(row.last_session)}
        yield {"table": str(row.table), "version": version, "rows": int(row.rows), **days}


def day_of(session: Any) -> str:
    """A session as YYYY-MM-DD, empty for none."""
    return "" if session is None or pd.isna(session) else f"{pd.Timestamp(session):%Y-%m-%d}"
