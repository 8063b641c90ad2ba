"""Digests of the files that a source reads, by which a file that was changed is known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from trading.interfaces import MarketDataSource

_BYTES = 8


@runtime_checkable
class Filed(Protocol):
    """A source that reads files."""

    def files(self, timeframe: str) -> list[Path]:
        """The files from which bars of a timeframe, and what goes with them, are read."""
        ...


def digests_of(source: MarketDataSource, timeframe: str) -> dict[str, str] | None:
    """Name and digest of each file behind bars of a timeframe, None of a source that reads none."""
    return digests(source.files(timeframe)) if isinstance(source, Filed) else None


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Folder, name and digest of each file: all of it is read, so one that was only touched is the same."""
    told = {}
    for path in paths:
        with path.open("rb") as file:
            told[f"{path.parent.name}/{path.name}"] = hashlib.file_digest(
                file, lambda: hashlib.blake2b(digest_size=_BYTES)
            ).hexdigest()
    return told


def changed(now: Mapping[str, str], before: Mapping[str, str]) -> tuple[str, ...]:
    """Names of the files that are new or hold something else; one that is gone takes nothing from the store."""
    return tuple(sorted(name for name, digest in now.items() if before.get(name) != digest))
