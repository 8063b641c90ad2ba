"""The values that pass through one session's trading: quotes, orders, fills, bookings and the book.

Money is integer cents, shares are signed integers, prices are USD.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

OrderStatus = Literal["new", "acknowledged", "partially_filled", "filled", "cancelled", "rejected", "expired"]
OrderKind = Literal["market", "limit", "stop", "on_open", "on_close"]
MarketMoment = Literal["open", "within", "close"]
BookingKind = Literal[
    "deposit",
    "split",
    "cash_in_lieu",
    "dividend_accrued",
    "dividend_paid",
    "fill",
    "commission",
    "fees",
    "borrow_fee",
    "interest",
    "margin_call",
]


def cents(usd: float) -> int:
    """USD as integer cents, halves away from zero, as one would round by hand.

    Examples
    --------
    >>> cents(1000.205)
    100021
    """
    whole = math.floor(round(abs(usd) * 100, 6) + 0.5)
    return whole if usd >= 0 else -whole


@dataclass(frozen=True)
class Quote:
    """What a session's bar says of one symbol.

    Attributes
    ----------
    halted : why it cannot be traded in the session, or empty
    high, low : USD; NaN if unknown, and then nothing fills between open and close
    volume : shares of the session, infinite if unknown
    volatility : standard deviation of one session's return, known before the open
    session : of the bar; None for a price that is given by hand
    """

    open: float
    close: float
    halted: str = ""
    high: float = math.nan
    low: float = math.nan
    volume: float = math.inf
    volatility: float = 0.0
    session: pd.Timestamp | None = None

    def untradable(self, session: pd.Timestamp) -> str:
        """Why nothing of it can be traded at `session`: halted, stale, missing, of the future; or empty."""
        if self.halted:
            return self.halted
        if self.session is not None and self.session != session:
            age = "stale price" if self.session < session else "price of the future"
            return f"{age}: of {self.session:%Y-%m-%d}"
        missing = not (math.isfinite(self.open) and self.open > 0)
        return "no price" if missing else ""


@dataclass(frozen=True)
class Order:
    """An order for the next session; quantities are signed, prices that it does not ask for NaN.

    Attributes
    ----------
    quantity, filled : the whole order, and the part of it that is filled, in shares of today
    status, life : where it stands, and the statuses that it passed through on the way there
    sessions_waited : sessions in which it met no price or too little liquidity
    """

    order_id: str
    symbol: str
    decision_session: pd.Timestamp
    quantity: int
    reference_price: float
    limit_price: float = math.nan
    status: OrderStatus = "new"
    sessions_waited: int = 0
    reason: str = ""
    kind: OrderKind = "on_open"
    stop_price: float = math.nan
    filled: int = 0
    life: str = "new"

    @property
    def remaining(self) -> int:
        """The part that is not filled, signed."""
        return self.quantity - self.filled


@dataclass(frozen=True)
class Fill:
    """An execution; spread, slippage and impact are part of `price`, commission and fees are not.

    `open_price` is the market's price before costs at `moment`: the open, the close, or the limit or stop
    that was reached between them.
    """

    fill_id: str
    order_id: str
    symbol: str
    decision_session: pd.Timestamp
    quantity: int
    open_price: float
    price: float
    notional_cents: int
    spread_cents: int
    slippage_cents: int
    commission_cents: int
    impact_cents: int = 0
    fees_cents: int = 0
    moment: MarketMoment = "open"

    @property
    def price_cost_cents(self) -> int:
        """What is lost in the price: spread, slippage and impact."""
        return self.spread_cents + self.slippage_cents + self.impact_cents

    @property
    def cost_cents(self) -> int:
        """Everything that the execution cost."""
        return self.price_cost_cents + self.commission_cents + self.fees_cents

    @property
    def open_notional_cents(self) -> int:
        """What the shares would have come to at the open, before any cost; never negative."""
        side = 1 if self.quantity > 0 else -1
        return self.notional_cents - side * self.price_cost_cents


@dataclass(frozen=True)
class Booking:
    """One line of the ledger: how it changes shares of `symbol`, cash, and dividends owed."""

    kind: BookingKind
    symbol: str
    shares: int
    cash_cents: int
    receivable_cents: int
    reference: str


@dataclass(frozen=True)
class Receivable:
    """A dividend owed since `ex_session`, paid at the first open at or after `pay_session`; negative by a short."""

    symbol: str
    ex_session: pd.Timestamp
    pay_session: pd.Timestamp
    amount_cents: int


@dataclass(frozen=True)
class Book:
    """Everything that the account owns.

    Attributes
    ----------
    shares : by symbol, without zeros, negative for a short; counted in parts of a share if there are such
    cash_cents : negative only in a margin account
    receivables : dividends owed, negative where the account owes them
    closes : last known close of each symbol held, in the units of its shares
    stale_sessions : how many sessions old that close is
    units_per_share : into how many parts a share is divided, 1 for whole shares
    """

    shares: Mapping[str, int] = field(default_factory=dict)
    cash_cents: int = 0
    receivables: tuple[Receivable, ...] = ()
    closes: Mapping[str, float] = field(default_factory=dict)
    stale_sessions: Mapping[str, int] = field(default_factory=dict)
    units_per_share: int = 1

    @property
    def receivable_cents(self) -> int:
        """Sum of the dividends owed."""
        return sum(claim.amount_cents for claim in self.receivables)

    def value_cents(self, symbol: str) -> int:
        """The shares of `symbol` at their last known close."""
        if symbol not in self.shares:
            return 0
        return cents(self.shares[symbol] * self.closes[symbol] / self.units_per_share)

    @property
    def equity_cents(self) -> int:
        """Shares at their last known closes, cash, and dividends owed."""
        return sum(map(self.value_cents, self.shares)) + self.cash_cents + self.receivable_cents
