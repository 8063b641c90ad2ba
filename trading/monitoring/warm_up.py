"""How much history a stage needs before its values stop changing: found by moving the start of all that it sees."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from trading import calendar, frames, history
from trading.errors import FablineError
from trading.history import History, Rows
from trading.line import Kept, stamped
from trading.monitoring.canary import World
from trading.stages.stage import Moment, Read, Stage

ALIKE = 1e-6  # relative to the column's largest value: below any meaning, above what rounding leaves of an old state
_FAILS = (FablineError, ValueError, IndexError, ArithmeticError, np.linalg.LinAlgError)


@dataclass(frozen=True)
class Need:
    """What one table of a stage needs, in sessions that end with the one that is made.

    Attributes
    ----------
    declared : the oldest session that the stage may read, its own rows included, counted back from its own
    alike : sessions before its own from which on more of them change nothing by a millionth of a column's
        largest value, in the columns that settle at all
    exact : the same bit for bit in every column; None if some still change at `longest`
    longest : how far back the start was moved at most
    unsettled : columns that still change by more than that at `longest`
    """

    table: str
    declared: int
    alike: int
    exact: int | None
    longest: int
    unsettled: tuple[str, ...]


@dataclass
class _Walks:
    """The rows of the last session of a world, made by one stage from different starts."""

    world: World
    stage: Stage
    _made: dict[int, dict[str, pd.DataFrame] | None] = field(default_factory=dict)

    @functools.cached_property
    def inputs(self) -> dict[str, History]:
        """Everything that the stage reads, its own rows excepted."""
        store = self.world.store
        return {
            read.name: History.from_frame(
                read.table, store.read(read.table, revisions=True, timeframe=read.timeframe)
            )
            for read in self.stage.reads
        }

    def made(self, back: int) -> dict[str, pd.DataFrame] | None:
        """The rows of the last session if nothing is known of what lies more than `back` sessions before it."""
        if back not in self._made:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # means of nothing, which is what a short history is
                self._made[back] = self._walked(calendar.shift(self.world.last, -back))
        return self._made[back]

    def _walked(self, start: pd.Timestamp) -> dict[str, pd.DataFrame] | None:
        known = {name: self._since(rows, start) for name, rows in self.inputs.items()}
        own = {read.table: Kept(read, _nothing(read.table)) for read in self.stage.keeps}
        first = start if self.stage.keeps else self.world.last
        try:
            for session in calendar.sessions_between(first, self.world.last):
                moment = self._moment(session, start)
                before = calendar.shift(session, -1)
                kept = {table: rows.rows(before) for table, rows in own.items()}
                made = self.stage.make(moment, _windows(self.stage, known, moment) | kept)
                rows = {table: stamped(columns, moment) for table, columns in made.items()}
                for table, past in own.items():
                    past.append(rows[table], session)
            return {table: history.to_frame(table, [columns]) for table, columns in rows.items()}
        except _FAILS:
            return None  # what cannot be made yet is not the same either

    def _since(self, rows: History, start: pd.Timestamp) -> History:
        """The rows of `start` and later; to a stage with a memory, all rows of what is always made early enough."""
        maker = self.world.plan.makers.get(rows.table)
        if self.stage.keeps and (maker is None or maker.starts == "window"):
            return rows
        kept = np.asarray(rows.values["session"], dtype="datetime64[us]") >= start.to_datetime64()
        return History(rows.table, {name: values[kept] for name, values in rows.values.items()})

    def _moment(self, session: pd.Timestamp, start: pd.Timestamp) -> Moment:
        is_first = session == start
        return Moment(session, calendar.as_of(session), self.world.first, is_first, self.world.models)


def needs_of(world: World, stage: Stage, longest: int) -> list[Need]:
    """What each table of `stage` needs to be at the last session what it is with `longest` sessions of history.

    Found by halving, which takes it that more history never makes a settled value change again.
    """
    walks = _Walks(world, stage)
    declared = max((read.depth for read in (*stage.reads, *stage.keeps)), default=0)
    farthest = declared
    if stage.keeps:
        traded = calendar.distance(world.first, world.last)
        farthest = min(longest, traded) if stage.starts == "inception" else longest
    return [_need(walks, table, declared, farthest) for table in stage.makes]


def _need(walks: _Walks, table: str, declared: int, farthest: int) -> Need:
    settled = walks.world.table(table)
    truth = settled[(settled["session"] == walks.world.last).to_numpy()].reset_index(drop=True)
    unsettled = _changed(truth, walks.made(farthest), table, ALIKE)

    def smallest(within: float, but: frozenset[str]) -> int:
        return _smallest(farthest, lambda back: not _changed(truth, walks.made(back), table, within) - but)

    never = bool(_changed(truth, walks.made(farthest), table, 0.0))
    exact = None if never else smallest(0.0, frozenset())
    return Need(table, declared, smallest(ALIKE, unsettled), exact, farthest, tuple(sorted(unsettled)))


def _smallest(farthest: int, settled: Callable[[int], bool]) -> int:
    """The smallest number of sessions, up to `farthest`, from which on `settled` holds."""
    low, high = -1, farthest
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high


def _changed(
    truth: pd.DataFrame, made: Mapping[str, pd.DataFrame] | None, table: str, within: float
) -> frozenset[str]:
    """The columns of which a value differs by more than `within` of the largest; all of them if rows do."""
    key = list(frames.table_of(table).key)
    if made is None or not truth[key].equals(made[table][key]):
        return frozenset(truth.columns)
    return frozenset(name for name in truth if not _same(truth[name], made[table][name], within))


def _same(one: pd.Series, other: pd.Series, within: float) -> bool:
    if one.dtype != "float64":
        return bool(((one == other) | (one.isna() & other.isna())).all())
    scale = float(np.max(np.nan_to_num(np.abs(one)), initial=0.0))
    return bool(np.allclose(one, other, rtol=0.0, atol=within * scale, equal_nan=True))


def _windows(stage: Stage, known: Mapping[str, History], moment: Moment) -> dict[str, Rows]:
    return {read.name: _window(read, known[read.name], moment) for read in stage.reads}


def _nothing(table: str) -> History:
    return History.from_frame(table, frames.empty(table))


def _window(read: Read, rows: History, moment: Moment) -> Rows:
    last = calendar.shift(moment.session, -read.offset)
    return rows.window(calendar.shift(last, -read.lookback), last, moment.as_of)
