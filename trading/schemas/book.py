"""One trading session: orders, fills, the ledger and what follows from them."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandera.pandas as pandera
from pandera.typing import Series

from trading.execution.account import BookingKind, MarketMoment, OrderKind, OrderStatus
from trading.schemas.table import Frame, Session, Stamp, table


@table("orders", key=("session", "strategy", "order_id"), storage="recorded", sparse=True)
class Orders(Frame):
    """Orders decided at `as_of(session)` for the next session, and what became of older ones in this one.

    Quantities are signed. `status` is where the order stands after the session, `life` what it passed
    through: `new` goes to the next session; `acknowledged` and `partially_filled` wait on; `filled`,
    `cancelled`, `rejected` and `expired` are over and appear once. `reason` says why.
    """

    strategy: Series[str]
    order_id: Series[str]
    symbol: Series[str]
    decision_session: Series[Session]
    quantity: Series[np.int64]
    reference_price: Series[float] = pandera.Field(gt=0)
    limit_price: Series[float] = pandera.Field(nullable=True)
    status: Series[str] = pandera.Field(isin=get_args(OrderStatus))
    sessions_waited: Series[np.int64] = pandera.Field(ge=0)
    reason: Series[str]
    kind: Series[str] = pandera.Field(isin=get_args(OrderKind))
    stop_price: Series[float] = pandera.Field(nullable=True)
    filled: Series[np.int64]
    life: Series[str]


@table("fills", key=("session", "strategy", "fill_id"), storage="recorded", sparse=True)
class Fills(Frame):
    """Executions in `session` of orders decided earlier. Quantities are signed.

    `open_price` is the market's price before costs at `moment`: open, close, or within the session.
    """

    strategy: Series[str]
    fill_id: Series[str]
    order_id: Series[str]
    symbol: Series[str]
    decision_session: Series[Session]
    ts: Series[Stamp]
    quantity: Series[np.int64]
    open_price: Series[float] = pandera.Field(gt=0)
    price: Series[float] = pandera.Field(gt=0)
    notional_cents: Series[np.int64] = pandera.Field(ge=0)
    spread_cents: Series[np.int64] = pandera.Field(ge=0)
    slippage_cents: Series[np.int64] = pandera.Field(ge=0)
    commission_cents: Series[np.int64] = pandera.Field(ge=0)
    impact_cents: Series[np.int64] = pandera.Field(ge=0)
    fees_cents: Series[np.int64] = pandera.Field(ge=0)
    moment: Series[str] = pandera.Field(isin=get_args(MarketMoment))


@table("ledger", key=("session", "strategy", "sequence"), storage="recorded", sparse=True)
class Ledger(Frame):
    """Every booking of cash or shares, in integer cents; positions and equity are its projections."""

    strategy: Series[str]
    sequence: Series[np.int64] = pandera.Field(ge=0)
    kind: Series[str] = pandera.Field(isin=get_args(BookingKind))
    symbol: Series[str]
    shares: Series[np.int64]
    cash_cents: Series[np.int64]
    receivable_cents: Series[np.int64]
    reference: Series[str]


@table("receivables", key=("session", "strategy", "symbol", "ex_session"), storage="recorded", sparse=True)
class Receivables(Frame):
    """Dividends owed at the close of `session` and not yet paid, negative where a short owes them.

    Their sum is `USD_RECEIVABLE`.
    """

    strategy: Series[str]
    symbol: Series[str]
    ex_session: Series[Session]
    pay_session: Series[Session]
    amount_cents: Series[np.int64] = pandera.Field(ne=0)


@table("positions", key=("session", "strategy", "symbol"), storage="recorded")
class Positions(Frame):
    """Shares at the close of `session`, valued at the close; cash and receivables are rows of their own.

    The cash row has symbol `USD`, the dividends owed `USD_RECEIVABLE`; both have quantity in cents.
    """

    strategy: Series[str]
    symbol: Series[str]
    quantity: Series[np.int64]
    close: Series[float] = pandera.Field(gt=0)
    value_cents: Series[np.int64]
    stale_sessions: Series[np.int64] = pandera.Field(ge=0)


@table("performance", key=("session", "strategy"), storage="recorded")
class Performance(Frame):
    """Equity at the close of `session`, beside equal weight of the same names."""

    strategy: Series[str]
    equity_cents: Series[np.int64]
    cash_cents: Series[np.int64]
    log_return: Series[float]
    drawdown: Series[float] = pandera.Field(ge=0, le=1)
    gross_exposure: Series[float] = pandera.Field(ge=0)
    turnover: Series[float] = pandera.Field(ge=0)
    cost_cents: Series[np.int64] = pandera.Field(ge=0)
    equal_weight_log_return: Series[float]
    equal_weight_equity: Series[float] = pandera.Field(gt=0)


@table("risk", key=("session", "strategy"), storage="recorded")
class Risk(Frame):
    """What the risk overlay allows after the close of `session`, and which limits the book breaks there.

    The target of the same session is within all limits: what is broken is traded away at the next open.
    """

    strategy: Series[str]
    drawdown: Series[float] = pandera.Field(ge=0, le=1)
    drawdown_state: Series[str] = pandera.Field(isin=("normal", "soft", "hard"))
    drawdown_multiplier: Series[float] = pandera.Field(ge=0, le=1)
    realized_volatility: Series[float] = pandera.Field(nullable=True, ge=0)
    value_at_risk_95: Series[float] = pandera.Field(nullable=True, ge=0)
    shortfall_95: Series[float] = pandera.Field(nullable=True, ge=0)
    breaches: Series[str]
    alarm: Series[str]
    reason: Series[str]


@table("target_portfolio", key=("session", "strategy", "symbol"), storage="recorded")
class TargetPortfolio(Frame):
    """Weights that the book should have: the optimised mix, the overlay's exposure, the target.

    `certificate` columns repeat the solution's proof on every row of the session.
    """

    strategy: Series[str]
    symbol: Series[str]
    cap: Series[float] = pandera.Field(ge=0, le=1)
    mix_weight: Series[float] = pandera.Field(ge=-1, le=1)
    exposure: Series[float] = pandera.Field(ge=0, le=1)
    target_weight: Series[float] = pandera.Field(ge=-1, le=1)
    current_weight: Series[float]
    cut_by: Series[str]
    optimized_session: Series[Session]
    status: Series[str]
    objective: Series[str]
    gap: Series[float] = pandera.Field(nullable=True)
    binding: Series[str]
    fallback: Series[str]
    conflicts: Series[str]
