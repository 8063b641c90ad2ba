"""Value at risk and expected shortfall of one session, by four methods behind one name.

Letters of the shapes: w sessions of a window, s symbols. Losses are fractions of equity, not negative. All
methods ask what the book of today would have lost or might lose; a missing return counts as 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from scipy.special import ndtri

from trading.digest import generator
from trading.interfaces import Floats

Method = Literal["historical", "parametric", "monte_carlo", "filtered"]
MINIMUM_RETURNS = 21
DECAY = 0.94  # of daily variances, RiskMetrics Technical Document (1996), section 5.3
DEGREES = 5  # of freedom of the simulated names: the tails that daily stock returns usually have
DRAWS = 4000


@dataclass(frozen=True)
class TailLoss:
    """Loss that is exceeded with the tail's probability, and the mean of the losses at or beyond it."""

    value_at_risk: float
    shortfall: float


UNKNOWN = TailLoss(math.nan, math.nan)


def tail_loss(method: Method, weights: Floats, log_returns: Floats, level: float = 0.95) -> TailLoss:
    """Tail of a book of weights (s,) after log returns (w, s); NaN with fewer than 21 sessions.

    Examples
    --------
    >>> falling = np.log1p(np.arange(-0.10, 0.101, 0.01))[:, None]
    >>> round(tail_loss("historical", np.array([0.5]), falling).value_at_risk, 4)
    0.045
    """
    present = np.isfinite(log_returns).any(axis=1)
    if present.sum() < MINIMUM_RETURNS:
        return UNKNOWN
    return METHODS[method](weights, np.nan_to_num(log_returns[present]), level)


def outcomes_of(weights: Floats, log_returns: Floats) -> Floats:
    """(w,) simple returns that a book (s,), held at these weights, had in each session of (w, s)."""
    return np.einsum("ts,s->t", np.expm1(log_returns), weights)


def of_outcomes(outcomes: Floats, level: float) -> TailLoss:
    """Empirical tail of equally likely simple returns (n,)."""
    edge = float(np.quantile(outcomes, 1 - level))
    beyond = outcomes[outcomes <= edge]
    worst = beyond.mean() if len(beyond) else edge  # interpolation may put the edge below all of them
    return TailLoss(max(0.0, -edge), max(0.0, -float(worst)))


def decayed_deviations(outcomes: Floats, decay: float = DECAY) -> Floats:
    """(w + 1,) deviations known before each of the outcomes (w,) and after the last, mean taken as 0.

    The first is the plain one of the whole window, so that a short window has no wild start.
    """
    variances = np.empty(len(outcomes) + 1)
    variances[0] = np.mean(np.square(outcomes))
    for place, square in enumerate(np.square(outcomes)):
        variances[place + 1] = decay * variances[place] + (1 - decay) * square
    return np.sqrt(variances)


def _historical(weights: Floats, log_returns: Floats, level: float) -> TailLoss:
    """Jorion, "Value at Risk", 3rd edition, section 10.4."""
    return of_outcomes(outcomes_of(weights, log_returns), level)


def _parametric(weights: Floats, log_returns: Floats, level: float) -> TailLoss:
    """Normal of mean 0 with the exponentially weighted deviation (RiskMetrics 1996)."""
    sigma = float(decayed_deviations(outcomes_of(weights, log_returns))[-1])
    z = float(ndtri(level))
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    return TailLoss(sigma * z, sigma * density / (1 - level))


def _filtered(weights: Floats, log_returns: Floats, level: float) -> TailLoss:
    """Past outcomes in units of their own day's deviation, at today's (Hull and White 1998)."""
    outcomes = outcomes_of(weights, log_returns)
    deviations = decayed_deviations(outcomes)
    known = deviations[:-1] > 0
    if not known.any():
        return TailLoss(0.0, 0.0)
    return of_outcomes(outcomes[known] / deviations[:-1][known] * deviations[-1], level)


def _monte_carlo(weights: Floats, log_returns: Floats, level: float) -> TailLoss:
    """Names drawn together from a multivariate t with exponentially weighted covariance.

    The draws are the same in every session: two books differ by their weights, never by luck.
    """
    ages = DECAY ** np.arange(len(log_returns))[::-1]
    scaled = log_returns * np.sqrt(ages / ages.sum())[:, None]
    return of_outcomes(outcomes_of(weights, drawn_returns(scaled.T @ scaled)), level)


def drawn_returns(covariance: Floats) -> Floats:
    """(4000, s) log returns with a covariance (s, s), t-distributed, antithetic."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(_shocks(len(covariance)) @ root.T)


@cache
def _shocks(symbols: int) -> Floats:
    """(4000, s) t-distributed shocks of variance one, each beside its mirror image."""
    random = generator("risk/shocks")
    normal = random.normal(size=(DRAWS // 2, symbols))
    stretch = np.sqrt((DEGREES - 2) / random.chisquare(DEGREES, size=(DRAWS // 2, 1)))
    return np.vstack([normal * stretch, -normal * stretch])


METHODS: Mapping[Method, Callable[[Floats, Floats, float], TailLoss]] = {
    "historical": _historical,
    "parametric": _parametric,
    "monte_carlo": _monte_carlo,
    "filtered": _filtered,
}
