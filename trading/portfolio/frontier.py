"""The efficient frontier of a question: for each volatility the most return that its limits allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from trading.interfaces import Mix
from trading.portfolio.chain import Goal, optimize
from trading.portfolio.problem import FREE, Question

_LEAST_STEP = 1e-4  # of the lowest volatility: a target at the minimum itself leaves a solver no room


@dataclass(frozen=True)
class FrontierPoint:
    """One mix of the frontier, with its mean and volatility over one session."""

    mix: Mix
    mean: float
    volatility: float


def efficient_frontier(question: Question, points: int = 20) -> tuple[FrontierPoint, ...]:
    """From the mix of least variance to that of most return, at even steps of volatility.

    Where one mix comes from is no limit on a frontier, so turnover and liquidity are left out. A point that
    is not solved as asked is left out too.
    """
    free = replace(question, limits=question.limits.without(("turnover", "liquidity")))
    safest = optimize(free, Goal("minimum_variance"))
    boldest = optimize(free, Goal("volatility_target", volatility=FREE))
    low, high = (_volatility(free, mix) for mix in (safest, boldest))
    targets = np.linspace(low * (1 + _LEAST_STEP), max(high, low), points)
    between = (optimize(free, Goal("volatility_target", volatility=float(target))) for target in targets[:-1])
    return tuple(_points(free, (safest, *between, boldest)))


def _points(question: Question, mixes: tuple[Mix, ...]) -> Iterator[FrontierPoint]:
    for mix in mixes:
        if not mix.fallback:
            yield FrontierPoint(mix, float(question.beliefs.mean @ mix.weights), _volatility(question, mix))


def _volatility(question: Question, mix: Mix) -> float:
    return float(np.sqrt(question.beliefs.risk.variance(mix.weights)))
