"""What `measure_intervals` judges: real closes, a random walk's quantiles, causal regimes, and fitted models' intervals."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from regime_material import first_known, real_panel, state_of

from models.forecasters.random_walk import RandomWalk
from models.forecasters.tabular import trailing_volatility
from models.intervals.fits import FitInterval, FitMethod
from models.intervals.fitted import ridge
from models.regimes.choice import RegimeChoice
from trading import calendar
from trading.evaluation.interval_walk import IntervalWalk
from trading.evaluation.regime_walk import walk_regimes
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Floats, Window
from trading.stages.regimes import RegimeRules
from trading.universe import SYMBOLS

LEARNED_SESSIONS, FEWEST_ROWS = 750, 200


@dataclass(frozen=True)
class Material:
    """Sessions (w,), log returns (w, s), the walk of their forecasts, and the regime of each session.

    The rest is what the regimes and the fitted models look at.
    """

    sessions: pd.DatetimeIndex
    returns: Floats
    walk: IntervalWalk

    @property
    def ahead(self) -> Floats:
        """(w, s, h) return over the next h sessions."""
        return self.walk.ahead


def material(first: str, last: str, before: int, target: float) -> Material:
    """Everything from `before` sessions before `first` on, so that windows are full when judging begins."""
    close, volume, vix = real_panel()
    begin = close.index.searchsorted(pd.Timestamp(first)) - before
    close, volume, vix = (whole.iloc[begin:].loc[:last] for whole in (close, volume, vix))
    sessions = pd.DatetimeIndex(close.index).as_unit("us")
    returns = np.log(close).diff().to_numpy()
    regimes = _regimes(sessions, state_of(close.to_numpy(), volume.to_numpy(), vix.to_numpy()))
    walk = IntervalWalk(_quantiles(returns, sessions), _outcomes(returns), target, regimes=regimes)
    return Material(sessions, returns, walk)


def _quantiles(returns: Floats, sessions: pd.DatetimeIndex) -> Floats:
    """(w, s, h, q) of the random walk at each session, NaN before it has 63."""
    model, out = RandomWalk(), np.full((*returns.shape, len(HORIZONS), len(LEVELS)), np.nan)
    for end in range(model.context_sessions, len(returns) + 1):
        recent = returns[end - model.context_sessions : end]
        mask = np.isfinite(recent).sum(axis=0) >= 21
        labels = sessions[end - model.context_sessions : end].to_numpy()
        moment, channels = calendar.as_of(sessions[end - 1]), ("log_return",)
        window = Window(moment, labels, SYMBOLS, channels, recent[:, :, None], mask, "scale_free")
        out[end - 1] = model.predict(window).quantiles
    return out


def _outcomes(returns: Floats) -> Floats:
    """(w, s, h) return over the next h sessions, NaN where one of them is unknown."""
    out = np.full((*returns.shape, len(HORIZONS)), np.nan)
    for place, horizon in enumerate(HORIZONS):
        ahead = np.lib.stride_tricks.sliding_window_view(returns[1:], horizon, axis=0).sum(axis=2)
        out[: len(ahead), :, place] = ahead
    return out


def _regimes(sessions: pd.DatetimeIndex, state: Floats) -> np.ndarray:
    """(w,) named at each session from what was known then, as the stage does; `none` before the first fit."""
    first = first_known(state)
    walk = walk_regimes(RegimeChoice().chosen, RegimeRules(), state[first:], sessions[first:])
    out = np.full(len(sessions), "none", dtype=object)
    out[-len(walk.names) :] = walk.names
    return out


def names_begun(on: pd.Timestamp, sessions: pd.DatetimeIndex) -> np.ndarray:
    """(w,) names of the sessions as a home says them whose first fit is the first session from `on` on."""
    close, volume, vix = real_panel()
    every = pd.DatetimeIndex(close.index).as_unit("us")
    span = slice(
        every.searchsorted(on) - RegimeRules().window_sessions + 1, every.searchsorted(sessions[-1]) + 1
    )
    state = state_of(close.to_numpy(), volume.to_numpy(), vix.to_numpy())[span]
    walk = walk_regimes(RegimeChoice().chosen, RegimeRules(), state, every[span])
    return pd.Series(walk.names, index=walk.sessions).reindex(sessions).to_numpy(dtype=object)


def rolling(given: Material, sessions: int) -> tuple[Floats, Floats]:
    """(w, s, h) quantiles of the last `sessions` outcomes that were known."""
    known, target = given.walk._matured(given.ahead), given.walk.target  # noqa: SLF001 - the walk's own shift
    past = pd.DataFrame(known.reshape(len(known), -1)).rolling(sessions, min_periods=60)
    low, high = past.quantile(target / 2), past.quantile(1 - target / 2)
    return low.to_numpy().reshape(known.shape), high.to_numpy().reshape(known.shape)


def fitted(given: Material, method: FitMethod) -> tuple[Floats, Floats]:
    """(w, s, h) bounds of a ridge regression fitted each January on the last three years, symbol by symbol."""

    def ours(inputs: Floats, targets: Floats, asked: Floats, horizon: int) -> tuple[Floats, Floats]:
        how = FitInterval(ridge, method, given.walk.target, embargo=horizon - 1)
        return how.conformalize(inputs, targets).predict_interval(asked)

    return _yearly(given, ours)


def of_mapie(given: Material) -> tuple[Floats, Floats]:
    """The same by MAPIE's cross conformal regressor (CV+, five folds in order of time, no embargo)."""
    from mapie.regression import CrossConformalRegressor
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold

    def theirs(inputs: Floats, targets: Floats, asked: Floats, _horizon: int) -> tuple[Floats, Floats]:
        cross = CrossConformalRegressor(Ridge(1.0), confidence_level=1 - given.walk.target, cv=KFold(5))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bounds = cross.fit_conformalize(inputs, targets).predict_interval(asked)[1][:, :, 0]
        return bounds[:, 0], bounds[:, 1]

    return _yearly(given, theirs)


def _yearly(given: Material, how) -> tuple[Floats, Floats]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    unit = trailing_volatility(given.returns)
    lags = [
        np.vstack([np.full((k, unit.shape[1]), np.nan), given.returns[: len(unit) - k]]) for k in range(5)
    ]
    inputs = np.stack([lag / unit for lag in lags], axis=2)
    lower, upper = np.full((2, *given.ahead.shape), np.nan)
    starts = np.flatnonzero(np.diff(given.sessions.year, prepend=0))
    for start, stop in zip(starts, [*starts[1:], len(unit)], strict=True):
        for symbol, place in np.ndindex(given.ahead.shape[1:]):
            horizon = HORIZONS[place]
            scale = unit[:, symbol] * np.sqrt(horizon)
            rows = np.arange(max(0, start - LEARNED_SESSIONS), start - horizon)
            target = given.ahead[:, symbol, place] / scale
            rows = rows[np.isfinite(inputs[rows, symbol]).all(axis=1) & np.isfinite(target[rows])]
            asked = np.arange(start, stop)[np.isfinite(inputs[start:stop, symbol]).all(axis=1)]
            if len(rows) >= FEWEST_ROWS and len(asked):
                low, high = how(inputs[rows, symbol], target[rows], inputs[asked, symbol], horizon)
                lower[asked, symbol, place] = low * scale[asked]
                upper[asked, symbol, place] = high * scale[asked]
    return lower, upper
