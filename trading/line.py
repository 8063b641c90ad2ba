"""The line itself: one stage over one range of sessions, and all stages over a store.

The Dagster assets call `make_range`; `run_line` calls it for every stage in turn. So the graph and
the in-memory line agree by construction, and a backtest is the same code as a live evening.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from trading import calendar, history
from trading.errors import LookAheadError, MissingBarsError, MissingStateError
from trading.history import Columns, History, Rows
from trading.interfaces import Store
from trading.plan import Plan
from trading.stages.stage import ModelBook, Moment, Read, Stage

Progress = Callable[[str, int, int], None]


def silent(_stage: str, _done: int, _total: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Request:
    """Which sessions of which home to make, with which models.

    `first` to `last` are sessions at or after `inception`; where `first` is the inception, every
    stage also makes what leads up to it.
    """

    inception: pd.Timestamp
    first: pd.Timestamp
    last: pd.Timestamp
    models: ModelBook
    progress: Progress = field(default=silent)

    @property
    def is_from_inception(self) -> bool:
        """Whether the range begins where the home does."""
        return self.first == self.inception


def make_range(stage: Stage, plan: Plan, store: Store, request: Request) -> dict[str, pd.DataFrame]:
    """The tables of `stage` for a range of sessions, from what `store` held as of each of them.

    Returns
    -------
    A validated frame for each table the stage makes, not yet written.

    Raises
    ------
    UsageError
        If the range begins before inception.
    MissingBarsError, MissingStateError
        If something that the stage reads, or its own previous session, is not there.
    """
    sessions = plan.sessions(stage.name, request.inception, request.first, request.last)
    begins = {read.table: plan.first_session(read.table, request.inception) for read in stage.reads}
    inputs = {r.name: _history(stage, r, store, sessions, begins[r.table]) for r in stage.reads}
    own = {read.table: _previous(store, read, sessions[0]) for read in stage.keeps}
    start = plan.first_session(stage.name, request.inception)
    made: dict[str, list[Columns]] = {table: [] for table in stage.makes}
    for place, session in enumerate(sessions):
        decided = calendar.as_of(session)
        moment = Moment(session, decided, request.inception, session == start, request.models)
        rows = _visible(stage, moment, inputs) | _kept(stage, moment, own)
        for table, columns in stage.make(moment, rows).items():
            rows_made = stamped(columns, moment)
            made[table].append(rows_made)
            if table in own:
                own[table].append(rows_made, session)
        request.progress(stage.name, place + 1, len(sessions))
    return {table: history.to_frame(table, parts) for table, parts in made.items()}


def _history(
    stage: Stage, read: Read, store: Store, sessions: pd.DatetimeIndex, begins: pd.Timestamp
) -> History:
    """All rows of a table that any of `sessions` looks back on, without a hole after the table `begins`."""
    first = calendar.shift(sessions[0], -read.depth)
    last = calendar.shift(sessions[-1], -read.offset)
    decided = calendar.as_of(sessions[-1])
    frame = store.read(read.table, first, last, as_of=decided, revisions=True, timeframe=read.timeframe)
    if read.is_required:
        expected = calendar.sessions_between(max(first, begins), last)
        _refuse_holes(stage, read, expected.difference(pd.DatetimeIndex(frame["session"].unique())))
    return History.from_frame(read.table, frame)


def _refuse_holes(stage: Stage, read: Read, missing: pd.DatetimeIndex) -> None:
    if len(missing):
        raise MissingBarsError(
            f"{stage.name} looks back on {read.table}, which has no rows in {len(missing)} sessions from "
            f"{missing[0]:%Y-%m-%d} to {missing[-1]:%Y-%m-%d}; make them first "
            f"(fabline run --from {missing[0]:%Y-%m-%d})"
        )


class Kept:
    """The sessions of its own table that a stage looks back on, moved on by one session at a time."""

    def __init__(self, read: Read, kept: History) -> None:
        self._read = read
        self._kept = kept

    def rows(self, last: pd.Timestamp) -> Rows:
        """What is kept up to session `last`."""
        first = calendar.shift(last, -self._read.lookback)
        return self._kept.window(first, last, calendar.as_of(last))

    def append(self, made: Columns, session: pd.Timestamp) -> None:
        """Take up the rows of `session`, and let go of those that no later session looks back on."""
        oldest = calendar.shift(session, -self._read.lookback).to_datetime64()
        self._kept = self._kept.moved_on(int(np.searchsorted(self._kept.values["session"], oldest)), made)


def _previous(store: Store, read: Read, session: pd.Timestamp) -> Kept:
    first, last = calendar.shift(session, -read.depth), calendar.shift(session, -1)
    frame = store.read(read.table, first, last, timeframe=read.timeframe)
    return Kept(read, History.from_frame(read.table, frame))


def _visible(stage: Stage, moment: Moment, inputs: Mapping[str, History]) -> dict[str, Rows]:
    return {read.name: _look_back(stage, read, moment, inputs[read.name]) for read in stage.reads}


def _look_back(stage: Stage, read: Read, moment: Moment, rows: History) -> Rows:
    last = calendar.shift(moment.session, -read.offset)
    window = rows.window(calendar.shift(last, -read.lookback), last, moment.as_of)
    excused = not read.is_required or (moment.is_first and read.offset > 0)
    if not excused and not len(window.at(last)):
        raise MissingBarsError(
            f"{stage.name} needs {read.table} at {last:%Y-%m-%d} to make {moment.session:%Y-%m-%d}, "
            f"and there are no rows known at {moment.as_of:%Y-%m-%d %H:%M} UTC; make {read.table} first"
        )
    return window


def _kept(stage: Stage, moment: Moment, own: Mapping[str, Kept]) -> dict[str, Rows]:
    if not stage.keeps:
        return {}
    last = calendar.shift(moment.session, -1)
    kept = {read.table: own[read.table].rows(last) for read in stage.keeps}
    if not moment.is_first and not any(len(rows.at(last)) for rows in kept.values()):
        raise MissingStateError(
            f"{stage.name} cannot make {moment.session:%Y-%m-%d}: its own rows of {last:%Y-%m-%d} are missing; "
            f"make the sessions from {last:%Y-%m-%d} on first (fabline backfill --from {last:%Y-%m-%d})"
        )
    return kept


def stamped(columns: Columns, moment: Moment) -> Columns:
    """The columns that a stage has made, with the session and when it was known."""
    count = len(next(iter(columns.values())))
    session = np.full(count, moment.session.to_datetime64().astype("datetime64[us]"))
    known = np.full(count, moment.as_of.tz_localize(None).to_datetime64().astype("datetime64[us]"))
    return {**columns, "session": session, "known_at": known}


def refuse_future(session: pd.Timestamp, now: pd.Timestamp) -> None:
    """Refuse to make a session before it has decided.

    Raises
    ------
    LookAheadError
        If `as_of(session)` is after `now`.
    """
    if calendar.as_of(session) > now:
        last = calendar.last_closed(now)
        raise LookAheadError(
            f"session {session:%Y-%m-%d} decides at {calendar.as_of(session):%Y-%m-%d %H:%M} UTC, which has not "
            f"come yet; the last session that can be made is {last:%Y-%m-%d}"
        )


def run_line(plan: Plan, store: Store, request: Request, train: Callable[[Store], ModelBook]) -> None:
    """Make every stage over the range, each into `store`, without Dagster.

    `train` is called once, when the first stage that uses models is due: the features are there by then.
    """
    trained = False
    for stage in plan.stages:
        if stage.uses_models and not trained:
            request, trained = replace(request, models=train(store)), True
        make_and_write(stage, plan, store, request)


def make_and_write(
    stage: Stage, plan: Plan, store: Store, request: Request, commit: Mapping[str, str] | None = None
) -> dict[str, pd.DataFrame]:
    """Make the tables of `stage` and write them over the sessions that were made, in one transaction."""
    made = make_range(stage, plan, store, request)
    sessions = plan.sessions(stage.name, request.inception, request.first, request.last)
    store.write(made, sessions[0], sessions[-1], commit=commit or {"stage": stage.name})
    return made
