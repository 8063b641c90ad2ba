"""Bars as one series a symbol, with what rules about neighbours need: places, returns, past medians.

Letters of the shapes: n bars, w bars of a window. Every window ends before the bar that it judges.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, market_hours, revisions
from trading.interfaces import Bools, Floats

Ints = NDArray[np.int64]
USUAL_SPLITS = (2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50)  # for one, or the other way round
NEAR_SPLIT = 0.02  # of a log ratio: a stock moves over night, too
MAD_TO_DEVIATION = 1.4826  # of a normal distribution
_BLOCK = 65_536  # windows that are sorted at once: memory, not values


@dataclass(frozen=True)
class BarSeries:
    """Bars of one timeframe, each symbol's in the order of time.

    Attributes
    ----------
    rows : columns of `bars`, the newest revision of each
    symbols : (n,) code of the symbol
    places : (n,) session's place in the calendar
    slots : (n,) place of the bar in its session; 0 for daily and weekly bars
    known : (n,) when the bar and everything before it in its series was known (datetime64, UTC)
    """

    rows: pd.DataFrame
    timeframe: str
    symbols: Ints
    places: Ints
    slots: Ints
    known: NDArray[np.datetime64]

    @property
    def follows(self) -> Bools:
        """(n,) True where the bar before belongs to the same symbol."""
        out = np.zeros(len(self.rows), dtype=bool)
        out[1:] = self.symbols[1:] == self.symbols[:-1]
        return out

    def column(self, name: str) -> Floats:
        """(n,) one column of numbers."""
        return self.rows[name].to_numpy(dtype=np.float64)

    def before(self, values: Floats) -> Floats:
        """(n,) the value of the bar before, NaN at the first of a symbol."""
        shifted = np.full(len(values), np.nan)
        shifted[1:] = values[:-1]
        return np.where(self.follows, shifted, np.nan)

    @functools.cached_property
    def splitting(self) -> Bools:
        """(n,) True where a raw bar opens away from the close before it by the ratio of a usual split.

        Whether there was one is a question to the corporate actions; a rule about prices leaves it out.
        """
        raw = (self.rows["basis"] == "raw").to_numpy() & self.is_adjacent
        jump = np.abs(np.log(self.column("open") / self.before(self.column("close"))))
        ratios = np.log(np.asarray(USUAL_SPLITS, dtype=np.float64))
        out = raw & (jump > ratios[0] - NEAR_SPLIT)
        out[out] = np.abs(jump[out][:, None] - ratios).min(axis=1) < NEAR_SPLIT
        return out

    @functools.cached_property
    def returns(self) -> Floats:
        """(n,) log return of the close since the bar before, 0 over a split; NaN at the first of a symbol."""
        close = self.column("close")
        return np.where(self.splitting, 0.0, np.log(close / self.before(close)))

    @property
    def is_adjacent(self) -> Bools:
        """(n,) True where the bar before is of the same or the previous session (week)."""
        gap = np.diff(self.places, prepend=self.places[:1])
        most = 5 if self.timeframe == "1W" else 1
        return self.follows & (gap <= most)


def series_of(bars: pd.DataFrame, timeframe: str) -> BarSeries:
    """The series of one timeframe.

    Parameters
    ----------
    bars : columns of `bars`, any timeframes, one row a key or with revisions
    """
    chosen = bars[(bars["timeframe"] == timeframe).to_numpy()]
    chosen = chosen.sort_values(["session", "timeframe", "ts", "symbol", "known_at"], kind="stable")
    chosen = revisions.as_known("bars", chosen)
    codes, _ = pd.factorize(chosen["symbol"], sort=True)
    order = np.lexsort((plain(chosen["ts"]), codes))
    rows, codes = chosen.iloc[order].reset_index(drop=True), codes[order].astype(np.int64)
    places = _places(rows["session"])
    slots = np.zeros(len(rows), dtype=np.int64)
    if timeframe == "5min":
        slots = market_hours.slot_of(rows["session"], rows["ts"])
    return BarSeries(rows, timeframe, codes, places, slots, _running_maximum(rows, codes))


def _places(sessions: pd.Series) -> Ints:
    return calendar.all_sessions().get_indexer(pd.DatetimeIndex(sessions)).astype(np.int64)


def _running_maximum(rows: pd.DataFrame, codes: Ints) -> NDArray[np.datetime64]:
    """(n,) the latest `known_at` so far in each symbol's series."""
    moments = pd.Series(plain(rows["known_at"]).astype("int64"))
    return moments.groupby(codes).cummax().to_numpy().astype("datetime64[us]")


@dataclass(frozen=True)
class Look:
    """A window of past values.

    Attributes
    ----------
    width : values in it
    within : sessions that it may reach back at most
    lag : 1 ends it before the element that it is for, 0 with it, more leaves values out
    """

    width: int
    within: int
    lag: int = 1


def past_windows(values: Floats, groups: Ints, places: Ints, look: Look) -> tuple[Ints, Floats]:
    """Windows that lie in one group and are not too old.

    Parameters
    ----------
    values : (n,); groups : (n,) codes, equal ones together; places : (n,) sessions

    Returns
    -------
    at : (m,) elements that have a whole window
    windows : (m, w) the values of each
    """
    at = np.arange(look.width + look.lag - 1, len(values))
    if not len(at):
        return at, np.empty((0, look.width))
    first = at - look.lag - look.width + 1
    whole = (groups[first] == groups[at]) & (places[at] - places[first] <= look.within)
    windows = np.lib.stride_tricks.sliding_window_view(values, look.width)[: len(at)]
    return at[whole], windows[whole]


def past_spread(values: Floats, groups: Ints, places: Ints, look: Look) -> tuple[Floats, Floats]:
    """(n,) median and scaled median absolute deviation of each window; NaN where there is no whole one.

    Both are exact for their window and so the same wherever a series begins.
    """
    middle, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for start in range(0, len(values), _BLOCK):
        low, high = max(0, start - look.width - look.lag + 1), start + _BLOCK
        at, windows = past_windows(values[low:high], groups[low:high], places[low:high], look)
        centre = np.median(windows, axis=1)
        middle[low + at] = centre
        spread[low + at] = np.median(np.abs(windows - centre[:, None]), axis=1)
    return middle, spread * MAD_TO_DEVIATION


def past_median(values: Floats, groups: Ints, places: Ints, look: Look, wanted: Bools) -> Floats:
    """(n,) median of the window of each `wanted` element, NaN of the others and where there is no whole one."""
    middle = np.full(len(values), np.nan)
    reach = look.lag + look.width - 1
    at = np.flatnonzero(wanted)
    at = at[at >= reach]
    first = at - reach
    whole = (groups[first] == groups[at]) & (places[at] - places[first] <= look.within)
    at, first = at[whole], first[whole]
    middle[at] = np.median(values[first[:, None] + np.arange(look.width)], axis=1)
    return middle


def plain(moments: pd.Series) -> NDArray[np.datetime64]:
    """(n,) aware moments in UTC as datetime64[us]; `to_numpy` would make an object of each."""
    return np.asarray(moments.dt.tz_localize(None).array, dtype="datetime64[us]")
