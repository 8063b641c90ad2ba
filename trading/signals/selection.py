"""Which stocks the regime asks for, and how slowly the choice may move.

Each regime has a sleeve: a rule says which names are in it, and one score says how they share it. The mix
wanted is that of the four sleeves by the regimes' filtered probabilities, so a transition is a slide
and no jump. What is held drifts with prices and moves a little of the way each session, never more than the
session's share of a month's turnover.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trading.bounds import ABOVE_ZERO, COUNT, FRACTION, NOT_NEGATIVE, SHARE, check_bounds
from trading.errors import UsageError
from trading.interfaces import Bools, Floats
from trading.signals.criteria import defensive, ranks

LONGEST_MONTH_SESSIONS = 23
NEUTRAL = 0.5  # rank of a criterion that is not known
SCREENED, FILLED_UP, LOWEST_BETA, EQUAL = "screened", "filled_up", "lowest_beta", "equal_weight"


@dataclass(frozen=True)
class SelectionRules:
    """Hyper-parameters of the selection.

    Parameters
    ----------
    top : names in a sleeve
    keep_rank : a name of a sleeve stays in it while it is among so many, so that ranks may tremble
    beta_limit, yield_floor : what the defensive screen asks for; the yield is that of the last 252 sessions
    least_defensive : names that the defensive sleeve has at least; those of lowest beta fill it up
    momentum, volatility, correlation : weights of the score by which the names of a sleeve share it: rank of
        the momentum, of low volatility, and of low centrality in the graph of correlations
    half_life_sessions : in which half of the way to the mix wanted is gone
    monthly_turnover : one-way turnover that no month exceeds
    """

    top: int = 5
    keep_rank: int = 7
    beta_limit: float = 1.0
    yield_floor: float = 0.02
    least_defensive: int = 5
    momentum: float = 0.3
    volatility: float = 0.2
    correlation: float = 0.5
    half_life_sessions: float = 42.0
    monthly_turnover: float = 0.20

    def __post_init__(self) -> None:
        check_bounds(self, top=COUNT, keep_rank=COUNT, least_defensive=COUNT, half_life_sessions=ABOVE_ZERO)
        check_bounds(self, beta_limit=ABOVE_ZERO, yield_floor=NOT_NEGATIVE, monthly_turnover=FRACTION)
        check_bounds(self, momentum=SHARE, volatility=SHARE, correlation=SHARE)
        if self.keep_rank < self.top:
            raise UsageError(f"keep_rank ({self.keep_rank}) must not be below top ({self.top})")

    @property
    def session_turnover(self) -> float:
        """One-way turnover that no session exceeds, so that no month does."""
        return self.monthly_turnover / LONGEST_MONTH_SESSIONS


@dataclass(frozen=True)
class Criteria:
    """What is known of each symbol at a session, arrays (s,), NaN where unknown.

    Attributes
    ----------
    momentum_rank : mean rank over 12, 3 and 1 months
    beta, dividend_yield, volatility : of the last year, the year and the quarter
    centrality : in the graph of correlations
    reversion : how oversold
    """

    momentum_rank: Floats
    beta: Floats
    dividend_yield: Floats
    volatility: Floats
    centrality: Floats
    reversion: Floats

    def score(self, rules: SelectionRules) -> Floats:
        """(s,) weighted mean rank of momentum, low volatility and low correlation, in [0, 1]."""
        parts = (
            (rules.momentum, self.momentum_rank),
            (rules.volatility, -self.volatility),
            (rules.correlation, -self.centrality),
        )
        total = sum(weight for weight, _ in parts)
        ranked = [weight * np.nan_to_num(ranks(values), nan=NEUTRAL) for weight, values in parts]
        return np.asarray(sum(ranked)) / total if total > 0 else np.full(len(self.beta), NEUTRAL)


@dataclass(frozen=True)
class Sleeves:
    """Weights (4, s) of the sleeves in the order of `REGIMES`, the score (s,), and how the defensive one came about."""

    weights: Floats
    score: Floats
    defensive: str


def sleeves(criteria: Criteria, tradable: Bools, members: Bools, rules: SelectionRules) -> Sleeves:
    """The mix of each regime.

    Bull: the names of highest momentum. Bear: beta below 1 and a dividend yield above 2 %; if fewer pass
    than the sleeve needs, the names of lowest beta fill it up. Volatile: the least central of
    the graph. Range: the most oversold. A rule of which nothing is known gives equal weight.

    Parameters
    ----------
    tradable : (s,) names that may be selected
    members : (4, s) names of each sleeve in the session before
    """
    score = criteria.score(rules)
    quiet, how = _defensive(criteria, tradable, members[1], rules)
    chosen = (
        leaders(criteria.momentum_rank, tradable, members[0], rules),
        quiet,
        leaders(-criteria.centrality, tradable, members[2], rules),
        leaders(criteria.reversion, tradable, members[3], rules),
    )
    weights = np.stack([_shared(score, mask if mask.any() else tradable) for mask in chosen])
    return Sleeves(weights, score, how)


def leaders(values: Floats, tradable: Bools, members: Bools, rules: SelectionRules) -> Bools:
    """(s,) the `top` names by value, where a member that is still among `keep_rank` goes before a newcomer."""
    known = tradable & np.isfinite(values)
    order = np.argsort(np.where(known, -values, np.inf), kind="stable")
    place = np.empty(len(values), dtype=np.int64)
    place[order] = np.arange(len(values))
    stays = known & members & (place < rules.keep_rank)
    first = np.lexsort((place, ~stays))[: rules.top]
    chosen = np.zeros(len(values), dtype=bool)
    chosen[first] = True
    return chosen & known


def _defensive(
    criteria: Criteria, tradable: Bools, members: Bools, rules: SelectionRules
) -> tuple[Bools, str]:
    """The names that pass the screen, filled up by lowest beta, and which of the two it was."""
    passed = tradable & defensive(criteria.beta, criteria.dividend_yield, rules.beta_limit, rules.yield_floor)
    count = int(passed.sum())
    if count >= rules.least_defensive:
        return passed, SCREENED
    short = replace(rules, top=rules.least_defensive - count)
    fill = leaders(-criteria.beta, tradable & ~passed, members, short)
    if count:
        return passed | fill, FILLED_UP
    return fill, LOWEST_BETA if fill.any() else EQUAL


def _shared(score: Floats, mask: Bools) -> Floats:
    """(s,) weights of the names of a sleeve: in proportion to a half and their score; all 0 of none."""
    parts = np.where(mask, NEUTRAL + score, 0.0)
    total = float(parts.sum())
    return parts / total if total > 0 else parts


def wanted(mixes: Floats, probabilities: Floats) -> Floats:
    """(s,) the sleeves (4, s) by the regimes' probabilities (4,)."""
    return np.asarray(probabilities @ mixes) / max(float(probabilities.sum()), 1e-12)


def drifted(weights: Floats, log_returns: Floats) -> Floats:
    """(s,) what weights that sum to 1 have become by the returns since, NaN as none."""
    grown = weights * np.exp(np.nan_to_num(log_returns))
    return grown / grown.sum()


def moved(held: Floats, target: Floats, rules: SelectionRules) -> tuple[Floats, float]:
    """(s,) what is held after the session's step towards the target, and its one-way turnover."""
    step = (1.0 - 0.5 ** (1.0 / rules.half_life_sessions)) * (target - held)
    turnover = float(np.abs(step).sum()) / 2
    if turnover > rules.session_turnover:
        step *= rules.session_turnover / turnover
        turnover = rules.session_turnover
    return held + step, turnover
