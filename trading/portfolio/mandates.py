"""The optimiser of the line: what a mandate allows, turned into limits, and beliefs into a question.

Three mandates. `long_only` is invested as far as caps allow. `long_short` holds up to 130 % long and
30 % short, net 100 %. `market_neutral` is net zero, with a beta to the market below the cap; it has no scale of
its own, and aims at a volatility instead of a Sharpe ratio. It earns nothing of what the market is believed to
earn, so it believes in the forecasts alone, and without any holds cash.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trading.bounds import ABOVE_ZERO, COUNT, FRACTION, NOT_NEGATIVE, check_bounds
from trading.errors import InfeasibleError
from trading.interfaces import Bools, Floats, Mix
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.portfolio.problem import FREE, Beliefs, Limits, Objective, Question, RiskModel
from trading.universe import SYMBOLS

Mandate = Literal["long_only", "long_short", "market_neutral"]
Uncertainty = Literal["none", "box", "ellipsoid"]


@dataclass(frozen=True)
class Wanted:
    """What the stage knows when it asks for a mix, arrays (s,) but for the two matrices.

    Attributes
    ----------
    alpha : expected return of one session, and `active` the part of it that is forecast: all that a hedged book earns
    covariance : (s, s) of one session; correlation : (s, s) of the last 30 sessions, NaN where unknown
    caps, short_caps : largest weight, and largest short one; `hedged_caps` that of a long one in a neutral book
    previous : the mix before
    half_width : half the width of the forecast interval of one session's return, NaN where there is none
    linear_cost, impact_cost : of a change of weight, see `interfaces.TradingCosts`
    liquidity : weight that an average session's volume comes to, infinite where unknown
    beta : to the market, equal weight of the names where none is held as bars
    groups : names of the groups
    """

    alpha: Floats
    active: Floats
    covariance: Floats
    correlation: Floats
    caps: Floats
    short_caps: Floats
    hedged_caps: Floats
    previous: Floats
    half_width: Floats
    linear_cost: Floats
    impact_cost: Floats
    liquidity: Floats
    beta: Floats
    groups: Sequence[str]

    @classmethod
    def plain(
        cls, alpha: Floats, covariance: Floats, caps: Floats, previous: Floats, groups: Sequence[str]
    ) -> Wanted:
        """Beliefs that are certain, in a market of unlimited volume that costs nothing."""
        nothing, volatility = np.zeros(len(alpha)), np.sqrt(np.diagonal(covariance))
        correlation = covariance / np.outer(volatility, volatility)
        return cls(
            alpha=alpha,
            active=alpha,
            covariance=covariance,
            correlation=correlation,
            caps=caps,
            short_caps=nothing,
            hedged_caps=caps,
            previous=previous,
            half_width=nothing,
            linear_cost=nothing,
            impact_cost=nothing,
            liquidity=np.full(len(alpha), np.inf),
            beta=beta_to_equal_weight(covariance),
            groups=groups,
        )


@dataclass(frozen=True)
class ConvexOptimizer:
    """The best mix by an objective within the limits of a mandate; see `chain` for what happens if there is none.

    Attributes
    ----------
    objective : what is to be best; `maximum_sharpe` becomes `volatility_target` in a neutral mandate
    mandate : see the module
    uncertainty : set in which the means are believed to lie: intervals of their own, or all at once
    doubt : its size, in half widths of the forecast interval
    risk_aversion : of `mean_variance`
    volatility : of a year, of `volatility_target`
    group_cap : largest sum of absolute weights of a sub-industry group
    linked_from : correlation of 30 sessions from which two names are linked
    pair_cap : largest sum of absolute weights of two linked names: they share one position's cap
    turnover : largest sum of absolute weight changes at one optimisation; not on the way in from cash
    gross, short, beta_cap : of mandates that sell short
    participation : share of an average session's volume that one rebalancing may take
    cost_sessions : over which what a trade costs is earned back; a very large number leaves costs out
    symbols : names of the rows, for the certificate
    iterations : after which the solver gives up
    """

    objective: Objective = "maximum_sharpe"
    mandate: Mandate = "long_only"
    uncertainty: Uncertainty = "none"
    doubt: float = 0.02
    risk_aversion: float = 4.0
    volatility: float = 0.15
    group_cap: float = 0.40
    linked_from: float = 0.70
    pair_cap: float = 0.20
    turnover: float = 0.50
    gross: float = 1.6
    short: float = 0.30
    beta_cap: float = 0.10
    participation: float = 0.05
    cost_sessions: float = 21.0
    symbols: tuple[str, ...] = SYMBOLS
    iterations: int = 200

    def __post_init__(self) -> None:
        check_bounds(
            self, doubt=NOT_NEGATIVE, risk_aversion=ABOVE_ZERO, volatility=ABOVE_ZERO, group_cap=FRACTION,
            linked_from=(-1.0, 1.0), pair_cap=(0.0, FREE), turnover=NOT_NEGATIVE, gross=(1.0, FREE), short=(0.0, FREE),
            beta_cap=NOT_NEGATIVE, participation=ABOVE_ZERO, cost_sessions=ABOVE_ZERO, iterations=COUNT,
        )  # fmt: skip

    @property
    def is_neutral(self) -> bool:
        """Whether the book is to have no market in it."""
        return self.mandate == "market_neutral"

    @property
    def sells_short(self) -> bool:
        """Whether the mandate needs an account that may."""
        return self.mandate != "long_only"

    def solve(self, wanted: Wanted) -> Mix:
        """The mix, whatever the numbers.

        Raises
        ------
        InfeasibleError
            If the arrays are not of as many names as there are symbols.
        """
        from trading.portfolio.chain import Goal, optimize

        count = len(self.symbols)
        if wanted.covariance.shape != (count, count) or len(wanted.alpha) != count:
            raise InfeasibleError(
                f"the optimiser is for {count} symbols, and was given {wanted.covariance.shape}"
            )
        neutral = self.is_neutral and self.objective == "maximum_sharpe"
        goal = Goal(
            "volatility_target" if neutral else self.objective,
            self.risk_aversion,
            self.volatility / np.sqrt(SESSIONS_PER_YEAR),
            iterations=self.iterations,
        )
        return optimize(self.question(wanted), goal)

    def question(self, wanted: Wanted) -> Question:
        """The problem that the mandate makes of what is known."""
        groups = tuple(sorted(set(wanted.groups)))
        return Question(self._beliefs(wanted), self._limits(wanted, groups), self.symbols, groups)

    def _beliefs(self, wanted: Wanted) -> Beliefs:
        nothing, doubt = np.zeros(len(wanted.alpha)), self.doubt * np.nan_to_num(wanted.half_width)
        unknown = unknown_names(wanted.covariance)
        mean = wanted.active if self.is_neutral else wanted.alpha
        return Beliefs(
            mean=np.where(unknown, np.nan, mean),  # masked, and named in the certificate
            risk=RiskModel.of(filled(wanted.covariance, unknown)),
            box=doubt if self.uncertainty == "box" else nothing,
            ellipsoid=doubt if self.uncertainty == "ellipsoid" else nothing,
            linear_cost=wanted.linear_cost / self.cost_sessions,
            impact_cost=wanted.impact_cost / self.cost_sessions,
        )

    def _limits(self, wanted: Wanted, groups: tuple[str, ...]) -> Limits:
        neutral, selling = self.is_neutral, self.sells_short
        net = 0.0 if neutral else 1.0
        shorts = np.minimum(wanted.short_caps, self.short) if selling else np.zeros(len(wanted.caps))
        return Limits(
            lower=-shorts,
            upper=wanted.hedged_caps if neutral else wanted.caps,
            previous=wanted.previous,
            members=np.array([[float(name == group) for name in wanted.groups] for group in groups]),
            group_cap=self.group_cap,
            links=linked_pairs(wanted.correlation, self.linked_from),
            pair_cap=self.pair_cap,
            turnover=self.turnover if wanted.previous.any() else FREE,
            liquidity=self.participation * wanted.liquidity,
            gross=self.gross if selling else FREE,
            net_low=net,
            net_high=net,
            beta=wanted.beta if neutral else None,
            beta_cap=self.beta_cap if neutral else FREE,
        )


def beta_to_equal_weight(covariance: Floats) -> Floats:
    """(s,) of each name to equal weight of all of them, from (s, s); 1 on average."""
    known = np.nan_to_num(covariance)
    return np.asarray(known.sum(axis=0) / (known.mean() * len(known) or 1.0))


def linked_pairs(correlation: Floats, threshold: float) -> NDArray[np.int64]:
    """(p, 2) places of the pairs whose correlation is above a threshold, first < second; NaN is no link."""
    above = np.triu(np.nan_to_num(correlation, nan=-1.0) > threshold, k=1)
    return np.argwhere(above)


def unknown_names(covariance: Floats) -> Bools:
    """(s,) names of which the covariance says nothing; one NaN spoils the pair, and most of a row the name."""
    finite = np.isfinite(covariance)
    spoiled = finite.sum(axis=0) * 2 <= len(covariance)
    return np.asarray(~np.diagonal(finite) | spoiled)


def filled(covariance: Floats, unknown: Bools) -> Floats:
    """A covariance without NaN: an unknown name is alone and as risky as the riskiest, for the root's sake."""
    clean = np.where(np.outer(~unknown, ~unknown), np.nan_to_num(covariance), 0.0)
    clean[unknown, unknown] = max(float(np.diagonal(clean).max(initial=0.0)), 1e-12)
    return clean
