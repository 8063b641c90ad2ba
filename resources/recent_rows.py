"""What a process has just read or written of computed tables, so that it need not open the files again.

Eight stages of one evening look back on the same windows, and the next evening's windows are these and one session
more. A version of a table never changes, so rows that are kept of it are right for as long as readers are
pointed at that version.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar
from trading.revisions import narrowed

MOST_ROWS = 60_000  # of one table: an evening's look-back, and not a run over years
_NEAR = pd.Timedelta(days=600)  # ranges that lie in one such stretch are read together


@dataclass(frozen=True)
class Range:
    """A range of sessions of a table, of one timeframe and symbol where they are named."""

    table: str
    first: pd.Timestamp
    last: pd.Timestamp
    timeframe: str | None = None
    symbol: str | None = None

    @property
    def part(self) -> tuple[str, str | None, str | None]:
        """What it is a range of."""
        return self.table, self.timeframe, self.symbol


@dataclass(frozen=True)
class Kept:
    """All rows of a range, all revisions, sorted by key, as one version of the table holds them."""

    version: int
    range: Range
    rows: pd.DataFrame


class RecentRows:
    """Rows of the tables that were read last, one range of each."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str | None, str | None], Kept] = {}

    def find(self, version: int, wanted: Range) -> pd.DataFrame | None:
        """The rows of a range at `version`; None if not all of it is kept."""
        kept = self._of(version, wanted)
        if kept is None or wanted.first < kept.range.first or wanted.last > kept.range.last:
            return None
        return between(kept.rows, wanted.first, wanted.last)

    def worth_reading(self, version: int, wanted: Range) -> Range:
        """`wanted`, and what lies between it and what is kept if that is near: stages look back on several stretches."""
        kept = self._of(version, wanted)
        if kept is None:
            return wanted
        first, last = min(wanted.first, kept.range.first), max(wanted.last, kept.range.last)
        return Range(wanted.table, first, last, *wanted.part[1:]) if last - first <= _NEAR else wanted

    def keep(self, version: int, read: Range, rows: pd.DataFrame) -> None:
        """Keep what was read, unless it is much."""
        self._kept.pop(read.part, None)
        if len(rows) <= MOST_ROWS:
            self._kept[read.part] = Kept(version, read, rows)

    def replace(self, before: int | None, after: int, written: Range, rows: pd.DataFrame) -> None:
        """Follow a write, which made version `after` of the table that readers saw as `before`."""
        for part in [part for part in self._kept if part[0] == written.table]:
            kept = self._kept.pop(part)
            if kept.version == before:
                mine = narrowed(rows, timeframe=part[1], symbol=part[2])
                self.keep(after, *_replaced(kept, written, mine))

    def _of(self, version: int, wanted: Range) -> Kept | None:
        kept = self._kept.get(wanted.part)
        return kept if kept is not None and kept.version == version else None


def _replaced(kept: Kept, written: Range, rows: pd.DataFrame) -> tuple[Range, pd.DataFrame]:
    """Rows of the sessions written give way to `rows`; a range that they follow on grows by them."""
    mine = kept.range
    follows = mine.first <= written.first <= calendar.shift(mine.last, 1)
    last = max(mine.last, written.last) if follows else mine.last
    start, stop = _places(kept.rows, written.first, written.last)
    parts = (kept.rows.iloc[:start], between(rows, mine.first, last), kept.rows.iloc[stop:])
    filled = [part for part in parts if len(part)]
    joined = pd.concat(filled, ignore_index=True) if filled else kept.rows.iloc[:0]
    return Range(mine.table, mine.first, last, *mine.part[1:]), joined


def between(rows: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """Rows of a range of sessions."""
    start, stop = _places(rows, first, last)
    return rows.iloc[start:stop]


def _places(rows: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> tuple[int, int]:
    """Where a range of sessions begins and ends in rows whose key begins with the session."""
    days = rows["session"].to_numpy()
    start = np.searchsorted(days, first.to_datetime64())
    return int(start), int(np.searchsorted(days, last.to_datetime64(), side="right"))
