"""Weights that would have lost least over a past window: quantile stacking on the simplex."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from models.ensembles.exponentiated import pinball_gradient
from models.ensembles.tracked import TrackedWeighting, softmax
from trading.bounds import COUNT, check_bounds
from trading.interfaces import Evidence, Floats, Matured
from trading.stages.maturity import pinball

FEWEST_CELLS = 200
ITERATIONS = 100
TOLERANCE = 1e-10  # of the mean loss: far below what tells two mixes apart


def stacked_weights(cells: Matured) -> Floats:
    """(k,) weights on the simplex whose quantile average lost least over `cells`.

    Breiman (1996), "Stacked regressions", with the pinball loss, which is convex in the weights: sequential
    quadratic programming (Kraft 1988) from equal weights. The loss has kinks, at which a step may stall; so the
    answer is the best of where it ended, equal weights, and each model alone, and no member ever beats it.
    A model that left out a cell gets an equal share.
    """
    spoke = np.atleast_1d(np.isfinite(cells.quantiles[..., 0]).all(axis=0))
    weights = np.full(len(spoke), 1 / len(spoke))
    if len(cells.realized) and spoke.any():
        weights[spoke] = spoke.mean() * _least_loss(Matured(cells.quantiles[:, spoke], cells.realized))
    return weights


def _least_loss(cells: Matured) -> Floats:
    """(k,) of models that all spoke in every cell."""
    count = cells.quantiles.shape[1]
    equal = np.full(count, 1 / count)
    usual = max(_loss(cells, equal), np.finfo(float).tiny)
    found = minimize(
        lambda weights: (_loss(cells, weights) / usual, pinball_gradient(cells, weights) / usual),
        equal,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * count,
        constraints={
            "type": "eq",
            "fun": lambda weights: weights.sum() - 1.0,
            "jac": lambda _: np.ones(count),
        },
        options={"maxiter": ITERATIONS, "ftol": TOLERANCE},
    )
    ended = np.clip(found.x, 0.0, 1.0)
    return min([ended / ended.sum(), equal, *np.eye(count)], key=lambda weights: _loss(cells, weights))


def _loss(cells: Matured, weights: Floats) -> float:
    return float(pinball(np.einsum("k,nkq->nq", weights, cells.quantiles), cells.realized).mean())


@dataclass(frozen=True)
class StackedWeighting(TrackedWeighting):
    """The weights of the best fixed combination of the last `fit_sessions`, fitted anew every month.

    Only forecasts that have matured are in the window: the last outcome of a forecast over h sessions is of
    one issued h sessions ago, so what is weighed next shares no outcome with what was fitted.
    The score is the logarithm of the weight before the floor.

    Parameters
    ----------
    fit_sessions : of matured forecasts in a fit
    floor : here only so that every model that speaks is heard where no other does
    """

    floor: float = 0.001
    fit_sessions: int = 120

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, fit_sessions=COUNT)

    @property
    def window_sessions(self) -> int:
        """The sessions of a fit."""
        return self.fit_sessions

    def _scored(self, evidence: Evidence, relative: Floats) -> Floats:
        del relative
        if not evidence.opens_month:
            return self._known_score
        cells = evidence.matured(self.fit_sessions)
        if len(cells.realized) < FEWEST_CELLS:
            return self._known_score
        return np.log(np.maximum(stacked_weights(cells), 1e-12))

    def _raw(self) -> Floats:
        return softmax(self._known_score)
