"""Everything that one trading session can be told, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from trading.bounds import ABOVE_ZERO, check_bounds
from trading.execution.costs import CostModel
from trading.execution.margin import MarginRules
from trading.execution.orders import OrderRules
from trading.execution.simulator import Venue
from trading.interfaces import Optimizer, Sizer
from trading.portfolio.alpha import QUARTER_KELLY_RISK_AVERSION
from trading.portfolio.breakdown import BreakdownAlarm
from trading.portfolio.covariance_rules import CovarianceRules, VixScaling
from trading.portfolio.mandates import ConvexOptimizer
from trading.portfolio.sizing import KellySizer
from trading.risk.limits import RiskLimits
from trading.risk.stops import StopRules
from trading.risk.volatility_forecast import VolatilityForecast


@dataclass(frozen=True)
class TradingRules:
    """How the strategy trades.

    Attributes
    ----------
    strategy : name under which signals are read and everything is booked
    initial_cash_usd : the deposit at inception
    filter : `continuous` lets probability and width scale the size, `roadmap` also asks for its gates
    risk_aversion : behind the returns that equal weight implies
    solve_on_regime_change : whether a mix is solved anew in a session whose regime changed, beside each week's first
    solve_on_broken_correlations : whether it is when the alarm of correlations rings; it tells of it in any case
    regime_scaling : whether the regime's multiplier scales the volatility target; without it all regimes count as 1
    vix : how far VIX scales what volatility is believed in, by the mix and by the overlay
    overlay : what volatility the overlay expects of a mix
    sizer, covariance, alarm, optimizer, limits, costs, orders, margin, stops : the parts, each with its own settings
    """

    strategy: str = "swing"
    initial_cash_usd: float = 100_000.0
    filter: Literal["continuous", "roadmap"] = "continuous"
    risk_aversion: float = QUARTER_KELLY_RISK_AVERSION
    solve_on_regime_change: bool = True
    solve_on_broken_correlations: bool = False
    regime_scaling: bool = True
    sizer: Sizer = field(default_factory=KellySizer)
    covariance: CovarianceRules = field(default_factory=CovarianceRules)
    vix: VixScaling = field(default_factory=VixScaling)
    alarm: BreakdownAlarm = field(default_factory=BreakdownAlarm)
    optimizer: Optimizer = field(default_factory=ConvexOptimizer)
    overlay: VolatilityForecast = field(default_factory=VolatilityForecast)
    limits: RiskLimits = field(default_factory=RiskLimits)
    costs: CostModel = field(default_factory=CostModel)
    orders: OrderRules = field(default_factory=OrderRules)
    margin: MarginRules = field(default_factory=MarginRules)
    stops: StopRules = field(default_factory=StopRules)

    def __post_init__(self) -> None:
        check_bounds(self, initial_cash_usd=ABOVE_ZERO, risk_aversion=ABOVE_ZERO)

    @property
    def is_neutral(self) -> bool:
        """Whether the mandate is to have no market in it."""
        return isinstance(self.optimizer, ConvexOptimizer) and self.optimizer.is_neutral

    @property
    def venue(self) -> Venue:
        """How orders are executed."""
        return Venue(self.costs, self.orders, self.margin)
