"""What else a run's figures could have been: the stationary bootstrap over paired sessions.

Politis and Romano (1994), "The stationary bootstrap", JASA 89.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from trading.digest import generator
from trading.evaluation.uncertainty import Estimate
from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR

BOOTSTRAPS = 2000
MEAN_BLOCK_SESSIONS = 10
MINIMUM_SESSIONS = 21
Figure = Callable[[Floats], Floats]


def stationary_indices(
    count: int, samples: int, mean_block: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(samples, count) places of sessions: blocks of geometric length that wrap around the end."""
    starts = rng.integers(0, count, (samples, count))
    begins = rng.random((samples, count)) < 1 / mean_block
    begins[:, 0] = True
    since = np.where(begins, np.arange(count), 0)
    origin = np.maximum.accumulate(since, axis=1)
    chosen = np.take_along_axis(starts, origin, axis=1)
    return (chosen + np.arange(count) - origin) % count


def total_return(returns: Floats) -> Floats:
    """(...) compounded simple return of (..., n)."""
    return np.prod(1 + returns, axis=-1) - 1


def annual_volatility(returns: Floats) -> Floats:
    """(...) standard deviation of a year of (..., n), NaN for a single session."""
    return _deviation(returns) * math.sqrt(SESSIONS_PER_YEAR)


def annual_sharpe(returns: Floats) -> Floats:
    """(...) Sharpe ratio of a year of (..., n), NaN where returns do not vary."""
    deviation, means = _deviation(returns), np.mean(returns, axis=-1) * math.sqrt(SESSIONS_PER_YEAR)
    return np.divide(means, deviation, out=np.full_like(means, np.nan), where=deviation > 0)


def _deviation(returns: Floats) -> Floats:
    single = returns.shape[-1] < 2  # noqa: PLR2004 - one value has no spread
    return np.full(returns.shape[:-1], np.nan) if single else np.std(returns, axis=-1, ddof=1)


def deepest_drawdown(returns: Floats) -> Floats:
    """(...) deepest fall from a peak of the wealth that (..., n) make of 1."""
    wealth = np.cumprod(1 + returns, axis=-1)
    return (1 - wealth / np.maximum(np.maximum.accumulate(wealth, axis=-1), 1.0)).max(axis=-1)


FIGURES: Mapping[str, Figure] = {
    "total_return": total_return,
    "volatility": annual_volatility,
    "sharpe": annual_sharpe,
    "drawdown": deepest_drawdown,
}


def paired_figures(
    own: Floats, other: Floats, seed: int = 0, confidence: float = 0.95
) -> dict[str, tuple[Estimate, Estimate, Estimate]]:
    """Each figure of two strategies and of their difference, with percentile intervals.

    Parameters
    ----------
    own, other : (n,) simple returns of the same sessions, which are drawn together
    """
    count = len(own)
    both = np.stack([own, other])
    places = np.zeros((0, count), dtype=np.int64)
    if count >= MINIMUM_SESSIONS:
        places = stationary_indices(
            count, BOOTSTRAPS, MEAN_BLOCK_SESSIONS, generator("paired_figures", seed=seed)
        )
    drawn = both[:, places]  # (2, samples, n)
    return {name: _three(figure(both), figure(drawn), count, confidence) for name, figure in FIGURES.items()}


def _three(
    values: Floats, drawn: Floats, count: int, confidence: float
) -> tuple[Estimate, Estimate, Estimate]:
    samples = [drawn[0], drawn[1], drawn[0] - drawn[1]]
    single = [values[0], values[1], values[0] - values[1]]
    first, second, third = (_estimate(v, s, count, confidence) for v, s in zip(single, samples, strict=True))
    return first, second, third


def _estimate(value: float, samples: Floats, count: int, confidence: float) -> Estimate:
    if not len(samples) or not np.isfinite(samples).all():
        return Estimate(float(value), math.nan, math.nan, count)
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(float(value), float(low), float(high), count)
