"""The store of a home: computed tables in Delta, recorded ones in SQL, behind one port.

A write first commits the Delta tables, each as a new version that nobody is pointed at yet, and
then, in one SQL transaction, the recorded rows and the versions that hold the computed ones.
Readers follow those pointers. So several tables of both kinds change together or not at all: a
writer that is killed in between leaves versions that the next writer of the table takes back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pandas as pd

from resources import clock as wall
from resources.delta_store import DeltaStore, listing
from resources.recent_rows import Range, RecentRows, between
from resources.sql_store import SqlStore
from trading import frames
from trading.errors import UsageError
from trading.interfaces import Clock
from trading.revisions import as_known


@dataclass(frozen=True)
class ReadRecord:
    """What was read: a table at a version, a range of sessions (None: open), and as of when."""

    table: str
    first: pd.Timestamp | None
    last: pd.Timestamp | None
    as_of: pd.Timestamp | None
    version: int | None
    timeframe: str | None = None
    symbol: str | None = None


class Narrow(TypedDict):
    """What narrows a read further than a range of sessions."""

    timeframe: str | None
    symbol: str | None


class HomeStore:
    """Every table of one home.

    Parameters
    ----------
    delta, sql : where computed and recorded tables live

    Attributes
    ----------
    reads : what was read since the store was made or `take_reads` was called
    """

    def __init__(self, delta: DeltaStore, sql: SqlStore) -> None:
        self.delta = delta
        self.sql = sql
        self.reads: list[ReadRecord] = []
        self._recent = RecentRows()

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
        version: int | None = None,
    ) -> pd.DataFrame:
        """Rows of a range of sessions known at `as_of`, sorted by key; a table not made yet is empty.

        Raises
        ------
        UsageError
            If a recorded table is asked for a version (its history is in `as_of`), or a computed
            one for a version that it does not have.
        HomeError
            If a computed table was written, but its folder is gone.
        """
        recorded = frames.table_of(table).storage == "recorded"
        if recorded and version is not None:
            raise UsageError(f"table {table} is recorded and keeps no versions; ask with an as_of instead")
        published = None if recorded else self._published(table, version)
        self.reads.append(ReadRecord(table, first, last, as_of, published, timeframe, symbol))
        narrow = Narrow(timeframe=timeframe, symbol=symbol)
        if recorded:
            return self.sql.read(table, first, last, as_of=as_of, revisions=revisions, **narrow)
        if published is None:
            return frames.empty(table)
        if first is None or last is None:
            return self.delta.read(
                table, first, last, as_of=as_of, revisions=revisions, **narrow, version=published
            )
        rows = self._rows(published, Range(table, first, last, timeframe, symbol))
        return as_known(table, rows, as_of, revisions=revisions)

    def _rows(self, version: int, wanted: Range) -> pd.DataFrame:
        """All revisions of a range of a computed table, from memory if they were met just before."""
        found = self._recent.find(version, wanted)
        if found is not None and self.delta.holds(wanted.table, version):
            return found
        more = self._recent.worth_reading(version, wanted)
        narrow = Narrow(timeframe=more.timeframe, symbol=more.symbol)
        rows = self.delta.read(more.table, more.first, more.last, revisions=True, **narrow, version=version)
        self._recent.keep(version, more, rows)
        return rows if more == wanted else between(rows, wanted.first, wanted.last)

    def write(
        self,
        tables: Mapping[str, pd.DataFrame],
        first: pd.Timestamp,
        last: pd.Timestamp,
        *,
        commit: Mapping[str, str],
    ) -> None:
        """Replace exactly the sessions `first` to `last` of every table, or add to it: all or nothing."""
        computed = {n: f for n, f in tables.items() if frames.table_of(n).storage == "computed"}
        recorded = {n: f for n, f in tables.items() if n not in computed}
        before = {name: self.sql.version(name) for name in computed}
        for name, version in before.items():
            self.delta.reset(name, version)
        written = self.delta.commit(computed, first, last, commit=commit)
        elsewhere = {name: (made.version, len(made.rows)) for name, made in written.items()}
        self.sql.publish(recorded, first, last, commit=commit, elsewhere=elsewhere)
        for name, made in written.items():
            self._recent.replace(before[name], made.version, Range(name, first, last), made.rows)

    def tables(self) -> pd.DataFrame:
        """One row a table: table, rows, first_session, last_session, version."""
        recorded = self.sql.tables()
        computed = [self.delta.describe(name, version) for name, version in self._heads().items()]
        return listing([*recorded.to_dict("records"), *computed])

    def commits(self) -> pd.DataFrame:
        """Every write of every table: table, version, first, last, rows, run_id, written_at, facts."""
        return self.sql.commits()

    def take_reads(self) -> list[ReadRecord]:
        """What was read since the last call."""
        taken, self.reads = self.reads, []
        return taken

    def close(self) -> None:
        """Give the database's connection back; the next call opens another."""
        self.sql.close()

    def _heads(self) -> dict[str, int]:
        """The published version of each computed table."""
        commits = self.sql.commits()
        newest = commits.groupby("table")["version"].max()
        recorded = frames.names("recorded")
        return {str(name): int(version) for name, version in newest.items() if name not in recorded}

    def _published(self, table: str, version: int | None) -> int | None:
        head = self.sql.version(table)
        if version is None:
            return head
        if head is None or not 0 <= version <= head:
            raise UsageError(
                f"table {table} has no version {version}; "
                + (f"its versions go from 0 to {head}" if head is not None else "it was not made yet")
            )
        return version


def store_at(
    tables: str | Path, database: str | Path, *, create: bool = True, clock: Clock = wall.now, home: str = ""
) -> HomeStore:
    """The store over a root of Delta tables and a database (a path, or `postgresql://…`) of the home of that id."""
    return HomeStore(DeltaStore(tables), SqlStore(database, create=create, clock=clock, home=home))
