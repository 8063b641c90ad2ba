"""Which limits contradict one another, and what gives way.

The answer is a minimal conflicting set by the deletion filter (Chinneck, "Feasibility and Infeasibility
in Optimization", section 6.1): a limit stays in the set only if without it the others can be met.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trading.portfolio.convex import SLACK_KINDS, limit_values, shape_of, solve
from trading.portfolio.problem import FREE, WAIVABLE, Beliefs, Limits

FEASIBLE = 1e-7  # of equity: less slack than this is a solver's rounding
_ITERATIONS = 100
_KINDS = ("position", *SLACK_KINDS)


def least_slack(limits: Limits, kinds: tuple[str, ...] = SLACK_KINDS) -> float:
    """How far the limits of `kinds` must all be widened until some mix respects every limit.

    Infinite where the solver finds none.
    """
    shape = shape_of("least_slack", _NO_BELIEFS, limits)
    elastic = {f"elastic_{kind}": float(kind in kinds) for kind in SLACK_KINDS}
    answer = solve(shape, limit_values(limits, shape) | elastic, _ITERATIONS)
    return float(answer.values["slack"][0]) if answer.solved else np.inf


def conflicting(limits: Limits) -> tuple[str, ...]:
    """Kinds of limits that cannot all be met although any fewer of them could; none if all can."""
    if least_slack(limits) <= FEASIBLE:
        return ()
    left, kept = limits, []
    for kind in _KINDS:
        fewer = _lifted(left, kind)
        if least_slack(fewer) > FEASIBLE:
            left = fewer
        else:
            kept.append(kind)
    return tuple(kept)


def waived(limits: Limits) -> tuple[str, ...]:
    """The shortest beginning of `WAIVABLE` without which the limits can be met."""
    for count in range(len(WAIVABLE) + 1):
        if least_slack(limits.without(WAIVABLE[:count])) <= FEASIBLE:
            return WAIVABLE[:count]
    return WAIVABLE


def _lifted(limits: Limits, kind: str) -> Limits:
    """The limits without those of a kind."""
    if kind in WAIVABLE and kind != "net":
        return limits.without((kind,))
    shorts = -FREE if limits.shorts else 0.0
    wide: dict[str, dict[str, object]] = {
        "position": {"lower": np.full_like(limits.lower, shorts), "upper": np.full_like(limits.upper, FREE)},
        "net": {"net_low": -FREE, "net_high": FREE},
        "group": {"group_cap": FREE},
        "gross": {"gross": FREE},
        "correlation": {"pair_cap": FREE},
    }
    return replace(limits, **wide[kind])  # type: ignore[arg-type]


_NO_BELIEFS = Beliefs.plain(np.zeros(1), np.eye(1))
