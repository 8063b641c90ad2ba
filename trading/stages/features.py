"""The stage `features`: bars of a fixed window become the daily features of each symbol."""

from __future__ import annotations

import numpy as np

from trading.features.adjustment import adjusted_bars
from trading.features.daily import WINDOW_SESSIONS, daily_features
from trading.stages.layout import DAILY, daily_keys, labelled, selected
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

_ALL_SYMBOLS = (*SYMBOLS, *CONTEXT_SYMBOLS)


def features_stage() -> Stage:
    """Daily features of the ten names and what stands beside them; a symbol without a bar has no row."""
    lookback = WINDOW_SESSIONS - 1
    return Stage(
        name="features",
        reads=(
            Read("bars", lookback=lookback, timeframe=DAILY),
            Read("corporate_actions", lookback=lookback),
        ),
        makes=("features",),
        make=_make,
        starts="window",
    )


def _make(moment: Moment, inputs: Inputs) -> Outputs:
    bars = adjusted_bars(inputs["bars"], inputs["corporate_actions"], symbols=_ALL_SYMBOLS, timeframe=DAILY)
    count = len(_ALL_SYMBOLS)
    columns = {"symbol": labelled(_ALL_SYMBOLS), "filled": np.zeros(count, dtype=bool)}
    columns |= daily_keys(count, moment.session) | daily_features(bars)
    return {"features": selected(columns, ~np.isnan(bars.close[-1]))}
