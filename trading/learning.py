"""The ports of what learns beside forecasters: calibrators, weightings and regime models.

Letters of the shapes: w bars of a window, s symbols, h horizons, q quantile levels, n past forecasts, k models or
regimes, c features. Hyper-parameters are keywords of a frozen dataclass; learned state ends in `_`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.forecasting import Floats, Forecast


@dataclass(frozen=True)
class Interval:
    """Calibrated bounds, NaN where there are too few scores yet; never infinite.

    Attributes
    ----------
    lower, upper : (s, h) cumulative log returns
    miscoverage : (s, h) the adaptive level that was used
    carried : (s, h, 2) what the calibrator carries on for the lower and the upper end, NaN for nothing
    """

    lower: Floats
    upper: Floats
    miscoverage: Floats
    carried: Floats | None = None


class IntervalCalibrator(Protocol):
    """Turns quantile forecasts into intervals that hold what they promise.

    Its state are rows: the level `miscoverage` (s, h) and what is `carried` (s, h, 2) of the session before.
    """

    @property
    def by_regime(self) -> bool:
        """Whether it wants to know which scores were issued in today's regime."""
        ...

    def conformalize(
        self,
        scores: Floats,
        miscoverage: Floats | None,
        *,
        ends: Floats | None = None,
        carried: Floats | None = None,
        alike: Floats | None = None,
    ) -> Self:
        """A copy with past conformity scores and the state in force (None or NaN: start anew).

        Parameters
        ----------
        scores : (n, s, h) NaN where nothing matured
        ends : (n, s, h) the end that the outcome was nearer to, 1 the upper, -1 the lower
        alike : (n, h) 1 where a score was issued in today's regime, 0 where in another, NaN unknown
        """
        ...

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy after the intervals issued h sessions ago met `realized` (s, h), NaN where none did."""
        ...

    def predict_interval(self, forecast: Forecast) -> Interval:
        """Bounds for `forecast` from the scores and level in force."""
        ...


@dataclass(frozen=True)
class Matured:
    """Forecasts of k models that met their outcome, n cells that every speaking model forecast.

    Attributes
    ----------
    quantiles : (n, k, q) per square root of the horizon, NaN for a model that did not speak
    realized : (n,) log return per square root of the horizon
    """

    quantiles: Floats
    realized: Floats


@dataclass(frozen=True)
class Evidence:
    """What a session tells of k models.

    Attributes
    ----------
    session : at which the forecasts matured
    losses : (k,) mean pinball loss per square root of the horizon, of the same cells for all; NaN where none matured
    matured : the cells of the last so many sessions, this one included; asking costs a read
    opens_month : whether the session is the first of its month, when slow fits are made anew
    """

    session: pd.Timestamp
    losses: Floats
    matured: Callable[[int], Matured]
    opens_month: bool = False


class EnsembleWeighting(Protocol):
    """Weights of models from their losses. State: `average_loss_`, `score_` and `observations_`, each (k,)."""

    @property
    def window_sessions(self) -> int:
        """How many sessions of matured quantiles are asked for at most; 0 where losses are enough."""
        ...

    @property
    def average_loss_(self) -> Floats:
        """(k,) averaged relative loss, NaN for a model not seen yet."""
        ...

    @property
    def score_(self) -> Floats:
        """(k,) what the method itself carries on, such as a logarithm of the weight; NaN not yet."""
        ...

    @property
    def observations_(self) -> NDArray[np.int64]:
        """(k,) sessions in the average."""
        ...

    def resume(self, average_loss: Floats, score: Floats, observations: NDArray[np.int64]) -> Self:
        """A copy with the state of the previous session; NaN for a model not seen before."""
        ...

    def update(self, evidence: Evidence) -> Self:
        """A copy after one session."""
        ...

    @property
    def weights_(self) -> Floats:
        """(k,) non-negative, sum 1."""
        ...


@dataclass(frozen=True)
class RegimeFit:
    """A fitted hidden Markov model whose states are in the fixed order of `trading.frames.REGIMES`.

    Attributes
    ----------
    start : (k,) probabilities; transition : (k, k) rows sum to 1
    mean : (k, c); covariance : (k, c, c), in units of the standardised features
    center, scale : (c,) raw features are standardised as (x - center) / scale; NaN scale: never known
    """

    start: Floats
    transition: Floats
    mean: Floats
    covariance: Floats
    center: Floats
    scale: Floats


class RegimeModel(Protocol):
    """Market regimes, filtered only: there is no smoother. State: `fit_`."""

    @property
    def fit_(self) -> RegimeFit | None:
        """The parameters in force, None before a fit."""
        ...

    def fit(self, features: Floats, previous: RegimeFit | None = None) -> Self:
        """A copy fitted on raw (w, c) features, NaN where unknown, its states aligned to `previous`."""
        ...

    def resume(self, fit: RegimeFit) -> Self:
        """A copy with parameters that were fitted earlier."""
        ...

    def filter(self, features: Floats) -> Floats:
        """(w, k) probabilities p(state_t | features up to t); unknown features are marginalised out."""
        ...

    def update(self, belief: Floats, features: Floats) -> Floats:
        """(k,) probabilities after one more session of features (c,), given those of the session before."""
        ...
