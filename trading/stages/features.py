"""The stage `features`: bars of a fixed window become the features of each symbol's bars, a row a bar."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trading import market_hours
from trading.features.adjustment import AdjustedBars, adjusted_bars
from trading.features.daily import WINDOW_SESSIONS, daily_features
from trading.features.five_minute import WINDOW_SESSIONS as INTRADAY_SESSIONS
from trading.features.five_minute import five_minute_features
from trading.features.intraday import IntradayBars, intraday_bars
from trading.features.weekly import ends_week, weekly_features
from trading.interfaces import Floats
from trading.stages.layout import (
    DAILY,
    FIVE_MINUTES,
    WEEKLY,
    Column,
    daily_keys,
    grid,
    labelled,
    same,
    selected,
    stacked,
)
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

ALL_SYMBOLS: tuple[str, ...] = (*SYMBOLS, *CONTEXT_SYMBOLS)
_LOOKBACK = WINDOW_SESSIONS - 1


def features_stage(timeframes: Sequence[str] = (DAILY,)) -> Stage:
    """Features of the ten names and what stands beside them; a symbol without a bar has no row.

    Parameters
    ----------
    timeframes : daily rows are always made; `1W` adds a row at the last session of each week, made of daily bars,
        `5min` one for each five-minute bar there is or that was filled
    """

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        bars = adjusted_bars(
            inputs["bars"], inputs["corporate_actions"], symbols=ALL_SYMBOLS, timeframe=DAILY
        )
        parts = [_of_bars(bars, daily_keys(len(ALL_SYMBOLS), moment.session), daily_features(bars))]
        if WEEKLY in timeframes and ends_week(moment.session):
            began = market_hours.bar_starts(bars.sessions[-1:], WEEKLY)[0]
            keys = same(len(ALL_SYMBOLS), timeframe=WEEKLY, ts=began)
            parts.append(_of_bars(bars, keys, weekly_features(bars)))
        if FIVE_MINUTES in timeframes:
            rows = intraday_bars(inputs[f"bars {FIVE_MINUTES}"], inputs["corporate_actions"], ALL_SYMBOLS)
            parts.append(intraday_rows(rows))
        return {"features": stacked(parts)}

    intraday = (Read("bars", lookback=INTRADAY_SESSIONS - 1, timeframe=FIVE_MINUTES),)
    return Stage(
        name="features",
        reads=(
            Read("bars", lookback=_LOOKBACK, timeframe=DAILY),
            Read("corporate_actions", lookback=_LOOKBACK),
            *(intraday if FIVE_MINUTES in timeframes else ()),
        ),
        makes=("features",),
        make=make,
        starts="window",
    )


def _of_bars(bars: AdjustedBars, keys: dict[str, Column], features: dict[str, Floats]) -> dict[str, Column]:
    """One row a symbol that has a bar in the last session."""
    count = len(bars.symbols)
    columns = {"symbol": labelled(bars.symbols), "filled": np.zeros(count, dtype=bool)}
    return selected(columns | keys | features, ~np.isnan(bars.close[-1]))


def intraday_rows(bars: IntradayBars) -> dict[str, Column]:
    """One row a symbol and bar of the last session that it has, or that was filled."""
    places = bars.grid.last
    features = five_minute_features(bars, places.start, places.stop)
    starts, filled = bars.grid.starts[places.start :], bars.filled[places.start :]
    columns = grid(bar=range(len(places)), symbol=bars.symbols)
    present = np.isfinite(bars.values[places.start :, :, 3]).ravel()
    columns |= {"ts": starts[columns.pop("bar")], "filled": filled.ravel()}
    columns |= same(len(present), timeframe=FIVE_MINUTES)
    return selected(columns | {name: values.ravel() for name, values in features.items()}, present)
