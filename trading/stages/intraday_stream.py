"""The next five-minute forecast as soon as its bar is there: what the session's evening run says of that bar.

    stream = IntradayStream.prefill(forecaster, view, session, history)
    forecast = stream.push(start, values)

What the sessions before hold is laid out once. A bar then costs its own features and one forecast: of
the whole window, or one recurrent step where the model can go on from a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from trading import calendar
from trading.errors import UsageError
from trading.features.five_minute import WINDOW_SESSIONS, five_minute_features
from trading.features.intraday import IntradayBars, filled_bars, grid_of, intraday_bars
from trading.history import History
from trading.interfaces import BarStream, Floats, Forecast, Forecaster
from trading.stages.layout import FIVE_MINUTES
from trading.stages.training import View
from trading.stages.windows import INTRADAY_BARS, INTRADAY_SESSIONS, BarCells, end_of, stream_of
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS


@dataclass
class IntradayStream:
    """One model in one session.

    Attributes
    ----------
    session : that is streamed; place : of the next bar in its grid, 0 at the open
    symbols : in whose order bars are given: the traded names, and what stands beside them if the model looks at it
    """

    session: pd.Timestamp
    symbols: tuple[str, ...]
    place: int
    _forecaster: Forecaster
    _view: View
    _context: int
    _bars: IntradayBars
    _cells: BarCells
    _recurrent: BarStream | None

    @classmethod
    def prefill(
        cls, forecaster: Forecaster, view: View, session: pd.Timestamp, history: Mapping[str, History]
    ) -> Self:
        """A stream that stands at the open of `session`.

        Parameters
        ----------
        forecaster : of the version that is to speak
        view : what of the features it looks at
        history : `bars` and `features` of five minutes and `corporate_actions`, up to the session before;
            of actions also those that take effect with `session`
        """
        symbols = (*SYMBOLS, *CONTEXT_SYMBOLS) if view.context else SYMBOLS
        opened = calendar.session_open(session)
        first, last = calendar.shift(session, 1 - WINDOW_SESSIONS), calendar.shift(session, -1)
        rows = history["bars"].window(first, last, opened)
        known = history["corporate_actions"].window(first, session, opened)
        bars = _with_room(intraday_bars(rows, known, symbols, until=session))
        grid = grid_of(calendar.sessions_between(calendar.shift(session, 1 - INTRADAY_SESSIONS), session))
        features = history["features"].window(grid.sessions[0], last, opened)
        cells = BarCells.of(features, "ts", pd.DatetimeIndex(grid.starts), view)
        context = min(forecaster.context_sessions, INTRADAY_BARS)
        stop = grid.last.start
        before = cells.window(stop, context, end_of(grid, stop - 1), view, FIVE_MINUTES)
        return cls(session, symbols, 0, forecaster, view, context, bars, cells, stream_of(forecaster, before))

    def push(self, start: pd.Timestamp, values: Floats) -> Forecast:
        """The forecast at the end of the bar that begins at `start`; names without a bar or enough history are NaN.

        Parameters
        ----------
        start : UTC; bars that were left out since the last one count as absent for all symbols
        values : (s, 5) open, high, low, close and volume in the order of `symbols`, NaN for one without a bar

        Raises
        ------
        UsageError
            If the bar is no later one of the session's grid.
        """
        grid = self._bars.grid
        stamp = start.tz_convert("UTC").tz_localize(None).to_datetime64()
        place = int(np.searchsorted(grid.starts, stamp))
        if place < grid.last.start + self.place or place >= len(grid.starts) or grid.starts[place] != stamp:
            raise UsageError(
                f"{start} is not the start of a later five-minute bar of {self.session:%Y-%m-%d}; bars are pushed in "
                f"order, {grid.last.stop - grid.last.start - self.place} are still to come"
            )
        self._bars.values[place] = values
        forecast = None
        for due in range(grid.last.start + self.place, place + 1):
            forecast = self._advance(due)
        assert forecast is not None
        return forecast

    def _advance(self, place: int) -> Forecast:
        """Take up the bar at one place of the grid of bars."""
        seen = filled_bars(self._bars.until(place + 1))
        made = five_minute_features(seen, place, place + 1, self._view.channels)
        row = np.stack([made[name][0] for name in self._view.channels], axis=-1)  # (symbols, c)
        self.place += 1
        end = len(self._cells.stamps) - (len(self._bars.grid.starts) - place) + 1
        self._cells.panel[end - 1] = row[: len(SYMBOLS)]
        self._cells.present[end - 1] = np.isfinite(seen.values[place, : len(SYMBOLS), 3])
        if self._cells.beside is not None:
            self._cells.beside[end - 1] = row[len(SYMBOLS) :]
        window = self._cells.window(
            end, self._context, end_of(self._bars.grid, place), self._view, FIVE_MINUTES
        )
        return self._forecaster.predict(window) if self._recurrent is None else self._recurrent.step(window)


def _with_room(bars: IntradayBars) -> IntradayBars:
    """The same, as observed and ready to be written to."""
    values = bars.values.copy()
    values[bars.filled] = np.nan
    return replace(bars, values=values, filled=np.zeros_like(bars.filled))
