"""The leak canary: change everything that was known after a cut, make the line again, and compare.

A value up to the cut that moves has seen the future. The canary knows nothing of what it tests: it
takes a way to turn a market into tables, so it serves the graph, the in-memory line and mutants alike.
The cut is a session, or within one a moment: then no bar that ended by it may have seen a later one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar, frames, market_hours
from trading.digest import generator

Market = Mapping[str, pd.DataFrame]
MakeTables = Callable[[Market], Market]
PRICES = ["open", "high", "low", "close"]


@dataclass(frozen=True)
class Leak:
    """A table whose past moved when only the future was changed.

    Attributes
    ----------
    table, columns : where; empty columns if rows appeared or vanished
    session : the first session that moved, at or before the cut
    sessions_ahead : how many sessions before the cut it lies, so at least how far it looks ahead
    """

    table: str
    columns: tuple[str, ...]
    session: pd.Timestamp
    sessions_ahead: int


def another_future(market: Market, cut: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """`market` with every bar and corporate action that was known after `as_of(cut)` made different.

    Prices are scaled bar by bar by a factor of between a half and two, volumes likewise, and
    actions disappear: nothing that depends on them can stay the same by accident.
    """
    decided = calendar.as_of(cut)
    return _other(market, (market["bars"]["known_at"] > decided).to_numpy(), decided, cut)


def another_afternoon(market: Market, moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """`market` with every bar made different that ended after `moment` (UTC), which lies within a session.

    That session's own daily bar is among them, and every revision that came after the session decided.
    Corporate actions that were not known by then disappear.
    """
    bars = market["bars"]
    decided = calendar.as_of(_session_at(moment))
    later = (_ends(bars) > moment) | (bars["known_at"] > decided).to_numpy()
    return _other(market, later, moment, moment)


def _other(
    market: Market, later: np.ndarray, known: pd.Timestamp, name: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """The market with the rows `later` of its bars made different, and actions known after `known` gone."""
    bars, actions = market["bars"].copy(), market["corporate_actions"]
    draws = generator("another_future", name)
    bars.loc[later, PRICES] = bars.loc[later, PRICES].mul(
        np.exp(draws.uniform(-0.7, 0.7, later.sum())), axis=0
    )
    bars.loc[later, "volume"] = bars.loc[later, "volume"] * np.exp(draws.uniform(-0.7, 0.7, later.sum()))
    return {**market, "bars": bars, "corporate_actions": actions[(actions["known_at"] <= known).to_numpy()]}


def find_leaks(make: MakeTables, market: Market, cut: pd.Timestamp) -> list[Leak]:
    """Every table that sees past `cut`, judged by making it from two markets that agree up to then."""
    before, after = make(market), make(another_future(market, cut))
    moved = (moved_before(table, before[table], after[table], cut) for table in before)
    return [leak for leak in moved if leak is not None]


def find_intraday_leaks(make: MakeTables, market: Market, moment: pd.Timestamp) -> list[Leak]:
    """Every table of bars that sees past `moment` (UTC), which lies within a session.

    Judged are the rows whose bar had ended by then, in tables that say when a bar begins; of the others
    the sessions before.
    """
    before, after = make(market), make(another_afternoon(market, moment))
    moved = (moved_until(table, before[table], after[table], moment) for table in before)
    return [leak for leak in moved if leak is not None]


def moved_until(table: str, before: pd.DataFrame, after: pd.DataFrame, moment: pd.Timestamp) -> Leak | None:
    """The first difference between rows of two versions of a table whose bars had ended by `moment`."""
    session = _session_at(moment)
    if "ts" not in frames.table_of(table).key:
        return moved_before(table, before, after, calendar.shift(session, -1))
    one, other = (
        frame[np.asarray(_ends(frame) <= moment)].reset_index(drop=True) for frame in (before, after)
    )
    return _moved(table, one, other, session)


def _session_at(moment: pd.Timestamp) -> pd.Timestamp:
    return pd.Timestamp(market_hours.session_at(pd.DatetimeIndex([moment]))[0]).as_unit("us")


def _ends(rows: pd.DataFrame) -> pd.DatetimeIndex:
    """(n,) when the bar of each row ends (UTC)."""
    ends = pd.Series(pd.NaT, index=range(len(rows)), dtype="datetime64[us, UTC]")
    timeframes = rows["timeframe"].to_numpy(dtype=object)
    for timeframe in frames.TIMEFRAMES:
        mine = timeframes == timeframe
        ends[mine] = market_hours.bar_ends(rows.loc[mine, "session"], rows.loc[mine, "ts"], timeframe)
    return pd.DatetimeIndex(ends)


def moved_before(table: str, before: pd.DataFrame, after: pd.DataFrame, cut: pd.Timestamp) -> Leak | None:
    """The first difference between two versions of a table up to `cut`, if there is one."""
    one, other = (
        frame[(frame["session"] <= cut).to_numpy()].reset_index(drop=True) for frame in (before, after)
    )
    return _moved(table, one, other, cut)


def _moved(table: str, one: pd.DataFrame, other: pd.DataFrame, cut: pd.Timestamp) -> Leak | None:
    """The first difference between the rows up to a cut, if there is one."""
    key = list(frames.table_of(table).key)
    if not one[key].equals(other[key]):
        return _leak(table, (), _first_unshared(one[key], other[key]), cut)
    changed = {column: _differs(one[column], other[column]) for column in one.columns}
    columns = tuple(column for column, rows in changed.items() if rows.any())
    if not columns:
        return None
    first = min(one.loc[changed[column], "session"].min() for column in columns)
    return _leak(table, columns, first, cut)


def _leak(table: str, columns: tuple[str, ...], session: pd.Timestamp, cut: pd.Timestamp) -> Leak:
    return Leak(table, columns, session, calendar.distance(session, cut) + 1)


def _differs(one: pd.Series, other: pd.Series) -> np.ndarray:
    """(n,) where two columns differ in their bytes; a missing value equals itself."""
    if one.dtype == "float64":
        return one.to_numpy().view(np.int64) != other.to_numpy().view(np.int64)
    return ((one != other) & ~(one.isna() & other.isna())).to_numpy(dtype=bool)


def _first_unshared(one: pd.DataFrame, other: pd.DataFrame) -> pd.Timestamp:
    merged = one.merge(other, how="outer", indicator=True)
    return merged.loc[merged["_merge"] != "both", "session"].min()
