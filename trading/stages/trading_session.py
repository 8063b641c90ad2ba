"""One trading session: yesterday's orders become fills, fills positions, positions tomorrow's orders.

It walks forward: each session starts from its own rows of the session before, and from nothing else
of its past. In order: corporate actions before the open; fills at the open; the book at the close and
what it is worth; what the drawdown allows; the target, optimised in the first session of each ISO
week and otherwise carried on as prices move it; orders for the next open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from trading import calendar
from trading.evaluation.performance import SessionPerformance, first_performance, next_performance
from trading.execution.account import Book, cents
from trading.execution.ledger import deposit
from trading.execution.orders import decide_orders
from trading.execution.simulator import Execution
from trading.execution.trading_day import trade_day
from trading.interfaces import Floats
from trading.portfolio.drift import drifted
from trading.portfolio.problem import GRID
from trading.risk.checks import Names, breaches, told, within
from trading.risk.overlay import (
    DrawdownVerdict,
    drawdown_verdict,
    exposure,
    realized_volatility,
)
from trading.risk.tail import tail_loss
from trading.stages import trading_tables as tables
from trading.stages.layout import DAILY
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.stages.trading_exits import Holdings, exits, read_holdings
from trading.stages.trading_market import WINDOW_SESSIONS, Market, read_market
from trading.stages.trading_mix import optimized, recent_correlation, weight_of_volume
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_state import KeptMix, State, read_state
from trading.universe import SYMBOLS, groups

RETURNS_LOOKBACK_SESSIONS = WINDOW_SESSIONS - 1
VOLUME_LOOKBACK_SESSIONS = 20  # with today's, a month of volumes and of VIX
_GROUPS = tuple(groups()[symbol] for symbol in SYMBOLS)
LATE_ACTION_SESSIONS = 20  # an action that becomes known later than this is never booked
_MAKES = (
    "fills",
    "ledger",
    "receivables",
    "positions",
    "performance",
    "risk",
    "target_portfolio",
    "orders",
)


def trading_session_stage(rules: TradingRules | None = None) -> Stage:
    """The stage that trades: see the module for the order of events within a session."""
    chosen = rules or TradingRules()

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        market = read_market(moment, inputs, chosen.strategy)
        state = read_state(moment, inputs, chosen.strategy)
        holdings = None if state is None else read_holdings(inputs, chosen)
        return _session(moment, state, market, chosen, holdings)

    look_back = chosen.limits.drawdown_lookback_sessions - 2  # with today's row, and counted from 0
    return Stage(
        name="trading_session",
        reads=(
            Read("bars", lookback=VOLUME_LOOKBACK_SESSIONS, timeframe=DAILY),
            Read("corporate_actions", lookback=LATE_ACTION_SESSIONS),
            Read("features", lookback=features_lookback(chosen), timeframe=DAILY),
            Read("signals"),
            Read("ensemble_forecast", timeframe=DAILY),
            Read("regimes"),
        ),
        makes=_MAKES,
        make=make,
        keeps=(
            Read("receivables", offset=1),
            Read("positions", lookback=LATE_ACTION_SESSIONS, offset=1),
            Read("performance", lookback=look_back, offset=1),
            Read("risk", offset=1),
            Read("target_portfolio", offset=1),
            Read("orders", offset=1),
        ),
        starts="inception",
        causes=_CAUSES,
    )


def features_lookback(rules: TradingRules) -> int:
    """Sessions of returns before today's that the stage reads: those of the covariance, the alarm, the overlay."""
    return max(WINDOW_SESSIONS, rules.alarm.needs_sessions, rules.overlay.window_sessions) - 1


_CAUSES: Mapping[str, tuple[str, ...]] = {
    "fills": ("bars", "corporate_actions"),
    "ledger": ("fills", "corporate_actions"),
    "receivables": ("ledger",),
    "positions": ("fills", "ledger", "bars"),
    "performance": ("positions", "bars", "features"),
    "risk": ("performance", "positions", "features"),
    "target_portfolio": ("risk", "signals", "ensemble_forecast", "regimes", "features", "bars"),
    "orders": ("target_portfolio", "positions"),
}


@dataclass(frozen=True)
class _Target:
    """The mix in force, the part of it that is held, the weights that follow (s,), and what cut them further."""

    mix: KeptMix
    exposure: float
    weights: Floats
    cut_by: str


def _session(
    moment: Moment, state: State | None, market: Market, rules: TradingRules, holdings: Holdings | None
) -> Outputs:
    session = moment.session
    traded = _trade(session, state, market, rules)
    performance = _performance(state, traded, market)
    verdict = _verdict(state, performance, rules)
    equity, alarm = (
        traded.book.equity_cents / 100,
        rules.alarm.told(market.long_returns[-rules.alarm.needs_sessions :]),
    )
    names = _names(market, rules, equity)
    target = _checked(
        _target(session, state, market, verdict, rules, equity=equity, alarmed=bool(alarm)),
        exits(holdings, traded.book, market, rules) if holdings else (),
        names,
        rules,
    )
    orders = decide_orders(
        rules.strategy,
        session,
        rules.margin.called_targets(dict(zip(SYMBOLS, target.weights.tolist(), strict=True)), traded.book),
        book=traded.book,
        quotes=market.quotes,
        older=traded.orders,
        rules=rules.orders,
    )
    current = _weights(traded.book)
    own = np.append(state.log_returns, performance.log_return) if state else np.empty(0)
    loss = tail_loss(rules.limits.value_at_risk_method, current, market.log_returns)
    broken = breaches(
        current,
        names,
        rules.limits,
        value_at_risk=loss.value_at_risk,
        drawdown=verdict.drawdown,
        slack=rules.orders.rebalance_band,
    )
    rows = {
        "fills": tables.fill_rows(traded.fills, session),
        "ledger": tables.ledger_rows(traded.bookings),
        "receivables": tables.receivable_rows(traded.book),
        "positions": tables.position_rows(traded.book),
        "performance": tables.performance_rows(performance),
        "risk": tables.risk_rows(verdict, realized_volatility(own), loss, told(broken), alarm),
        "target_portfolio": tables.target_rows(
            target.mix, target.exposure, target.weights, current, cut_by=target.cut_by
        ),
        "orders": tables.order_rows(orders),
    }
    return {table: tables.columns(table, rules.strategy, rows[table]) for table in _MAKES}


def _trade(session: pd.Timestamp, state: State | None, market: Market, rules: TradingRules) -> Execution:
    """The account's session; the first one of a home only makes the deposit."""
    if state is None:
        cash = cents(rules.initial_cash_usd)
        book = Book(cash_cents=cash, units_per_share=rules.orders.units_per_share)
        return Execution(book, (), (deposit(cash),), ())
    return trade_day(
        replace(state.book, units_per_share=rules.orders.units_per_share),
        state.orders,
        market.actions,
        market.quotes,
        venue=rules.venue,
        session=session,
    )


def _performance(state: State | None, traded: Execution, market: Market) -> SessionPerformance:
    if state is None:
        return first_performance(traded.book)
    return next_performance(state.performance, traded.book, traded.fills, market.holder_returns)


def _verdict(state: State | None, performance: SessionPerformance, rules: TradingRules) -> DrawdownVerdict:
    past = state.equities if state else ()
    return drawdown_verdict(
        (*past, performance.equity_cents), state.drawdown_state if state else "normal", rules.limits
    )


def _names(market: Market, rules: TradingRules, equity: float) -> Names:
    """The names as the limits of the book see them at the close, `equity` in USD."""
    return Names.at_close(
        SYMBOLS, _GROUPS, recent_correlation(market), weight_of_volume(market, equity), rules.limits
    )


def _weights(book: Book) -> Floats:
    """(s,) fractions of equity held."""
    return np.array([book.value_cents(symbol) for symbol in SYMBOLS]) / book.equity_cents


def _target(
    session: pd.Timestamp,
    state: State | None,
    market: Market,
    verdict: DrawdownVerdict,
    rules: TradingRules,
    *,
    equity: float,
    alarmed: bool,
) -> _Target:
    """The mix, new or carried on, scaled once by what volatility, loss, regime and drawdown allow."""
    unscaled = rules.covariance.estimate(market.log_returns)
    estimate = rules.vix.scaled(unscaled, market.vix)
    early = (rules.solve_on_regime_change and market.regime_changed) or (
        rules.solve_on_broken_correlations and alarmed
    )
    if state is None or _is_week_start(session) or early:
        mix = optimized(session, state, market, estimate, rules, equity=equity)
    else:
        mix = _carried(state, market, rules)
    allowed = exposure(
        rules.overlay.forecast(mix.weights, market.long_returns, unscaled.covariance)
        * rules.vix.factor(market.vix),
        tail_loss(rules.limits.value_at_risk_method, mix.weights, market.log_returns).value_at_risk,
        market.regime_multiplier if rules.regime_scaling else 1.0,
        rules.limits,
    )
    held = verdict.multiplier * allowed
    return _Target(mix, held, np.trunc(mix.weights * held / GRID) * GRID, "")


def _checked(target: _Target, leave: tuple[str, ...], names: Names, rules: TradingRules) -> _Target:
    """The target before orders: stopped names left, and the limits kept whatever the optimiser promised."""
    weights = (
        np.where([bool(reason) for reason in leave], 0.0, target.weights) if any(leave) else target.weights
    )
    weights, cut = within(weights, names, rules.limits)
    stops = [f"stop {symbol} {reason}" for symbol, reason in zip(SYMBOLS, leave, strict=False) if reason]
    return replace(target, weights=weights, cut_by="; ".join([*stops, *([told(cut)] if cut else [])]))


def _carried(state: State, market: Market, rules: TradingRules) -> KeptMix:
    """The mix a session on: between two optimisations prices move it, and only the overlay trades."""
    weights = drifted(
        state.mix.weights,
        market.log_returns[-1],
        exposure=state.exposure,
        ceiling=rules.sizer.position_limit,
    )
    return replace(state.mix, weights=weights)


def _is_week_start(session: pd.Timestamp) -> bool:
    """Whether `session` is the first of its ISO week: a fact of the calendar, never of the range."""
    return calendar.shift(session, -1).isocalendar()[:2] != session.isocalendar()[:2]
