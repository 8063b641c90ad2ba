"""Correlations of a window of returns in which symbols may be missing, and where they are going.

Letters of the shapes: w sessions, s symbols, … any number of windows at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from trading.interfaces import Bools, Floats

# Below this part of a squared daily return of 100 % a sum of squares is rounding, and the series stood still.
_STILL = 1e-16
_LARGEST_Z = 6.0  # Fisher's z of a correlation of 0.99999: two share classes, and no infinity


def pairwise_correlation(log_returns: Floats, minimum: int) -> Floats:
    """(…, s, s) Pearson correlations of (…, w, s), each pair over the sessions in which both have a return.

    NaN where a pair has fewer than `minimum` of them or one of the two stood still; the diagonal is 1
    where a symbol has enough returns of its own. Symmetric to the last digit.
    """
    known = np.isfinite(log_returns)
    count = np.maximum(known.sum(axis=-2, keepdims=True), 1)
    filled = np.where(known, log_returns, 0.0)
    centred = np.where(known, filled - filled.sum(axis=-2, keepdims=True) / count, 0.0)
    if known.all():
        together = np.full((known.shape[-1],) * 2, float(known.shape[-2]))
        products = centred.swapaxes(-1, -2) @ centred
        own = np.diagonal(products, axis1=-2, axis2=-1)
        spread = own[..., :, None] * own[..., None, :]
    else:
        together, products, spread = _of_common_sessions(centred, known.astype(float))
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.clip(products / np.sqrt(spread), -1.0, 1.0)
    correlation = (correlation + correlation.swapaxes(-1, -2)) / 2
    enough = (together >= minimum) & (spread > _STILL**2)
    return np.where(enough, np.where(np.eye(known.shape[-1], dtype=bool), 1.0, correlation), np.nan)


def _of_common_sessions(centred: Floats, known: Floats) -> tuple[Floats, Floats, Floats]:
    """(…, s, s) sessions in which both are known, sums of products and products of the sums of squares there."""
    turned, present = centred.swapaxes(-1, -2), known.swapaxes(-1, -2)
    together = present @ known
    sums = turned @ known  # [i, j]: sum of i where j is known
    squares = (turned * turned) @ known
    divisor = np.maximum(together, 1.0)
    products = turned @ centred - sums * sums.swapaxes(-1, -2) / divisor
    left = np.maximum(squares - sums * sums / divisor, 0.0)
    return together, products, left * left.swapaxes(-1, -2)


@dataclass(frozen=True)
class CorrelationAhead:
    """What the next window's correlations will be: the level follows the recent one, each pair its past.

    In Fisher's z = artanh(correlation), with the mean over all pairs as the level:

        z_ahead = recent_share level_recent + (1 - recent_share) level_long + (1 - shrinkage) (z_long - level_long)

    A pair's own recent distance from the level is left out: over thirty sessions it is noise of standard
    deviation 1/sqrt(27). A pair without a long past (a new listing) gets the level. The settings were chosen
    on 2010-2014 (docs/results/graph.md), before everything that is reported.

    Parameters
    ----------
    recent_share : of the recent level
    shrinkage : of a pair's distance from the long level
    spread : standard deviation of the z that comes true around the forecast
    """

    recent_share: float = 0.4
    shrinkage: float = 0.2
    spread: float = 0.29

    def forecast(self, recent: Floats, long: Floats) -> Floats:
        """(…, s, s) correlations ahead from those of the recent and the long window; NaN where recent is."""
        known = _pairs(recent)
        z_recent, z_long = fisher(recent), fisher(long)
        paired = known & np.isfinite(z_long)
        level_recent = _level(z_recent, known)
        level_long = np.where(paired.any(axis=(-2, -1), keepdims=True), _level(z_long, paired), level_recent)
        own = np.where(paired, (1 - self.shrinkage) * (z_long - level_long), 0.0)
        ahead = self.recent_share * level_recent + (1 - self.recent_share) * level_long + own
        correlation = np.where(known, np.tanh(ahead), np.nan)
        diagonal = np.eye(recent.shape[-1], dtype=bool) & np.isfinite(recent)
        return np.where(diagonal, 1.0, correlation)

    def probability_of_link(self, correlation: Floats, threshold: float) -> Floats:
        """Probability that the correlation that comes true lies above `threshold` in size, one a forecast."""
        z, edge = fisher(correlation), np.arctanh(threshold)
        return np.asarray(ndtr((z - edge) / self.spread) + ndtr((-edge - z) / self.spread))


def fisher(correlation: Floats) -> Floats:
    """Fisher's z, within ±6."""
    with np.errstate(divide="ignore"):
        return np.clip(np.arctanh(correlation), -_LARGEST_Z, _LARGEST_Z)


def _pairs(correlation: Floats) -> Bools:
    """True at the known pairs of two different symbols."""
    return np.isfinite(correlation) & ~np.eye(correlation.shape[-1], dtype=bool)


def _level(z: Floats, known: Bools) -> Floats:
    """(…, 1, 1) mean over the known pairs, 0 where there is none."""
    count = np.maximum(known.sum(axis=(-2, -1), keepdims=True), 1)
    return np.where(known, z, 0.0).sum(axis=(-2, -1), keepdims=True) / count
