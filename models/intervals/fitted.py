"""The fits' methods as a calibrator: where in its raw interval an outcome lies is fitted, and what is left over."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from models.intervals.fits import FitInterval, FitMethod, Predict
from models.intervals.sequential import SequentialConformal
from trading.bounds import check_bounds
from trading.errors import UsageError
from trading.frames import HORIZONS
from trading.interfaces import Floats, Interval

_PENALTY = 1.0  # on the slope of standardised inputs, in rows: a window has few


def ridge(inputs: Floats, targets: Floats) -> Predict:
    """Ridge regression of (n,) targets on (n, f) inputs, the intercept free."""
    center, level = inputs.mean(axis=0), targets.mean()
    apart = inputs - center
    gram = np.einsum("nf,ng->fg", apart, apart) + _PENALTY * np.eye(inputs.shape[1])
    slope = np.linalg.solve(gram, np.einsum("nf,n->f", apart, targets - level))
    return lambda asked: level + ((asked - center) * slope).sum(axis=1)


@dataclass(frozen=True)
class FittedConformal(SequentialConformal):
    """A calibrator that fits the position of outcomes in their raw interval by ridge regression.

    The input is the symbol's own last position that was known at issue, h sessions before; the target the position
    now, in widths from the middle. Rows come in order of time with an embargo of the horizon. Symbols stand alone.

    Parameters
    ----------
    method : of `FitInterval`; n_splits : folds
    """

    METHODS: ClassVar[tuple[str, ...]] = ("naive", "cv", "cv_plus", "jackknife_plus")

    method: FitMethod = "cv_plus"
    n_splits: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, n_splits=(2, np.inf))
        if self.asymmetric or self.half_life_sessions or self.by_regime:
            raise UsageError(
                f"{self.method} knows neither margins for each end nor weights: leave asymmetric, "
                "half_life_sessions and other_regime as they are"
            )

    def update(self, issued: Interval, realized: Floats) -> Self:  # noqa: ARG002 - the window tells
        """A copy: what matured is already among the scores."""
        return replace(self, miscoverage_=np.full(self._level().shape, self.target))

    def _margins(self) -> tuple[Floats, Floats]:
        lower, upper = self._sided()
        below, above = np.full((2, *self._level().shape), np.nan)
        for symbol, place in np.ndindex(below.shape):
            position = (upper - lower)[:, symbol, place] / 2
            bounds = self._bounds(position, HORIZONS[place])
            below[symbol, place], above[symbol, place] = -bounds[0] - 0.5, bounds[1] - 0.5
        return below, above

    def _bounds(self, position: Floats, horizon: int) -> tuple[float, float]:
        """Positions between which the next outcome should lie, NaN with too few rows."""
        known = position[~np.isnan(position)]
        inputs, targets = known[:-horizon, np.newaxis], known[horizon:]
        if len(targets) < max(self.min_scores, 2 * self.n_splits + 2 * horizon):
            return np.nan, np.nan
        fitted = FitInterval(ridge, self.method, self.target, self.n_splits, embargo=horizon - 1)
        low, high = fitted.conformalize(inputs, targets).predict_interval(known[-1:, np.newaxis])
        return float(low[0]), float(high[0])
