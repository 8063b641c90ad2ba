"""Weights that would have lost least over a past window: quantile stacking on the simplex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.ensembles.exponentiated import pinball_gradient
from models.ensembles.tracked import TrackedWeighting, softmax
from trading.bounds import COUNT, check_bounds
from trading.interfaces import Evidence, Floats, Matured
from trading.stages.maturity import pinball

FEWEST_CELLS = 200
ITERATIONS = 150
FIRST_STEP = 4.0


def stacked_weights(cells: Matured, start: Floats) -> Floats:
    """(k,) weights on the simplex whose quantile average lost least over `cells`, found from `start`.

    Breiman (1996), "Stacked regressions", with the pinball loss, which is convex in the weights: mirror
    descent with steps that fall as 1 / sqrt(i), the average of the second half of its path (Nemirovski and
    Yudin 1983). A fixed number of steps from a fixed start: the same bytes every time.
    """
    usual = float(pinball(np.nanmean(cells.quantiles, axis=1), cells.realized).mean())
    log_weights, path = np.log(start), np.zeros(len(start))
    for step in range(1, ITERATIONS + 1):
        weights = softmax(log_weights)
        path += weights * (step > ITERATIONS // 2)
        log_weights = log_weights - FIRST_STEP / np.sqrt(step) * pinball_gradient(cells, weights) / usual
    return np.asarray(path / path.sum())


@dataclass(frozen=True)
class StackedWeighting(TrackedWeighting):
    """The weights of the best fixed combination of the last `fit_sessions`, fitted anew every month.

    Only forecasts that have matured are in the window: the last outcome of a forecast over h sessions is of
    one issued h sessions ago, so what is weighed next shares no outcome with what was fitted.
    The score is the logarithm of the weight before the floor.

    Parameters
    ----------
    fit_sessions : of matured forecasts in a fit
    """

    fit_sessions: int = 120

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, fit_sessions=COUNT)

    @property
    def window_sessions(self) -> int:
        """The sessions of a fit."""
        return self.fit_sessions

    def _scored(self, evidence: Evidence, relative: Floats) -> Floats:
        if not evidence.opens_month:
            return self._known_score
        cells = evidence.matured(self.fit_sessions)
        if len(cells.realized) < FEWEST_CELLS:
            return self._known_score
        fitted = stacked_weights(cells, np.full(len(relative), 1 / len(relative)))
        return np.log(np.maximum(fitted, 1e-12))

    def _raw(self) -> Floats:
        return softmax(self._known_score)
