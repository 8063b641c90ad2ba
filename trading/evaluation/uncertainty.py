"""How far an average over sessions may be off, when sessions resemble their neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from trading.interfaces import Floats

MINIMUM_OBSERVATIONS = 21


@dataclass(frozen=True)
class Estimate:
    """A figure with its uncertainty.

    Attributes
    ----------
    value : the estimate, NaN without observations
    low, high : ends of its confidence interval, NaN with fewer than 21 observations
    observations : sessions it rests on
    """

    value: float
    low: float
    high: float
    observations: int

    def scaled(self, factor: float) -> Estimate:
        """The same in other units, such as a session's mean as a month's."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor, self.observations)


def long_run_variance(values: Floats, lags: int) -> float:
    """Variance of values (n,) with Bartlett-weighted autocovariances up to `lags` (Newey and West 1987)."""
    centred = values - values.mean()
    count = len(centred)
    total = float(centred @ centred) / count
    for lag in range(1, min(lags, count - 1) + 1):
        total += 2 * (1 - lag / (lags + 1)) * float(centred[lag:] @ centred[:-lag]) / count
    return max(total, 0.0)


def usual_lags(count: int, overlap: int = 1) -> int:
    """Lags for `count` sessions whose values overlap over `overlap` sessions: 4 (n/100)^(2/9), or the overlap."""
    return max(overlap - 1, math.floor(4 * (count / 100) ** (2 / 9)))


def mean_estimate(values: Floats, overlap: int = 1, confidence: float = 0.95) -> Estimate:
    """Mean of values (n,), one a session, NaN left out.

    Parameters
    ----------
    overlap : sessions that neighbouring values share, such as the horizon of a forecast
    """
    known = values[np.isfinite(values)]
    count = len(known)
    mean = float(known.mean()) if count else math.nan
    if count < MINIMUM_OBSERVATIONS:
        return Estimate(mean, math.nan, math.nan, count)
    half = _half_width(known, overlap, confidence)
    return Estimate(mean, mean - half, mean + half, count)


def ratio_estimate(
    numerators: Floats, denominators: Floats, overlap: int = 1, confidence: float = 0.95
) -> Estimate:
    """Ratio of the means of two series (n,) of the same sessions, by the delta method.

    The interval is that of mean(a - r b) / mean(b): the test of Diebold and Mariano (1995), as a ratio.
    """
    known = np.isfinite(numerators) & np.isfinite(denominators)
    above, below = numerators[known], denominators[known]
    count = len(above)
    base = float(below.mean()) if count else 0.0
    if base <= 0.0:
        return Estimate(math.nan, math.nan, math.nan, count)
    ratio = float(above.mean()) / base
    if count < MINIMUM_OBSERVATIONS:
        return Estimate(ratio, math.nan, math.nan, count)
    half = _half_width(above - ratio * below, overlap, confidence) / base
    return Estimate(ratio, ratio - half, ratio + half, count)


def _half_width(values: Floats, overlap: int, confidence: float) -> float:
    spread = math.sqrt(long_run_variance(values, usual_lags(len(values), overlap)) / len(values))
    return float(ndtri(0.5 + confidence / 2)) * spread
