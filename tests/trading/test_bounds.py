"""Numbers that make no sense are refused by the dataclass that holds them."""

import math
from typing import Any

import pytest

from models.ensembles.softmax import SoftmaxWeighting
from models.intervals.adaptive import AdaptiveConformal
from trading.bounds import ABOVE_ZERO, COUNT, FRACTION, NOT_NEGATIVE, SHARE, Range, check_bound
from trading.errors import UsageError
from trading.execution.costs import CostModel
from trading.execution.orders import OrderRules
from trading.portfolio.mandates import ConvexOptimizer
from trading.portfolio.sizing import KellySizer
from trading.risk.limits import RiskLimits
from trading.signals.rules import SignalRules
from trading.stages.regimes import RegimeRules
from trading.stages.trading_rules import TradingRules


@pytest.mark.parametrize(
    ("bound", "inside", "outside"),
    [
        (ABOVE_ZERO, (1e-300, 7.0), (0.0, -1.0)),
        (NOT_NEGATIVE, (0.0, 7.0), (-1e-300,)),
        (COUNT, (1, 500), (0,)),
        (SHARE, (0.0, 1.0), (-0.1, 1.1)),
        (FRACTION, (0.5, 1.0), (0.0, 1.1)),
    ],
)
def test_a_range_holds_its_ends_and_nothing_else(
    bound: Range, inside: tuple[float, ...], outside: tuple[float, ...]
) -> None:
    for value in inside:
        check_bound("x", value, bound)
    for value in (*outside, math.nan, math.inf, -math.inf):
        with pytest.raises(UsageError, match=rf"x must be .*, not {value}"):
            check_bound("x", value, bound)


def test_a_range_is_said_in_words() -> None:
    with pytest.raises(UsageError, match=r"^volatility_target must be above 0, not -1.0$"):
        RiskLimits(volatility_target=-1.0)
    with pytest.raises(UsageError, match=r"^floor must be at least 0 and at most 1, not 1.5$"):
        SoftmaxWeighting(floor=1.5)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (RiskLimits, "soft_drawdown", 1.2),
        (RiskLimits, "hard_drawdown", 0.0),
        (RiskLimits, "drawdown_lookback_sessions", 0),
        (CostModel, "commission_per_share", -0.1),
        (OrderRules, "life_sessions", 0),
        (OrderRules, "rebalance_band", -0.1),
        (KellySizer, "position_limit", 1.1),
        (KellySizer, "kelly_fraction", -0.25),
        (ConvexOptimizer, "group_cap", 0.0),
        (ConvexOptimizer, "turnover", -0.5),
        (AdaptiveConformal, "target", 1.0001),
        (AdaptiveConformal, "min_scores", 0),
        (SoftmaxWeighting, "temperature", 0.0),
        (SignalRules, "confidence_threshold", 75.0),
        (RegimeRules, "window_sessions", 0),
        (TradingRules, "initial_cash_usd", 0.0),
    ],
)
def test_each_part_of_the_rules_refuses_nonsense(kind: Any, name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"{name} must be"):
        kind(**{name: value})


def test_a_regime_that_sells_the_book_short_is_refused() -> None:
    with pytest.raises(UsageError, match="multiplier of Bear must be at least 0"):
        RegimeRules(multipliers={"Bull": 1.0, "Bear": -1.0, "Volatile": 0.3, "Range": 0.8})
