"""What a backup says of itself: every file with its size and SHA-256, and the sessions that it holds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

from trading.errors import HomeError

FORMAT = 1
MANIFEST, CHECKSUM = "manifest.json", "manifest.sha256"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class FileFact:
    """One file of a backup.

    Attributes
    ----------
    name : relative to the home, with forward slashes
    size : bytes
    sha256 : hexadecimal
    tables : whose rows it holds; empty for what is no table
    first, last : sessions of those rows (YYYY-MM-DD), empty where there are none
    """

    name: str
    size: int
    sha256: str
    tables: tuple[str, ...] = ()
    first: str = ""
    last: str = ""


@dataclass(frozen=True)
class Manifest:
    """A backup's table of contents.

    Attributes
    ----------
    home_id, created_by : of the home, and of the program that made the copy
    made : when (UTC, ISO)
    source : facts of the home's market data
    tables : of each table its version, rows and sessions at the moment of the copy
    files : in the order of the archive
    """

    home_id: str
    created_by: str
    made: str
    source: Mapping[str, str] = field(default_factory=dict)
    tables: tuple[Mapping[str, str | int | None], ...] = ()
    files: tuple[FileFact, ...] = ()
    format: int = FORMAT

    def to_bytes(self) -> bytes:
        """The same as JSON."""
        return (json.dumps(asdict(self), indent=1, sort_keys=True) + "\n").encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Manifest:
        """The manifest that `to_bytes` wrote.

        Raises
        ------
        HomeError
            If it is none, a newer Fabline wrote it, or it names a file outside of a home.
        """
        try:
            facts = json.loads(raw)
            newer = facts["format"] > FORMAT
            facts["files"] = tuple(
                FileFact(**{**one, "tables": tuple(one["tables"])}) for one in facts["files"]
            )
            found = cls(**{**facts, "tables": tuple(facts["tables"])})
        except (ValueError, KeyError, TypeError) as error:
            raise HomeError(f"{MANIFEST} does not describe a backup: {error}") from None
        if newer:
            raise HomeError(
                f"the backup has format {found.format}, this Fabline knows {FORMAT}; install a newer one"
            )
        for one in found.files:
            require_inside(one.name)
        return found


@dataclass(frozen=True)
class Damage:
    """One file that is not what it was, and what it held."""

    file: str
    problem: str
    tables: str = ""
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, fact: FileFact, problem: str) -> Damage:
        """The damage of a file that a manifest names."""
        return cls(fact.name, problem, ", ".join(fact.tables), fact.first, fact.last)

    def __str__(self) -> str:
        """One line for a person."""
        sessions = f", sessions {self.first} to {self.last}" if self.first else ""
        held = f" (holds {self.tables}{sessions})" if self.tables else ""
        return f"{self.file} {self.problem}{held}"


def require_inside(name: str) -> None:
    """HomeError unless `name` is that of a file in a home: relative, and never upwards."""
    path = PurePosixPath(name)
    parts = path.parts
    if not parts or path.is_absolute() or ".." in parts or "\\" in name or "\0" in name or str(path) != name:
        raise HomeError(
            f"the archive names {name!r}, which lies outside of a home; nothing of it was written"
        )


def digest_of_file(path: Path) -> tuple[int, str]:
    """Size and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()
