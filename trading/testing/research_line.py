"""A small SIMULATED line from features to signals: pure noise in, so no skill must come out.

Features and forecasts are drawn for each session by name, so any range of sessions has the same.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import ndtri

from trading import calendar, frames
from trading.digest import generator
from trading.frames import FORECAST_PREFIX, HORIZONS, LEVELS, QUANTILES
from trading.stages.layout import DAILY, daily_keys, grid, same, stacked
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.testing.stage_rows import CalendarBook, version_of
from trading.universe import SYMBOLS

MODELS: tuple[str, ...] = ("plain", "trained", "wild")
VOLATILITY = 0.02
# What each model takes the volatility to be, in units of the true one.
_BELIEFS = {"plain": 1.0, "trained": 0.9, "wild": 2.0}


def book(change: str) -> CalendarBook:
    """One version of each model, but two of `trained`, of which the second takes over at `change`."""
    return CalendarBook(
        (
            version_of("plain", "p1"),
            version_of("trained", "t1", trained_through="2018-12-31", retired=change),
            version_of("trained", "t2", trained_through="2019-06-28", champion_from=change),
            version_of("wild", "w1"),
        )
    )


def features_stage() -> Stage:
    """Daily features of the ten names that mean nothing."""

    def make(moment: Moment, _inputs: Inputs) -> Outputs:
        random = generator("features", moment.session)
        common = random.normal(0, VOLATILITY * 0.6)
        columns = {name: random.normal(0, 1, len(SYMBOLS)) for name in _FEATURES}
        columns["log_return"] = common + random.normal(0, VOLATILITY * 0.8, len(SYMBOLS))
        columns |= {name: np.abs(columns[name]) for name in ("volatility_21", "volatility_63", "atr_14")}
        columns |= {name: np.full(len(SYMBOLS), 50.0) for name in ("rsi_14", "adx_14")}
        columns["filled"] = np.zeros(len(SYMBOLS), dtype=bool)
        keys = grid(symbol=SYMBOLS) | daily_keys(len(SYMBOLS), moment.session)
        return {"features": keys | columns}

    return Stage("features", (Read("bars", timeframe="1D"),), ("features",), make, starts="window")


_FEATURES = tuple(n for n, dtype in frames.table_of("features").dtypes.items() if dtype == "float64")


def forecast_stage(model: str) -> Stage:
    """Normal quantiles around a median that is noise, from each live version of `model`."""
    table = f"{FORECAST_PREFIX}{model}"

    def make(moment: Moment, _inputs: Inputs) -> Outputs:
        versions = moment.models.records(model, moment.session)
        return {table: stacked(_forecast(moment.session, model, record.version) for record in versions)}

    return Stage(table, (Read("features", timeframe=DAILY),), (table,), make, uses_models=(model,))


def _forecast(session: pd.Timestamp, model: str, version: str) -> dict[str, np.ndarray]:
    keys = grid(symbol=SYMBOLS, horizon=HORIZONS)
    count = len(keys["symbol"])
    spread = VOLATILITY * _BELIEFS[model] * np.sqrt(keys["horizon"])
    median = generator(f"{model}/{version}", session).normal(0, 0.1, count) * spread
    quantiles = {name: median + spread * ndtri(level) for name, level in zip(QUANTILES, LEVELS, strict=True)}
    texts = same(count, model=model, version=version, fallback="") | daily_keys(count, session)
    return keys | quantiles | texts | {"contaminated": np.zeros(count, dtype=bool)}


def vix_bars(first: pd.Timestamp, last: pd.Timestamp, missing: Sequence[pd.Timestamp] = ()) -> pd.DataFrame:
    """Daily bars of a VIX that wanders around 20; none at the sessions `missing`."""
    sessions = calendar.sessions_between(first, last).difference(pd.DatetimeIndex(missing))
    close = [20 * np.exp(generator("vix", session).normal(0, 0.2)) for session in sessions]
    frame = pd.DataFrame({"session": sessions, **dict.fromkeys(("open", "high", "low", "close"), close)})
    frame = frame.assign(ts=[calendar.session_open(s) for s in sessions], symbol="VIX", timeframe=DAILY)
    frame = frame.assign(known_at=[calendar.session_close(s) for s in sessions], volume=0.0)
    return frame.assign(basis="raw", source="SIMULATED").astype(frames.table_of("bars").dtypes)
