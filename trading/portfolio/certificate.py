"""What proves a solution: its limits and its gap, from the weights alone, whatever a solver says.

The gap is between the value of the weights that are stored, rounding included, and the dual bound
below which no weights can go (Boyd and Vandenberghe, "Convex Optimization", section 5.1.3).
"""

from __future__ import annotations

import numpy as np

from trading.interfaces import Floats
from trading.portfolio.problem import FREE, GRID, Beliefs, Limits, Objective, Question

TOLERANCE = 1e-6  # of equity, by which a limit may be missed: one step of the grid
_TOUCHES = 1.5 * GRID  # a limit is binding when the weights on the grid are within one step of it
_LEAST_VALUE = 1e-2  # of scaled values: near zero a relative gap says nothing


def violations(weights: Floats, limits: Limits) -> dict[str, float]:
    """By how much weights (s,) miss each kind of limit; 0 or less where they respect it."""
    size, change = np.abs(weights), np.abs(weights - limits.previous)
    net, beta = float(weights.sum()), abs(float(limits.betas @ weights))
    found = {
        "position": _largest(np.maximum(weights - limits.upper, limits.lower - weights)),
        "group": _largest(limits.members @ size) - limits.group_cap,
        "liquidity": _largest(change - limits.tradable),
        "turnover": float(change.sum()) - limits.turnover,
        "gross": float(size.sum()) - limits.gross,
        "net": max(net - limits.net_high, limits.net_low - net),
        "beta": beta - limits.beta_cap,
    }
    if len(limits.links):
        found["correlation"] = _largest(size[limits.links].sum(axis=1)) - limits.pair_cap
    return {kind: missed for kind, missed in found.items() if _limit_of(limits, kind) < FREE}


def _limit_of(limits: Limits, kind: str) -> float:
    """The size of a limit on the whole book, which is no limit from `FREE` on; 0 for limits on names and nets."""
    sizes = {
        "group": limits.group_cap,
        "turnover": limits.turnover,
        "gross": limits.gross,
        "beta": limits.beta_cap,
        "correlation": limits.pair_cap,
        "liquidity": float(limits.tradable.min(initial=FREE)),
    }
    return sizes.get(kind, 0.0)


def _largest(values: Floats) -> float:
    return float(values.max()) if len(values) else 0.0


def violation(weights: Floats, limits: Limits) -> float:
    """The largest of `violations`, 0 if no limit is missed."""
    return max(0.0, *violations(weights, limits).values())


def binding(weights: Floats, question: Question) -> tuple[str, ...]:
    """Names of the limits that weights (s,) touch."""
    limits, names = question.limits, question.names
    size, room = np.abs(weights), limits.upper - limits.lower > 0
    top, bottom = weights >= limits.upper - _TOUCHES, weights <= limits.lower + _TOUCHES
    floor = "short" if limits.shorts else "long_only"
    found = [f"position:{names[i]}" for i in np.flatnonzero(top & room & (limits.upper > 0))]
    found += [f"{floor}:{names[i]}" for i in np.flatnonzero(bottom & room)]
    full = limits.members @ size >= limits.group_cap - _TOUCHES
    found += [f"group:{question.groups[g]}" for g in np.flatnonzero(full)]
    together = size[limits.links].sum(axis=1) >= limits.pair_cap - _TOUCHES
    found += [f"correlation:{names[i]}-{names[j]}" for i, j in limits.links[together]]
    moved = np.abs(weights - limits.previous) >= limits.tradable - _TOUCHES
    found += [f"liquidity:{names[i]}" for i in np.flatnonzero(moved & room)]
    return (*found, *_of_the_book(weights, limits))


def _of_the_book(weights: Floats, limits: Limits) -> list[str]:
    """Binding limits on sums over the book, which rounding moves by a step a name."""
    steps = len(weights) * _TOUCHES
    sums = {
        "turnover": (float(np.abs(weights - limits.previous).sum()), limits.turnover),
        "gross": (float(np.abs(weights).sum()), limits.gross),
        "beta": (abs(float(limits.betas @ weights)), limits.beta_cap),
    }
    return [name for name, (reached, limit) in sums.items() if limit < FREE and reached >= limit - 2 * steps]


def value(
    objective: Objective, weights: Floats, beliefs: Beliefs, previous: Floats, budgets: Floats
) -> float:
    """What the program makes small, at weights (s,): infinite where the objective has no value there."""
    variance, net_mean = beliefs.risk.variance(weights), beliefs.net_mean(weights, previous)
    if objective == "maximum_sharpe":
        return variance / net_mean**2 if net_mean > 0 else np.inf
    if objective == "risk_budget":
        total, asked = float(budgets.sum()), budgets > 0
        if (weights[asked] <= 0).any() or variance <= 0:
            return np.inf
        logs = float(budgets[asked] @ np.log(weights[asked]))
        return total / 2 * (1 + np.log(variance / total)) - logs  # at the best scale of the weights
    return {
        "minimum_variance": variance,
        "mean_variance": variance - net_mean,
        "volatility_target": -net_mean,
    }[objective]


def gap(reached: float, bound: float) -> float:
    """How far a value is above the dual bound, as a part of it."""
    return (reached - bound) / max(abs(reached), _LEAST_VALUE)
