"""Weights as the posterior of each model, from how likely it held what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.ensembles.tracked import TrackedWeighting, softmax
from trading.frames import LEVELS
from trading.interfaces import Evidence, Floats

# Mean distance of what lies beyond q050 from it, over q125 - q050: that of a normal distribution.
TAIL = 0.845
NARROWEST = 1e-9


def log_density(quantiles: Floats, realized: Floats) -> Floats:
    """(...) logarithm of the density at `realized` (...) of the distribution with `quantiles` (..., q).

    Uniform between neighbouring quantiles, exponential beyond the outermost.
    """
    levels = np.array(LEVELS)
    gaps = np.maximum(np.diff(quantiles, axis=-1), NARROWEST)
    inside = np.log(np.diff(levels)) - np.log(gaps)
    piece = (realized[..., np.newaxis] >= quantiles).sum(axis=-1) - 1
    within = np.take_along_axis(inside, np.clip(piece, 0, len(levels) - 2)[..., np.newaxis], axis=-1)[..., 0]
    low = _tail(levels[0], TAIL * gaps[..., 0], quantiles[..., 0] - realized)
    high = _tail(1 - levels[-1], TAIL * gaps[..., -1], realized - quantiles[..., -1])
    return np.where(piece < 0, low, np.where(piece > len(levels) - 2, high, within))


def _tail(mass: float, scale: Floats, beyond: Floats) -> Floats:
    return np.asarray(np.log(mass) - np.log(scale) - beyond / scale)


@dataclass(frozen=True)
class BayesianAveraging(TrackedWeighting):
    """Weights in proportion to the discounted predictive likelihood: Bayesian model averaging.

    Raftery, Kárný and Ettler (2010), "Online prediction under model uncertainty via dynamic model averaging",
    Technometrics 52, section 3: the score is a log posterior of which a session keeps a share, so that
    evidence halves in a half-life. Cells of a session move together, so their mean counts as one observation.
    """

    @property
    def window_sessions(self) -> int:
        """The session's own quantiles."""
        return 1

    def _scored(self, evidence: Evidence, relative: Floats) -> Floats:
        score, cells = self._known_score, evidence.matured(1)
        if not len(cells.realized):
            return score
        likelihood = log_density(
            cells.quantiles, np.broadcast_to(cells.realized[:, None], cells.quantiles.shape[:2])
        )
        told = np.where(np.isnan(relative), np.nan, likelihood.mean(axis=0))
        if np.isnan(told).all():
            return score
        moved = self._keep * score + np.where(np.isnan(told), np.nanmean(told), told)
        return np.asarray(moved - moved.max())

    def _raw(self) -> Floats:
        return softmax(self._known_score)
