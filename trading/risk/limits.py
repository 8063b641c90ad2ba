"""The limits of the book, each default once."""

from __future__ import annotations

from dataclasses import dataclass

from trading.bounds import ABOVE_ZERO, COUNT, FRACTION, SHARE, check_bounds
from trading.portfolio.mandates import ConvexOptimizer
from trading.portfolio.sizing import KellySizer
from trading.risk.tail import Method


@dataclass(frozen=True)
class RiskLimits:
    """How much the book may lose and swing.

    Attributes
    ----------
    soft_drawdown : from here the overlay scales the book down, linearly to nothing at `hard_drawdown`
    hard_drawdown : from here the book is flat until the drawdown is back within `recovery_drawdown`
    recovery_drawdown : ends a flat spell; with no position only the look-back, which forgets the old
        peak, brings it there
    drawdown_lookback_sessions : over which the peak is taken
    volatility_target : of a year, before the regime's multiplier
    value_at_risk_limit : largest one-session loss at 95 %, a fraction of equity
    value_at_risk_method : how that loss is told
    position_limit, group_limit, gross_limit : largest absolute weights of a name, a group and all of them, checked
        before orders whatever the optimiser promised
    pair_limit : largest sum of the absolute weights of two names whose correlation of 30 sessions is above
        `linked_from`
    sessions_to_leave : in which a position must be sold at `exit_participation` of an average session's volume
    """

    soft_drawdown: float = 0.10
    hard_drawdown: float = 0.15
    recovery_drawdown: float = 0.05
    drawdown_lookback_sessions: int = 30
    volatility_target: float = 0.15
    value_at_risk_limit: float = 0.05
    value_at_risk_method: Method = "parametric"
    position_limit: float = KellySizer.position_limit
    group_limit: float = ConvexOptimizer.group_cap
    gross_limit: float = ConvexOptimizer.gross
    pair_limit: float = ConvexOptimizer.pair_cap
    linked_from: float = ConvexOptimizer.linked_from
    sessions_to_leave: float = 1.0
    exit_participation: float = ConvexOptimizer.participation

    def __post_init__(self) -> None:
        check_bounds(
            self,
            soft_drawdown=SHARE,
            hard_drawdown=FRACTION,
            recovery_drawdown=SHARE,
            drawdown_lookback_sessions=COUNT,
            volatility_target=ABOVE_ZERO,
            value_at_risk_limit=ABOVE_ZERO,
            position_limit=ABOVE_ZERO,
            group_limit=ABOVE_ZERO,
            gross_limit=ABOVE_ZERO,
            pair_limit=ABOVE_ZERO,
            linked_from=(-1.0, 1.0),
            sessions_to_leave=ABOVE_ZERO,
            exit_participation=FRACTION,
        )
