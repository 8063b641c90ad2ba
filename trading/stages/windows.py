"""What a model is given at the end of a week or of a five-minute bar: windows of fixed length, like the daily ones.

A five-minute window ends with its bar, and that bar's end is its `as_of`: it holds no bar that ends later.
Letters of the shapes: n bars, s symbols, k symbols beside them, c channels.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, market_hours
from trading.features.five_minute import WINDOW_SESSIONS
from trading.features.intraday import Grid, grid_of
from trading.history import Rows
from trading.interfaces import BarStream, Bools, Floats, Forecaster, StreamingForecaster, Window
from trading.stages.layout import FIVE_MINUTES, WEEKLY
from trading.stages.training import SCALE_FREE, View
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

WEEKS = 104
WEEK_SESSIONS = 5
INTRADAY_BARS = 512
# Eight sessions before hold 552 bars or more, even if two of them end early.
INTRADAY_SESSIONS = 9
# Sessions before the first one with five-minute forecasts whose five-minute bars they rest on.
INTRADAY_LEAD = INTRADAY_SESSIONS - 1 + WINDOW_SESSIONS - 1


def weekly_window(rows: Rows, session: pd.Timestamp, bars: int, view: View) -> Window:
    """The last `bars` weeks up to the one that ends with `session`; `rows` are weekly features.

    A symbol is unmasked if it has a row of that week and enough finite returns.
    """
    labels = week_labels(session, bars)
    cells = BarCells.of(rows, "session", labels, view)
    return cells.window(len(labels), bars, calendar.as_of(session), view, WEEKLY)


def week_labels(session: pd.Timestamp, count: int) -> pd.DatetimeIndex:
    """The labels of the last `count` weeks up to the one that ends with `session`."""
    ends = _week_ends()
    stop = int(np.searchsorted(ends, session.to_datetime64(), side="right"))
    return pd.DatetimeIndex(ends[max(stop - count, 0) : stop])


class IntradayWindows(NamedTuple):
    """The windows of one session.

    Attributes
    ----------
    before : that ends with the last bar before the session: where a stream begins, at every open anew
    bars : start of each five-minute bar of the session, and the window that ends with it
    """

    before: Window
    bars: tuple[tuple[np.datetime64, Window], ...]


def intraday_windows(rows: Rows, session: pd.Timestamp, bars: int, view: View) -> IntradayWindows:
    """Windows of `bars` five-minute bars.

    `rows` are five-minute features of `INTRADAY_SESSIONS` sessions. The grid goes on from one session's
    last bar to the next one's first; a symbol is unmasked if it has a row at the bar and enough finite
    returns before.
    """
    grid = grid_of(calendar.sessions_between(calendar.shift(session, 1 - INTRADAY_SESSIONS), session))
    cells = BarCells.of(rows, "ts", pd.DatetimeIndex(grid.starts), view)
    ending = {
        place: cells.window(place + 1, bars, end_of(grid, place), view, FIVE_MINUTES)
        for place in range(grid.last.start - 1, grid.last.stop)
    }
    before = ending.pop(grid.last.start - 1)
    return IntradayWindows(before, tuple((grid.starts[place], window) for place, window in ending.items()))


def stream_of(forecaster: Forecaster, before: Window) -> BarStream | None:
    """A stream that has read `before`, of a model that can go on from a state; None of any other."""
    return forecaster.streaming(before) if isinstance(forecaster, StreamingForecaster) else None


def end_of(grid: Grid, place: int) -> pd.Timestamp:
    """The end (UTC) of a bar of the grid."""
    return pd.Timestamp(grid.starts[place]).tz_localize("UTC") + market_hours.FIVE_MINUTES


@functools.cache
def _week_ends() -> NDArray[np.datetime64]:
    """Label of the last session of every week of the calendar."""
    return np.unique(market_hours.hours().week_ends)


@dataclass(frozen=True)
class BarCells:
    """Features laid out along the bars of a grid, out of which windows are cut.

    Attributes
    ----------
    stamps : (n,); panel : (n, s, c); present : (n, s) whether there is a row; beside : (n, k, c) or None
    """

    stamps: NDArray[np.datetime64]
    panel: Floats
    present: Bools
    beside: Floats | None

    @classmethod
    def of(cls, rows: Rows, axis: str, labels: pd.DatetimeIndex, view: View) -> BarCells:
        """The rows at `labels` of the key column `axis`, `ts` or `session`."""
        cells = rows.block((*view.channels, "filled"), **{axis: labels}, symbol=SYMBOLS)
        beside = rows.block(view.channels, **{axis: labels}, symbol=CONTEXT_SYMBOLS) if view.context else None
        stamps = labels.to_numpy().astype("datetime64[us]")
        return cls(stamps, cells[..., :-1], np.isfinite(cells[..., -1]), beside)

    def window(self, stop: int, bars: int, as_of: pd.Timestamp, view: View, timeframe: str) -> Window:
        """The `bars` bars before place `stop`."""
        cut = slice(max(stop - bars, 0), stop)
        panel = np.ascontiguousarray(self.panel[cut])
        known = np.isfinite(panel[:, :, view.channels.index("log_return")]).sum(axis=0)
        mask = self.present[stop - 1] & (known >= max(1, view.min_history))
        names, beside = (CONTEXT_SYMBOLS, self.beside[cut]) if self.beside is not None else ((), None)
        head = (as_of, self.stamps[cut], SYMBOLS, view.channels, panel, mask, SCALE_FREE, timeframe)
        return Window(*head, context_symbols=names, context=beside)
