"""Is a Sharpe ratio more than luck: how probable it is, after how many trials, and how long to be sure.

Ratios are of a session (not of a year), over cash at no interest, unless a name says `annual`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.special import ndtr, ndtri

from trading.digest import generator
from trading.evaluation.resampling import (
    BOOTSTRAPS,
    MEAN_BLOCK_SESSIONS,
    MINIMUM_SESSIONS,
    deepest_drawdown,
    stationary_indices,
)
from trading.evaluation.uncertainty import Estimate, mean_estimate
from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR

SESSIONS_PER_MONTH = 21
MINIMUM_TRIALS = 2


@dataclass(frozen=True)
class SharpeMoments:
    """What the distribution of a Sharpe ratio rests on.

    Attributes
    ----------
    sharpe : mean over standard deviation of a session's return
    skewness, kurtosis : of the returns; 0 and 3 if they are normal
    count : sessions
    """

    sharpe: float
    skewness: float
    kurtosis: float
    count: int

    @classmethod
    def of(cls, returns: Floats) -> Self:
        """The moments of returns (n,); NaN for fewer than 21 sessions or for returns that do not vary."""
        count, deviation = len(returns), float(np.std(returns)) if len(returns) else 0.0
        if count < MINIMUM_SESSIONS or deviation <= 0:
            return cls(math.nan, math.nan, math.nan, count)
        standardised = (returns - np.mean(returns)) / deviation
        ratio = float(np.mean(returns) / np.std(returns, ddof=1))
        return cls(ratio, float(np.mean(standardised**3)), float(np.mean(standardised**4)), count)

    @property
    def unit_variance(self) -> float:
        """Variance of the ratio times the sessions (Mertens 2002; Bailey and López de Prado 2012, equation 6)."""
        return 1 - self.skewness * self.sharpe + (self.kurtosis - 1) / 4 * self.sharpe**2


def probabilistic_sharpe(moments: SharpeMoments, benchmark: float = 0.0) -> float:
    """Probability that the true ratio is above `benchmark`; NaN where the moments are.

    Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier", equation 11.
    """
    spread = math.sqrt(max(moments.unit_variance, 1e-12) / max(moments.count - 1, 1))
    return float(ndtr((moments.sharpe - benchmark) / spread))


def expected_maximum_sharpe(trials: int, deviation: float) -> float:
    """The best ratio that `trials` strategies without skill are expected to show.

    Bailey and López de Prado (2014), "The deflated Sharpe ratio", equation 1.

    Parameters
    ----------
    deviation : standard deviation of the ratios of the trials
    """
    if trials < MINIMUM_TRIALS:
        return 0.0
    first, second = float(ndtri(1 - 1 / trials)), float(ndtri(1 - 1 / (trials * math.e)))
    return deviation * ((1 - np.euler_gamma) * first + np.euler_gamma * second)


def deflated_sharpe(
    moments: SharpeMoments, trial_sharpes: Sequence[float], trials: int | None = None
) -> float:
    """Probability that the true ratio is above what the best of all trials would show by luck.

    Bailey and López de Prado (2014), equation 2.

    Parameters
    ----------
    trial_sharpes : the ratio of a session of every variant that was tried, this one among them
    trials : how many were tried, where not all left a ratio; as many as there are ratios by default.
        Variants that resemble each other count in full, which errs on the careful side.
    """
    known = np.array([ratio for ratio in trial_sharpes if math.isfinite(ratio)])
    deviation = float(np.std(known, ddof=1)) if len(known) >= MINIMUM_TRIALS else 0.0
    count = len(known) if trials is None else max(trials, len(known))
    return probabilistic_sharpe(moments, expected_maximum_sharpe(count, deviation))


def minimum_track_record(moments: SharpeMoments, benchmark: float = 0.0, confidence: float = 0.95) -> float:
    """Sessions after which such a ratio is above `benchmark` with `confidence`; infinite if it is not above.

    Bailey and López de Prado (2012), equation 13.
    """
    if not moments.sharpe > benchmark:
        return math.nan if math.isnan(moments.sharpe) else math.inf
    return 1 + moments.unit_variance * (float(ndtri(confidence)) / (moments.sharpe - benchmark)) ** 2


def months_to_detect(annual_sharpe: float, *, size: float = 0.05, power: float = 0.8) -> float:
    """Months of trading until a one-sided test of `size` tells a true ratio from 0 with probability `power`.

    For independent normal returns; skewed and heavy-tailed ones take longer.

    Examples
    --------
    >>> round(months_to_detect(1.0))
    74
    """
    ratio = annual_sharpe / math.sqrt(SESSIONS_PER_YEAR)
    if ratio <= 0:
        return math.inf
    sessions = (1 + ratio**2 / 2) * ((float(ndtri(1 - size)) + float(ndtri(power))) / ratio) ** 2
    return sessions / SESSIONS_PER_MONTH


def lo_interval(returns: Floats, confidence: float = 0.95) -> Estimate:
    """Annual Sharpe ratio of returns (n,) with an interval that allows for dependent sessions.

    Lo (2002), "The statistics of Sharpe ratios", section on the generalised method of moments: the delta
    method on mean and variance. The long-run variance of its influence function and the critical value are
    those of `mean_estimate`.
    """
    moments, scale = SharpeMoments.of(returns), math.sqrt(SESSIONS_PER_YEAR)
    if math.isnan(moments.sharpe):
        return Estimate(math.nan, math.nan, math.nan, len(returns))
    around = mean_estimate(sharpe_influence(returns), confidence=confidence)  # its mean is 0 by construction
    low, high = moments.sharpe + around.low, moments.sharpe + around.high
    return Estimate(moments.sharpe, low, high, len(returns)).scaled(scale)


def sharpe_influence(returns: Floats) -> Floats:
    """(n,) how much each return moves the Sharpe ratio of a session, times n; their mean is 0."""
    standardised = (returns - np.mean(returns)) / np.std(returns)
    return np.asarray(standardised - SharpeMoments.of(returns).sharpe / 2 * (standardised**2 - 1))


def drawdown_distribution(returns: Floats, quantiles: Sequence[float], seed: int = 0) -> Floats:
    """Quantiles (q,) of the deepest drawdown over as many sessions again, by stationary bootstrap of returns (n,).

    NaN for fewer than 21 sessions.
    """
    count = len(returns)
    if count < MINIMUM_SESSIONS:
        return np.full(len(quantiles), np.nan)
    rng = generator("drawdown_distribution", seed=seed)
    places = stationary_indices(count, BOOTSTRAPS, MEAN_BLOCK_SESSIONS, rng)
    return np.asarray(np.quantile(deepest_drawdown(returns[places]), quantiles))
