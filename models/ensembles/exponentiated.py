"""Weights that follow the gradient of the ensemble's own loss, multiplied instead of added."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.ensembles.tracked import TrackedWeighting, softmax
from trading.bounds import ABOVE_ZERO, check_bounds
from trading.frames import LEVELS
from trading.interfaces import Evidence, Floats, Matured


def pinball_gradient(cells: Matured, weights: Floats) -> Floats:
    """(k,) gradient of the mean pinball loss of the weighted quantile average with respect to the weights.

    A model that did not speak takes no part: its gradient is 0 and the others' weights are scaled to 1.
    """
    spoke = np.asarray(np.isfinite(cells.quantiles[..., 0]))  # (n, k)
    share = np.where(spoke, weights, 0.0)
    share = share / np.maximum(share.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    quantiles = np.nan_to_num(cells.quantiles)
    average = np.einsum("nk,nkq->nq", share, quantiles)
    slope = (cells.realized[:, np.newaxis] < average) - np.array(LEVELS)  # of the loss, by the quantile
    apart = np.where(spoke[..., np.newaxis], quantiles - average[:, np.newaxis], 0.0)
    return np.asarray(np.einsum("nq,nkq->k", slope, apart) / slope.size)


@dataclass(frozen=True)
class ExponentiatedGradient(TrackedWeighting):
    """Multiplies each weight by exp(-rate x gradient / mean loss) once a session.

    Kivinen and Warmuth (1997), "Exponentiated gradient versus gradient descent for linear predictors",
    Information and Computation 132, section 3. The score is the logarithm of the weight before the floor.
    The gradient is measured from the average forecast, which differs by a constant that cancels.

    Parameters
    ----------
    learning_rate : step per gradient in units of the session's mean loss
    """

    learning_rate: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, learning_rate=ABOVE_ZERO)

    @property
    def window_sessions(self) -> int:
        """The session's own quantiles."""
        return 1

    def _scored(self, evidence: Evidence, relative: Floats) -> Floats:
        score, cells = self._known_score, evidence.matured(1)
        if not len(cells.realized):
            return score
        gradient = pinball_gradient(cells, self.weights_) / np.nanmean(evidence.losses)
        moved = score - self.learning_rate * np.where(np.isnan(relative), 0.0, gradient)
        return np.asarray(moved - moved.max())

    def _raw(self) -> Floats:
        return softmax(self._known_score)
