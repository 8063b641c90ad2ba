"""Five-minute bars of a few sessions on the exchange's grid, with their gaps filled and flagged.

Letters of the shapes: n bars of the grid, w sessions, s symbols.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, market_hours
from trading.features.adjustment import adjustment_factors, raw_symbols
from trading.features.filling import MOST_BARS, gap_sources
from trading.history import Rows
from trading.interfaces import Bools, Floats

BARS_A_SESSION = 78
VALUES = ("open", "high", "low", "close", "volume")
_CLOSE, _VOLUME = 3, 4


@dataclass(frozen=True)
class Grid:
    """The places of the bars of some sessions, one after another.

    Attributes
    ----------
    sessions : (w,)
    starts : (n,) when each bar begins, UTC without a zone
    begins : (w + 1,) place of the first bar of each session, and n
    """

    sessions: pd.DatetimeIndex
    starts: NDArray[np.datetime64]
    begins: NDArray[np.int64]

    @functools.cached_property
    def day(self) -> NDArray[np.int64]:
        """(n,) which of the sessions each bar is of."""
        return np.repeat(np.arange(len(self.sessions)), np.diff(self.begins))

    @property
    def last(self) -> range:
        """Places of the bars of the last session."""
        return range(int(self.begins[-2]), int(self.begins[-1]))


def grid_of(sessions: pd.DatetimeIndex) -> Grid:
    """The grid of `sessions`."""
    parts = [_starts(session) for session in sessions]
    return Grid(sessions, np.concatenate(parts), np.cumsum([0, *map(len, parts)]))


@functools.lru_cache(maxsize=64)
def _starts(session: pd.Timestamp) -> NDArray[np.datetime64]:
    return market_hours.grid(session).tz_localize(None).to_numpy()


@dataclass(frozen=True)
class IntradayBars:
    """Bars of some sessions, NaN where a symbol has none.

    Attributes
    ----------
    values : (n, s, 5) open, high, low, close and volume, on the bars' own basis
    filled : (n, s) whether a bar was not observed and repeats the close before it
    price, shares : (w, s) factors that bring each session's prices and volumes to the scale of the last
    """

    grid: Grid
    symbols: tuple[str, ...]
    values: Floats
    filled: Bools
    price: Floats
    shares: Floats

    def until(self, count: int) -> IntradayBars:
        """The first `count` places of the grid, as if the others were still to come."""
        begins = np.minimum(self.grid.begins, count)
        grid = Grid(self.grid.sessions, self.grid.starts[:count], begins)
        return replace(self, grid=grid, values=self.values[:count], filled=self.filled[:count])


def intraday_bars(
    bars: Rows, actions: Rows, symbols: Sequence[str], until: pd.Timestamp | None = None
) -> IntradayBars:
    """Five-minute bars of a window with gaps of at most three bars filled, never into another session.

    Parameters
    ----------
    bars : five-minute rows of `bars`; what lies outside the grid is left out
    actions : rows of `corporate_actions` of the same sessions or more, known at the same moment
    until : the last session of the grid, if that is to go on after the window; it has no bars then

    Raises
    ------
    DataError
        If bars of one symbol have different bases, naming the symbol and the session.
    """
    grid, names = grid_of(calendar.sessions_between(bars.first, until or bars.last)), tuple(symbols)
    cube = bars.block(VALUES, ts=pd.DatetimeIndex(grid.starts), symbol=names)
    raw = raw_symbols(bars, names, "5min")
    price, shares = factors(cube, grid, actions, names)
    price, shares = np.where(raw, price, 1.0), np.where(raw, shares, 1.0)
    observed = IntradayBars(grid, names, cube, np.zeros(cube.shape[:2], dtype=bool), price, shares)
    return filled_bars(observed)


def factors(cube: Floats, grid: Grid, actions: Rows, symbols: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Factors (w, s) of raw prices and volumes from the splits and dividends of the sessions."""
    closes = np.full((len(grid.sessions), len(symbols)), np.nan)
    if len(actions):
        for place in range(len(grid.sessions)):
            closes[place] = _last_known(cube[grid.begins[place] : grid.begins[place + 1], :, _CLOSE])
    return adjustment_factors(closes, actions, symbols, grid.sessions)


def _last_known(values: Floats) -> Floats:
    """(n, s) to (s,): the last value that is known, NaN if none is."""
    if not len(values):
        return np.full(values.shape[1], np.nan)
    back = values[::-1]
    return back[np.isfinite(back).argmax(axis=0), np.arange(back.shape[1])]


def filled_bars(bars: IntradayBars, most: int = MOST_BARS) -> IntradayBars:
    """The same with the gaps of each session filled by flat bars without volume, as `filling.filled` does."""
    observed = np.isfinite(bars.values[:, :, _CLOSE])
    source, filled = gap_sources(observed, bars.grid.begins[bars.grid.day], most)
    if not filled.any():
        return bars
    values = bars.values.copy()
    place, symbol = np.nonzero(filled)
    values[place, symbol] = values[source[place, symbol], symbol, _CLOSE][:, None]
    values[place, symbol, _VOLUME] = 0.0
    return replace(bars, values=values, filled=filled)
