"""A store in memory, with the same rules as the ones on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from trading import frames
from trading.interfaces import Clock
from trading.revisions import APPEND_ONLY, additions, as_known, checked, narrowed


class MemoryStore:
    """Implements `trading.interfaces.Store`; `clock` dates revisions that claim an old `known_at`."""

    def __init__(self, *, clock: Clock | None = None) -> None:
        self._clock = clock
        self._frames: dict[str, pd.DataFrame] = {}
        self._versions: dict[str, int] = {}

    def read(
        self,
        table: str,
        first: pd.Timestamp | None = None,
        last: pd.Timestamp | None = None,
        *,
        as_of: pd.Timestamp | None = None,
        revisions: bool = False,
        timeframe: str | None = None,
        symbol: str | None = None,
    ) -> pd.DataFrame:
        """Rows of a range of sessions known at `as_of`, sorted by key."""
        frame = self._held(table)
        chosen = narrowed(frame[_inside(frame, first, last)], timeframe=timeframe, symbol=symbol)
        return as_known(table, chosen, as_of, revisions=revisions)

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        commit: Mapping[str, str],
    ) -> None:
        """Replace the sessions `first` to `last` of each table, or add to it; all or nothing."""
        del commit
        valid = {name: checked(name, frame, first, last) for name, frame in tables.items()}
        self._frames |= {name: self._changed(name, frame, first, last) for name, frame in valid.items()}
        self._versions |= {name: self._versions.get(name, 0) + 1 for name in valid}

    def sharing(self, tables: Iterable[str]) -> MemoryStore:
        """A store of its own that begins with some of this one's tables, which it does not copy."""
        other = MemoryStore(clock=self._clock)
        other._frames = {name: self._frames[name] for name in tables if name in self._frames}
        other._versions = {name: self._versions[name] for name in other._frames}
        return other

    def tables(self) -> pd.DataFrame:
        """One row a table: table, rows, first_session, last_session, version."""
        rows = [
            (name, len(f), f["session"].min(), f["session"].max(), self._versions[name])
            for name, f in sorted(self._frames.items())
        ]
        listed = pd.DataFrame(rows, columns=["table", "rows", "first_session", "last_session", "version"])
        days = dict.fromkeys(("first_session", "last_session"), "datetime64[us]")
        return listed.astype({"table": "str", "rows": "int64", "version": "Int64", **days})

    def _held(self, table: str) -> pd.DataFrame:
        return self._frames[table] if table in self._frames else frames.empty(table)

    def _changed(
        self, table: str, frame: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp
    ) -> pd.DataFrame:
        known = self._held(table)
        inside = _inside(known, first, last)
        if table in APPEND_ONLY:
            kept, new = known, additions(table, known[inside], frame, self._clock)
        else:
            kept, new = known[~inside], frame
        parts = [part for part in (kept, new) if len(part)]
        joined = pd.concat(parts) if parts else frames.empty(table)
        return joined.sort_values(list(frames.table_of(table).key), kind="stable", ignore_index=True)


def _inside(frame: pd.DataFrame, first: pd.Timestamp | None, last: pd.Timestamp | None) -> pd.Series[bool]:
    inside = pd.Series(data=True, index=frame.index, dtype=bool)
    if first is not None:
        inside &= frame["session"] >= first
    if last is not None:
        inside &= frame["session"] <= last
    return inside
