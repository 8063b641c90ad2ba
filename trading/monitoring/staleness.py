"""Which made sessions rest on something that came in after they were made, and on what.

A revision, a late bar or a corporate action never changes a session decided before it was known. From
then on, exactly the sessions whose declared windows contain it are stale, if they were made before it
came in: of every stage that reads it, of every stage that reads those, and of a stage that keeps state
every later session. Nothing is made here and nothing compared: it all follows from the declarations.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames
from trading.plan import SOURCES, Plan
from trading.stages.stage import Read, Stage

Moments = NDArray[np.int64]
Marks = NDArray[np.int64]
READ_AT = "read_at"  # in a commit's facts: when what it was made of was read
_NEVER = -1


@dataclass(frozen=True)
class Cause:
    """What made sessions stale: a row that came in late, or a table that was made again.

    Attributes
    ----------
    table : of the row, or the table that was made again
    session : of the row, or the first that rests on the table and was not made again with it
    known_at, symbol : of the row; None and empty where a table was made again
    came_in : when the row came in, or the table was made again
    """

    table: str
    session: pd.Timestamp
    came_in: pd.Timestamp
    symbol: str = ""
    known_at: pd.Timestamp | None = None

    def __str__(self) -> str:
        """One line for a person."""
        came = f"{self.came_in:%Y-%m-%d %H:%M} UTC"
        if self.known_at is None:
            return f"{self.table} was made again {came}, and what rests on it from {self.session:%Y-%m-%d} on was not"
        known = f"{self.known_at:%Y-%m-%d %H:%M} UTC"
        return f"{self.table}: {self.symbol} of {self.session:%Y-%m-%d}, known since {known}, came in {came}"


@dataclass(frozen=True)
class StaleTable:
    """Sessions of one table that must be made again, and what makes the first of them stale."""

    table: str
    sessions: pd.DatetimeIndex
    cause: Cause


def arrivals(table: str, rows: pd.DataFrame, commits: pd.DataFrame) -> pd.DataFrame:
    """`rows` of one recorded table, every revision of them, with the moment at which each `came_in`.

    A row came in with a commit that covers its session, symbol and timeframe and was not written before
    the row was known. Each commit says how many rows it added: from the newest commit back, those that fit
    it, revise most and were known last came with it. A row that fits none counts as the newest of all.

    Parameters
    ----------
    rows : columns of the table's key
    commits : of this table: first, last, rows, written_at, facts (JSON: symbols, timeframe)
    """
    prefix = [column for column in frames.table_of(table).key if column != "known_at"]
    rows = rows.sort_values([*prefix, "known_at"], kind="stable", ignore_index=True)
    rank, known = rows.groupby(prefix).cumcount().to_numpy(), _micros(rows["known_at"])
    came = np.full(len(rows), _NEVER)
    days = pd.DatetimeIndex(rows["session"])
    for commit in commits.sort_values("written_at", kind="stable")[::-1].itertuples(index=False):
        part = slice(days.searchsorted(commit.first), days.searchsorted(commit.last, side="right"))
        written = commit.written_at.value // 1000
        fits = (came[part] == _NEVER) & (known[part] <= written) & _is_of(rows[part], commit)
        places = np.flatnonzero(fits) + part.start
        newest = places[np.lexsort((known[places], rank[places]))][::-1]
        came[newest[: commit.rows]] = written
    otherwise = np.maximum(known, _micros(commits["written_at"]).max(initial=_NEVER))
    moments = pd.to_datetime(np.where(came == _NEVER, otherwise, came), unit="us", utc=True)
    return rows.assign(came_in=moments.as_unit("us"))


def _is_of(rows: pd.DataFrame, commit: Any) -> NDArray[np.bool_]:
    """(n,) True where a row is of what a load says that it was of; everywhere if it does not say."""
    facts = json.loads(getattr(commit, "facts", None) or "{}")
    fits = np.ones(len(rows), dtype=bool)
    for column, named in (("symbol", facts.get("symbols")), ("timeframe", facts.get("timeframe"))):
        if named and column in rows:
            fits &= rows[column].isin(named.split(",")).to_numpy()
    return fits


def stale_tables(
    plan: Plan, commits: pd.DataFrame, arrived: Mapping[str, pd.DataFrame]
) -> tuple[StaleTable, ...]:
    """Every table with stale sessions, in causal order.

    Parameters
    ----------
    plan : which stage reads how much of what
    commits : what was written when: table, first, last, written_at, facts (may be absent)
    arrived : rows of each source with their `came_in`, as `arrivals` gives them
    """
    if commits.empty:
        return ()
    days = calendar.sessions_between(commits["first"].min(), commits["last"].max())
    made = {str(table): _last_made(own, days) for table, own in commits.groupby("table")}
    spread = _Spread(plan, days, made, arrived)
    for stage in plan.stages:
        spread.judge(stage)
    return spread.found()


class _Spread:
    """How staleness spreads from the sources through the graph, one stage after the other."""

    def __init__(
        self,
        plan: Plan,
        days: pd.DatetimeIndex,
        made: Mapping[str, Moments],
        arrived: Mapping[str, pd.DataFrame],
    ) -> None:
        self._plan = plan
        self._days = days
        self._made = made
        self._rows = {table: _Rows(frame, days) for table, frame in arrived.items()}
        self._causes: list[Cause] = []
        self._marks: dict[str, Marks] = {}

    def judge(self, stage: Stage) -> None:
        """Mark the stale sessions of each table of `stage` with the number of their cause."""
        for table in stage.makes:
            self._marks[table] = self._through_reads(stage, table)
        self._carry_state(stage)

    def found(self) -> tuple[StaleTable, ...]:
        """What was marked."""
        marked = {table: np.flatnonzero(marks != _NEVER) for table, marks in self._marks.items()}
        return tuple(
            StaleTable(table, self._days[places], self._causes[self._marks[table][places[0]]])
            for table, places in marked.items()
            if len(places)
        )

    def _through_reads(self, stage: Stage, table: str) -> Marks:
        marks = np.full(len(self._days), _NEVER)
        mine = self._made.get(table)
        if mine is None:
            return marks
        follows = stage.causes_of(table)
        for read in stage.reads:
            if read.table in follows:
                seen = (
                    self._through_source(read, mine) if read.table in SOURCES else self._through(read, mine)
                )
                marks = np.where(marks == _NEVER, seen, marks)
        for own in set(stage.makes).intersection(follows):
            marks = np.where(marks == _NEVER, self._marks[own], marks)
        return np.where(mine == _NEVER, _NEVER, marks)

    def _through_source(self, read: Read, mine: Moments) -> Marks:
        """Sessions that see a row of a source that came in after they were made."""
        marks = np.full(len(self._days), _NEVER)
        rows = self._rows.get(read.table)
        for row in rows.after(read, mine) if rows is not None else ():
            window = slice(max(row.place + read.offset, row.informed), row.place + read.depth + 1)
            late = (mine[window] != _NEVER) & (mine[window] < row.came_in) & (marks[window] == _NEVER)
            if late.any():
                marks[window][late] = self._number(row.cause(read.table))
        return marks

    def _through(self, read: Read, mine: Moments) -> Marks:
        """Sessions whose window of another table holds stale sessions, or ones that were made after them."""
        places = np.arange(len(self._days))
        theirs = self._marks[read.table]
        last = _shifted(np.maximum.accumulate(np.where(theirs != _NEVER, places, _NEVER)), read.offset)
        seen = (last != _NEVER) & (last >= places - read.depth)
        marks = np.where(seen, theirs[last], _NEVER)
        again = self._made.get(read.table)
        if again is None:
            return marks
        newest = _greatest(_shifted(again, read.offset), read.lookback + 1)
        outdated = (newest > mine) & (mine != _NEVER) & (marks == _NEVER)
        if outdated.any():
            first = int(outdated.argmax())
            cause = Cause(read.table, self._days[first], _moment(int(newest[first])))
            marks = np.where(outdated, self._number(cause), marks)
        return marks

    def _carry_state(self, stage: Stage) -> None:
        """A stage that keeps state carries on what it kept: every session after a stale one is stale."""
        begins = [
            (int((self._marks[kept.table] != _NEVER).argmax()), kept)
            for kept in stage.keeps
            if (self._marks[kept.table] != _NEVER).any()
        ]
        if not begins:
            return
        first, kept = min(begins, key=lambda begin: begin[0])
        number, after = self._marks[kept.table][first], slice(first + 1, None)
        for table in stage.makes:
            marks, mine = self._marks[table], self._made.get(table)
            if mine is not None:
                open_ = (marks[after] == _NEVER) & (mine[after] != _NEVER)
                marks[after] = np.where(open_, number, marks[after])

    def _number(self, cause: Cause) -> int:
        self._causes.append(cause)
        return len(self._causes) - 1


@dataclass(frozen=True)
class _Row:
    """A row that came in: place of its session, of the first session that could know it, and when."""

    place: int
    informed: int
    came_in: int
    session: pd.Timestamp
    symbol: str
    known_at: pd.Timestamp

    def cause(self, table: str) -> Cause:
        return Cause(table, self.session, _moment(self.came_in), self.symbol, self.known_at)


class _Rows:
    """Rows of one source, of each session, moment of knowledge and of coming in one of each timeframe."""

    def __init__(self, frame: pd.DataFrame, days: pd.DatetimeIndex) -> None:
        several = [c for c in ("session", "timeframe", "known_at", "came_in") if c in frame]
        self._frame = frame.drop_duplicates(several).sort_values("came_in", kind="stable")
        self._places = days.searchsorted(pd.DatetimeIndex(self._frame["session"]))
        self._informed = calendar.as_of_each(days).searchsorted(pd.DatetimeIndex(self._frame["known_at"]))
        self._came = _micros(self._frame["came_in"])

    def after(self, read: Read, mine: Moments) -> list[_Row]:
        """Those of the timeframe that is read which came in after any session that could see them was made."""
        begin = np.minimum(np.maximum(self._places + read.offset, self._informed), len(mine))
        made = np.append(np.where(mine == _NEVER, np.iinfo(np.int64).max, mine), np.iinfo(np.int64).max)
        earliest = np.minimum.accumulate(made[::-1])[::-1]
        wanted = self._came > earliest[begin]
        if read.timeframe is not None and "timeframe" in self._frame:
            wanted &= (self._frame["timeframe"] == read.timeframe).to_numpy()
        return [
            _Row(int(self._places[n]), int(self._informed[n]), int(self._came[n]), row.session, row.symbol, row.known_at)
            for n, row in zip(np.flatnonzero(wanted), self._frame[wanted].itertuples(), strict=True)
        ]  # fmt: skip


def _last_made(commits: pd.DataFrame, days: pd.DatetimeIndex) -> Moments:
    """(n,) microseconds since 1970: when what each of `days` was last made of was read."""
    moments = np.full(len(days), _NEVER)
    for commit in commits.sort_values("written_at", kind="stable").itertuples(index=False):
        read = json.loads(getattr(commit, "facts", None) or "{}").get(READ_AT)
        moment = commit.written_at if read is None else pd.Timestamp(read)
        part = slice(days.searchsorted(commit.first), days.searchsorted(commit.last, side="right"))
        moments[part] = moment.value // 1000
    return moments


def _shifted(values: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`values` of `count` sessions earlier."""
    return np.concatenate([np.full(min(count, len(values)), _NEVER), values[: len(values) - count]])


def _greatest(values: Moments, count: int) -> Moments:
    """(n,) the greatest of the last `count` values; microseconds fit a float to the last digit."""
    return pd.Series(values).rolling(count, min_periods=1).max().to_numpy().astype(np.int64)


def _micros(moments: pd.Series[Any]) -> Moments:
    return moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)


def _moment(microseconds: int) -> pd.Timestamp:
    return pd.Timestamp(microseconds, unit="us", tz="UTC")
