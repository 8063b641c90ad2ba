"""How far an average over sessions may be off, when sessions resemble their neighbours."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from trading.interfaces import Floats

MINIMUM_OBSERVATIONS = 21
MINIMUM_COSINES = 2


@dataclass(frozen=True)
class Estimate:
    """A figure with its uncertainty.

    Attributes
    ----------
    value : the estimate, NaN without observations
    low, high : ends of its confidence interval, NaN with fewer than 21 observations, or fewer than
        two stretches of sessions that do not overlap
    observations : sessions it rests on
    """

    value: float
    low: float
    high: float
    observations: int

    def scaled(self, factor: float) -> Estimate:
        """The same in other units, such as a session's mean as a month's."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor, self.observations)


def long_run_variance(values: Floats, cosines: int) -> float:
    """Long-run variance of values (n,) as the mean square of their first `cosines` cosine weights.

    Lazarus, Lewis, Stock and Watson (2018), "HAR inference: recommendations for practice", equation 4:
    with its t critical values it keeps its promise in samples as short as ours.
    """
    count = len(values)
    waves = np.arange(1, cosines + 1)[:, np.newaxis] * (np.arange(count) + 0.5) / count
    weights = math.sqrt(2 / count) * np.cos(np.pi * waves) @ (values - values.mean())
    return float(np.mean(weights**2))


def cosines_for(count: int, overlap: int = 1) -> int:
    """Degrees of freedom for `count` sessions: 0.4 n^(2/3), at most one for each stretch without overlap."""
    return int(min(0.4 * count ** (2 / 3), count / overlap))


def mean_estimate(values: Floats, overlap: int = 1, confidence: float = 0.95) -> Estimate:
    """Mean of values (n,), one a session, NaN left out.

    Parameters
    ----------
    overlap : sessions that neighbouring values share, such as the horizon of a forecast
    """
    known = values[np.isfinite(values)]
    mean = float(known.mean()) if len(known) else math.nan
    half = _half_width(known, overlap, confidence)
    return Estimate(mean, mean - half, mean + half, len(known))


def mean_p_value(values: Floats, overlap: int = 1) -> float:
    """Two-sided p-value of values (n,) having mean zero, by the variance and freedom of `mean_estimate`.

    NaN where that has no interval, or where nothing varies.
    """
    known = values[np.isfinite(values)]
    count, cosines = len(known), cosines_for(len(known), overlap)
    if count < MINIMUM_OBSERVATIONS or cosines < MINIMUM_COSINES:
        return math.nan
    variance = long_run_variance(known, cosines)
    if not variance > 0:
        return math.nan
    return 2 * float(stdtr(cosines, -abs(float(known.mean())) / math.sqrt(variance / count)))


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
    half = _half_width(above - ratio * below, overlap, confidence) / base
    return Estimate(ratio, ratio - half, ratio + half, count)


def _half_width(values: Floats, overlap: int, confidence: float) -> float:
    count, cosines = len(values), cosines_for(len(values), overlap)
    if count < MINIMUM_OBSERVATIONS or cosines < MINIMUM_COSINES:
        return math.nan
    spread = math.sqrt(long_run_variance(values, cosines) / count)
    return float(stdtrit(cosines, 0.5 + confidence / 2)) * spread
