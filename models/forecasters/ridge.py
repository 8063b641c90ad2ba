"""Ridge regression on the daily features, pooled over the symbols: a baseline that must be beaten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from models.forecasters.tabular import (
    CONTEXT_SESSIONS,
    Rows,
    latest_inputs,
    places_of,
    require_inputs,
    training_rows,
)
from models.forecasters.weights import Shape, pack, unpack
from trading.errors import NotFittedError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Floats, Forecast, TrainingJournal, Window

FURTHEST = 5.0  # standardised inputs are clipped: one odd volume must not decide a forecast
SHAPES: dict[str, Shape] = {
    "center": ("f",),
    "scale": ("f",),
    "coefficients": (len(HORIZONS), "f"),
    "intercepts": (len(HORIZONS),),
    "penalties": (len(HORIZONS),),
    "residuals": (len(HORIZONS), len(LEVELS)),
}
PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)  # in units of the number of rows


@dataclass(frozen=True)
class RidgeState:
    """What was learned: f inputs, h horizons, q levels.

    Attributes
    ----------
    center, scale : (f,) of the inputs; coefficients : (h, f); intercepts, penalties : (h,)
    residuals : (h, q) quantiles of what the regression left over, in units of volatility
    """

    center: Floats
    scale: Floats
    coefficients: Floats
    intercepts: Floats
    penalties: Floats
    residuals: Floats


@dataclass(frozen=True)
class Ridge:
    """Mean of the return ahead by ridge regression, its shape from the quantiles of the residuals.

    Inputs are the last five returns in units of the symbol's volatility and the window's other channels,
    standardised; an unknown one counts as average. The penalty of each horizon is the one with the least squared
    error on the last fifth of the window, after an embargo of the horizon (Hastie, Tibshirani and
    Friedman, The Elements of Statistical Learning, section 3.4.1); then all rows are used.

    Parameters
    ----------
    penalties : to choose from, in units of the number of rows
    minimum_rows : fewest rows for a fit
    channels : of the windows that it was trained on
    """

    name: ClassVar[str] = "ridge"
    context_sessions: int = CONTEXT_SESSIONS
    penalties: tuple[float, ...] = PENALTIES
    minimum_rows: int = 500
    state_: RidgeState | None = field(default=None, compare=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - a moment's work
        """A copy that learned from `window`.

        Raises
        ------
        ModelError
            If fewer than `minimum_rows` rows have a known return ahead.
        """
        rows = training_rows(window, HORIZONS, self.name, self.minimum_rows)
        center, scale = _moments(rows.inputs)
        rows = replace(rows, inputs=_standardised(rows.inputs, center, scale))
        fits = [self._fit_one(rows, place, horizon) for place, horizon in enumerate(HORIZONS)]
        coefficients, intercepts, chosen, residuals = (np.array(part) for part in zip(*fits, strict=True))
        return replace(self, state_=RidgeState(center, scale, coefficients, intercepts, chosen, residuals))

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q).

        Raises
        ------
        NotFittedError
            Before `fit` or `from_bytes`.
        ModelError
            If a horizon was not trained, or the window has other channels.
        """
        state, places = self._state(window), places_of(horizons, self.name)
        inputs, unit = latest_inputs(window)
        inputs = _standardised(inputs, state.center, state.scale)
        mean = (inputs[:, None] * state.coefficients).sum(axis=2) + state.intercepts  # (s, 3)
        shape = (mean[:, :, None] + state.residuals)[:, places]
        spread = unit[:, None] * np.sqrt(np.asarray(horizons, dtype=float))
        return Forecast(window.symbols, tuple(horizons), spread[:, :, None] * shape)

    def to_bytes(self) -> bytes:
        """Safetensors with the arrays of the state, or without one before the fit."""
        return pack({} if self.state_ is None else vars(self.state_))

    def from_bytes(self, payload: bytes) -> Self:
        """A copy with the state of `payload`."""
        return replace(self, state_=RidgeState(**unpack(payload, SHAPES, self.name)))

    def _state(self, window: Window) -> RidgeState:
        if self.state_ is None:
            raise NotFittedError("ridge was asked to predict before fit; train it or load a version")
        require_inputs(len(self.state_.center), window, self.name)
        return self.state_

    def _fit_one(self, rows: Rows, place: int, horizon: int) -> tuple[Floats, float, float, Floats]:
        """Coefficients (f,), intercept, penalty and residual quantiles (q,) of one horizon."""
        earlier, later = rows.split(horizon)
        unseen, wanted = later.for_horizon(place)
        errors = []
        for penalty in self.penalties:
            slope, intercept = _ridge(*earlier.for_horizon(place), penalty)
            errors.append(float(((wanted - intercept - (unseen * slope).sum(axis=1)) ** 2).mean()))
        penalty = self.penalties[int(np.argmin(errors))]
        inputs, targets = rows.for_horizon(place)
        slope, intercept = _ridge(inputs, targets, penalty)
        left = targets - intercept - (inputs * slope).sum(axis=1)
        return slope, intercept, penalty, np.quantile(left, LEVELS)


def _ridge(inputs: Floats, targets: Floats, penalty: float) -> tuple[Floats, float]:
    """(f,) and the intercept, which is not penalised; sums without BLAS, whose digits depend on its threads."""
    offset, level = inputs.mean(axis=0), float(targets.mean())
    centered = inputs - offset
    gram = np.einsum("nf,ng->fg", centered, centered) + penalty * len(inputs) * np.eye(inputs.shape[1])
    slope = np.linalg.solve(gram, np.einsum("nf,n->f", centered, targets - level))
    return slope, level - float((offset * slope).sum())


def _moments(inputs: Floats) -> tuple[Floats, Floats]:
    """(f,) mean and standard deviation of what is known; 0 and 1 for an input that is never known or never moves."""
    known = np.isfinite(inputs)
    count = np.maximum(known.sum(axis=0), 1)
    center = np.where(known, inputs, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(known, (inputs - center) ** 2, 0.0).sum(axis=0) / count)
    return center, np.where(scale > 0, scale, 1.0)


def _standardised(inputs: Floats, center: Floats, scale: Floats) -> Floats:
    return np.nan_to_num(((inputs - center) / scale).clip(-FURTHEST, FURTHEST))
