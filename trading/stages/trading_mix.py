"""The mix that a session's beliefs ask for: alpha, caps, limits and costs become weights with a certificate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from trading.features.correlation import pairwise_correlation
from trading.features.graph import GraphRules
from trading.interfaces import Bools, Floats
from trading.portfolio.alpha import expected_returns
from trading.portfolio.covariance import SESSIONS_PER_YEAR, CovarianceEstimate
from trading.portfolio.mandates import Wanted, beta_to_equal_weight
from trading.portfolio.problem import GRID
from trading.stages.trading_market import INDEX, Market
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_state import KeptMix, State
from trading.universe import SYMBOLS, groups

_GROUPS = tuple(groups()[symbol] for symbol in SYMBOLS)
_FEWEST_OF_INDEX = 42  # sessions of a window of 63
_Z_OF_875 = 1.1503493803760079  # half widths of the interval are from the median to the quantile 0.875


def optimized(
    session: pd.Timestamp,
    state: State | None,
    market: Market,
    estimate: CovarianceEstimate,
    rules: TradingRules,
    *,
    equity: float,
) -> KeptMix:
    """The mix solved today: alpha from beliefs, caps from the sizer, weights from the optimiser.

    A holding that cannot be traded today keeps its weight, and the others share what that leaves.
    `equity` is in USD.
    """
    stuck = _stuck(state, market)
    wanted = _wanted(session, state, market, estimate, rules, equity=equity, tradable=stuck == 0)
    mix = rules.optimizer.solve(wanted)
    halted = [f"halted:{symbol}" for symbol, weight in zip(SYMBOLS, stuck, strict=True) if weight != 0]
    return KeptMix(
        caps=wanted.caps,
        weights=_beside(stuck, mix.weights, neutral=rules.is_neutral),
        optimized_session=session,
        status=mix.status,
        objective=f"{mix.objective}, beta to {_market_of(market)}" if rules.is_neutral else mix.objective,
        gap=mix.gap,
        binding=", ".join([*mix.binding, *halted]),
        fallback=mix.fallback,
        conflicts=", ".join(mix.conflicts),
    )


def _wanted(
    session: pd.Timestamp,
    state: State | None,
    market: Market,
    estimate: CovarianceEstimate,
    rules: TradingRules,
    *,
    equity: float,
    tradable: Bools,
) -> Wanted:
    beliefs, usual = market.beliefs, estimate.volatility
    eligible = _eligible(market, estimate, rules)
    alpha = expected_returns(
        estimate.covariance, beliefs.alpha, beliefs.horizon, eligible, rules.risk_aversion, tilt=beliefs.tilt
    )
    spread = np.where(np.isfinite(beliefs.spread), beliefs.spread, usual)
    probability = np.where(eligible & tradable, beliefs.probability, np.nan)
    recent = recent_correlation(market)
    active = np.where(eligible, np.nan_to_num(beliefs.alpha) / beliefs.horizon, 0.0)
    borrow = rules.costs.borrow
    shorted = -active - borrow.rates(SYMBOLS) / SESSIONS_PER_YEAR
    long, hedged, short = (
        rules.sizer.caps(wins, mean, spread, recent, usual_spread=usual, quantiles=shape)
        for wins, mean, shape in (
            (probability, alpha, market.quantiles),
            (probability, active, market.quantiles),
            (1.0 - probability, shorted, -market.quantiles[:, ::-1]),
        )
    )
    return Wanted(
        alpha=alpha,
        active=active,
        covariance=estimate.covariance,
        correlation=recent,
        caps=long,
        short_caps=np.where(borrow.availability(SYMBOLS), short, 0.0),
        hedged_caps=hedged,
        previous=state.mix.weights if state else np.zeros(len(SYMBOLS)),
        half_width=_Z_OF_875 * spread,
        linear_cost=np.nan_to_num(rules.costs.linear_rate(market.closes, session)),
        impact_cost=np.nan_to_num(rules.costs.impact_rate(usual, market.dollar_volume, equity)),
        liquidity=weight_of_volume(market, equity),
        beta=_betas(market, estimate, rules),
        groups=_GROUPS,
    )


def recent_correlation(market: Market) -> Floats:
    """(s, s) of the last 30 sessions, NaN where unknown."""
    rule = GraphRules()
    return pairwise_correlation(market.log_returns[-rule.window_sessions :], rule.minimum_returns)


def weight_of_volume(market: Market, equity: float) -> Floats:
    """(s,) weight that an average session's volume comes to, infinite where unknown; `equity` in USD."""
    return np.where(market.dollar_volume > 0, market.dollar_volume / equity, np.inf)


def _market_of(market: Market) -> str:
    """What beta is measured against: the index where its returns are known, else equal weight of the names."""
    return INDEX if np.isfinite(market.index_returns).sum() >= _FEWEST_OF_INDEX else "equal weight"


def _betas(market: Market, estimate: CovarianceEstimate, rules: TradingRules) -> Floats:
    """(s,) from the covariance of the names with their market, of the form that the mix believes in."""
    if _market_of(market) != INDEX:
        return beta_to_equal_weight(estimate.covariance)
    together = np.column_stack([market.log_returns, market.index_returns])
    covariance = rules.covariance.estimate(together).covariance
    return np.asarray(covariance[:-1, -1] / covariance[-1, -1])


def _beside(stuck: Floats, weights: Floats, *, neutral: bool) -> Floats:
    """(s,) stuck weights as they are, and the others in what they leave, on the grid.

    In a neutral book each side makes room for what is stuck on it, so that both stay as large as each other.
    """
    if not stuck.any():
        return weights
    left = np.full(len(weights), 1.0 - np.abs(stuck).sum())
    if neutral:
        for side in (1.0, -1.0):
            mine = np.sign(weights) == side
            total, taken = np.abs(weights[mine]).sum(), np.maximum(side * stuck, 0.0).sum()
            left[mine] = max(0.0, 1.0 - taken / max(float(total), GRID))
    units = round(1 / GRID)
    return np.where(stuck != 0, stuck, np.trunc(weights * left * units) / units)


def _stuck(state: State | None, market: Market) -> Floats:
    """(s,) weights in the mix of holdings that cannot be traded today: no bar, or a halt."""
    if state is None:
        return np.zeros(len(SYMBOLS))
    tradable = {symbol for symbol, quote in market.quotes.items() if not quote.halted}
    kept = [state.book.shares.get(symbol, 0) != 0 and symbol not in tradable for symbol in SYMBOLS]
    return np.where(kept, state.mix.weights, 0.0)


def _eligible(market: Market, estimate: CovarianceEstimate, rules: TradingRules) -> Bools:
    """(s,) names with a signal and enough history, and through the roadmap's gates if they bind."""
    known = np.isfinite(market.beliefs.alpha) & estimate.observed
    return known & market.beliefs.passes if rules.filter == "roadmap" else known
