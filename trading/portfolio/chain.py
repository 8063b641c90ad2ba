"""The mix within the limits that is best by an objective, with the proof that it is; and always an answer.

When the question as asked has no answer, a chain of named ones follows, and the name is in
`Mix.fallback`, so that nobody takes it for the first:

    limits that contradict one another      the waivable ones give way in order: `turnover_waived`,
                                            `turnover+liquidity_waived`, ...
    a volatility that no mix is as calm as
    (in `conflicts`), no positive net mean, or
    an objective that the solver gives up   `minimum_variance`
    not even that                           `equal_weight`, long only
    nothing                                 `cash`

Limits on positions, groups, linked pairs and gross are never waived: no weights at all respect them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trading.interfaces import Floats, Mix
from trading.portfolio.certificate import TOLERANCE, binding, gap, value, violation
from trading.portfolio.conflicts import conflicting, least_slack, waived
from trading.portfolio.convex import (
    Shape,
    belief_values,
    limit_values,
    shape_of,
    solve,
    weights_of,
)
from trading.portfolio.grid import on_grid, tightened
from trading.portfolio.problem import Beliefs, Limits, Objective, Question, sane

LARGEST_GAP = 1e-3  # rounding weights to the grid costs less; beyond it the solver has not finished
_UNITS = 1_000_000


@dataclass(frozen=True)
class Goal:
    """What is to be best.

    Attributes
    ----------
    objective : see `problem.Objective`
    risk_aversion : of `mean_variance`, which makes mean - risk_aversion / 2 variance large
    volatility : of one session, for `volatility_target`
    budgets : (s,) share of the risk of each name, for `risk_budget`; equal by default
    iterations : after which the solver gives up
    """

    objective: Objective = "maximum_sharpe"
    risk_aversion: float = 4.0
    volatility: float = 0.01
    budgets: Floats | None = None
    iterations: int = 200


def optimize(question: Question, goal: Goal) -> Mix:
    """The best mix, or the first of the chain that can be had.

    Raises
    ------
    InfeasibleError
        If the arrays of the question do not fit together. Numbers are never the reason.
    """
    clean, masked = sane(question)
    clean = replace(clean, limits=_investable(clean.limits))
    if not (clean.limits.upper > 0).any() and not clean.limits.shorts:
        return _cash(clean, masked, "not_needed", ())
    first = _tried(clean, goal, "")
    if isinstance(first, Mix):
        return replace(first, masked=masked)
    conflicts = conflicting(tightened(clean.limits))
    return _fallen_back(clean, goal, first, (masked, conflicts))


def _fallen_back(question: Question, goal: Goal, status: str, said: tuple[tuple[str, ...], ...]) -> Mix:
    """The rest of the chain, once the question as asked has failed with the solver's word `status`."""
    masked, conflicts = said
    lifted = waived(tightened(question.limits)) if conflicts else ()
    name = "+".join(lifted) + "_waived" if lifted else ""
    free = replace(question, limits=question.limits.without(lifted))
    least = replace(goal, objective="minimum_variance")
    steps = [(goal, name)] if lifted else []
    steps.append((least, "+".join(part for part in ("minimum_variance", name) if part)))
    for step, fallback in steps:
        found = _tried(free, step, fallback)
        if isinstance(found, Mix):
            return replace(found, masked=masked, conflicts=conflicts or _too_calm(free, goal, found))
    equal = on_grid(equal_weight_within(free.limits), free.limits)
    if violation(equal, free.limits) <= TOLERANCE and equal.any():
        touched = binding(equal, free)
        return Mix(equal, status, np.nan, "equal_weight", touched, "equal_weight", conflicts, masked)
    return _cash(question, masked, status, conflicts)


def _too_calm(question: Question, goal: Goal, least: Mix) -> tuple[str, ...]:
    """Whether even the mix of `least` variance is wilder than a volatility that was asked for."""
    if goal.objective != "volatility_target" or least.objective != "minimum_variance":
        return ()
    return ("volatility",) if question.beliefs.risk.variance(least.weights) > goal.volatility**2 else ()


def _cash(question: Question, masked: tuple[str, ...], status: str, conflicts: tuple[str, ...]) -> Mix:
    nothing = np.zeros(len(question.names))
    return Mix(nothing, status, np.nan, "cash", (), "cash", conflicts, masked)


def _tried(question: Question, goal: Goal, fallback: str) -> Mix | str:
    """The certified solution of one program, or the word for why there is none."""
    limits = tightened(question.limits)
    beliefs, bounded = _scaled(question.beliefs, goal)
    shape = shape_of(goal.objective, beliefs, limits)
    budgets = _budgets(limits, goal)
    values = belief_values(beliefs) | limit_values(limits, shape)
    answer = solve(shape, values | {"volatility": bounded, "budgets": budgets}, goal.iterations)
    if not answer.solved or not np.isfinite(weights_of(answer)).all():
        return answer.status
    weights = on_grid(weights_of(answer), limits)
    if violation(weights, question.limits) > TOLERANCE:
        return "violated"
    reached = value(goal.objective, weights, beliefs, limits.previous, budgets)
    proof = gap(reached, answer.bound)
    if not np.isfinite(proof) or proof > LARGEST_GAP:
        return "gap"
    return Mix(weights, "optimal", proof, goal.objective, binding(weights, question), fallback)


def _scaled(beliefs: Beliefs, goal: Goal) -> tuple[Beliefs, float]:
    """Beliefs in units in which means and variances are of the size of one, and the volatility target.

    So that the solver's tolerances mean the same on a calm and on a wild day.
    """
    variance = np.square(beliefs.risk.loadings).sum(axis=0) + np.square(beliefs.risk.specific)
    unit_risk = float(np.sqrt(variance.mean())) or 1.0
    unit_mean = float(np.abs(beliefs.mean).max()) or 1.0
    if goal.objective == "mean_variance":
        unit_risk = np.sqrt(2 * unit_mean / goal.risk_aversion)
    risk = beliefs.risk.scaled(1 / unit_risk)
    others = {
        n: getattr(beliefs, n) / unit_mean for n in ("mean", "box", "ellipsoid", "linear_cost", "impact_cost")
    }
    return Beliefs(risk=risk, **others), goal.volatility / unit_risk


def _budgets(limits: Limits, goal: Goal) -> Floats:
    """(s,) which sum to 1, none for a name without room."""
    asked = np.ones(len(limits.upper)) if goal.budgets is None else goal.budgets
    open_ = np.where(limits.upper > 0, np.maximum(asked, 0.0), 0.0)
    return open_ / (open_.sum() or 1.0)


def _investable(limits: Limits) -> Limits:
    """The limits with a net that the caps allow: what they do not is cash, as always, and no fallback."""
    if limits.net_low <= 0:
        return limits
    tight = tightened(limits)
    room = float(np.minimum(tight.members @ tight.upper, tight.group_cap).sum())
    if len(limits.links) or limits.shorts:
        standing = tight.without(("turnover", "liquidity", "beta"))
        room = min(room, limits.net_low - least_slack(standing, ("net",)))
    on_steps = np.floor(max(room, 0.0) * _UNITS + 1e-3) / _UNITS
    low = min(limits.net_low, on_steps) if np.isfinite(on_steps) else 0.0
    return replace(
        limits, net_low=low, net_high=min(limits.net_high, low) if low < limits.net_low else limits.net_high
    )


def equal_weight_within(limits: Limits) -> Floats:
    """(s,) long weights as equal as caps, groups and pairs allow, which sum to at most the net."""
    low, high = 0.0, 1.0
    for _ in range(60):
        level = (low + high) / 2
        low, high = (level, high) if _filled(level, limits).sum() < limits.net_high else (low, level)
    return _filled(high, limits)


def _filled(level: float, limits: Limits) -> Floats:
    cap = min(level, limits.pair_cap / 2) if len(limits.links) else level
    weights = np.minimum(np.maximum(limits.upper, 0.0), cap)
    full = np.maximum((limits.members @ weights) / max(limits.group_cap, 1e-12), 1.0)
    return weights / np.maximum((limits.members * full[:, None]).max(axis=0), 1.0)


__all__ = ["Goal", "Shape", "equal_weight_within", "optimize"]
