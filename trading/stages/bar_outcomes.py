"""What happened after weekly and five-minute forecasts, along the bars on which they are counted.

A horizon counts bars. Those of five minutes go on from a session's last bar to the next session's first, so a
forecast whose horizon crosses the close meets what a holder made over night as well, although the
model's own returns hold no night: that is what holding on would have been worth. A bar that was filled
or is absent matures nothing, because nobody traded at its end.
Letters of the shapes: n bars, s symbols, m rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, market_hours
from trading.features.intraday import grid_of
from trading.features.weekly import ends_week
from trading.history import Rows
from trading.interfaces import Bools, Floats
from trading.stages.layout import FIVE_MINUTES, WEEKLY
from trading.stages.maturity import LONGEST
from trading.stages.windows import WEEK_SESSIONS, week_labels
from trading.universe import SYMBOLS

# How many sessions before t the forecasts lie that mature at t, and what they rest on.
LOOKBACKS = {WEEKLY: LONGEST * WEEK_SESSIONS, FIVE_MINUTES: 1}
_PLACE_OF = {symbol: place for place, symbol in enumerate(SYMBOLS)}


@dataclass(frozen=True)
class Outcomes:
    """Returns along a grid of bars that ends with a session.

    Attributes
    ----------
    starts : (n,) when each bar begins
    returns : (n, s) log return of each bar, 0 where it is unknown or there is no bar
    unknown : (n, s) whether no return over this bar can be told
    closed : (n, s) whether the symbol traded at the bar's end
    due : place of the first bar that ends in the session
    """

    starts: NDArray[np.datetime64]
    returns: Floats
    unknown: Bools
    closed: Bools
    due: int

    def of(self, forecasts: Rows) -> tuple[NDArray[np.int64], NDArray[np.datetime64], Floats]:
        """Which rows of a forecast table mature, the start of the bar with which each does, and what happened (m,)."""
        starts = np.asarray(forecasts["ts"], dtype="datetime64[us]")
        issued = np.searchsorted(self.starts, starts)
        ends = issued + forecasts["horizon"]
        within = (ends >= self.due) & (ends < len(self.starts)) & np.isin(starts, self.starts)
        rows = np.flatnonzero(within)
        symbols = np.array([_PLACE_OF[symbol] for symbol in forecasts["symbol"][rows]], dtype=np.int64)
        begin, end = issued[rows], ends[rows]
        total, blind = np.cumsum(self.returns, axis=0), np.cumsum(self.unknown, axis=0)
        told = self.closed[end, symbols] & (blind[end, symbols] == blind[begin, symbols])
        rows, symbols, begin, end = rows[told], symbols[told], begin[told], end[told]
        return rows, self.starts[end], total[end, symbols] - total[begin, symbols]


def weekly_outcomes(features: Rows, session: pd.Timestamp) -> Outcomes | None:
    """The returns of the last 21 weeks; None if no week ends with `session`."""
    if not ends_week(session):
        return None
    labels = week_labels(session, LONGEST + 1)
    returns = features.cube("log_return", session=labels, symbol=SYMBOLS)
    unknown = np.isnan(returns)
    starts = market_hours.bar_starts(labels, WEEKLY).tz_localize(None).to_numpy()
    return Outcomes(starts, np.nan_to_num(returns), unknown, ~unknown, len(labels) - 1)


def intraday_outcomes(features: Rows, session: pd.Timestamp) -> Outcomes:
    """What holders made of the five-minute bars of `session` and of the one before."""
    grid = grid_of(calendar.sessions_between(calendar.shift(session, -1), session))
    cells = features.block(("held_return", "filled"), ts=pd.DatetimeIndex(grid.starts), symbol=SYMBOLS)
    held, filled = cells[..., 0], cells[..., 1]
    unknown = np.isnan(held) & ~np.isnan(filled)
    return Outcomes(grid.starts, np.nan_to_num(held), unknown, filled == 0, grid.last.start)
