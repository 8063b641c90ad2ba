"""The values that pass through one session's trading: quotes, orders, fills, bookings and the book.

Money is integer cents, shares are signed integers, prices are USD.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

OrderStatus = Literal["pending", "carried", "expired"]
BookingKind = Literal[
    "deposit", "split", "cash_in_lieu", "dividend_accrued", "dividend_paid", "fill", "commission"
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
    """What a session's bar says of one symbol; `halted` is why its open cannot be traded, or empty."""

    open: float
    close: float
    halted: str = ""


@dataclass(frozen=True)
class Order:
    """An order for the next open; `quantity` is signed, `limit_price` NaN for a market order."""

    order_id: str
    symbol: str
    decision_session: pd.Timestamp
    quantity: int
    reference_price: float
    limit_price: float = math.nan
    status: OrderStatus = "pending"
    sessions_waited: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Fill:
    """An execution at the open; spread and slippage are part of `price`, commission is not."""

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

    @property
    def cost_cents(self) -> int:
        """Spread, slippage and commission."""
        return self.spread_cents + self.slippage_cents + self.commission_cents

    @property
    def open_notional_cents(self) -> int:
        """What the shares would have come to at the open, before any cost; never negative."""
        side = 1 if self.quantity > 0 else -1
        return self.notional_cents - side * (self.spread_cents + self.slippage_cents)


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
    """A dividend owed since `ex_session`, paid at the first open at or after `pay_session`."""

    symbol: str
    ex_session: pd.Timestamp
    pay_session: pd.Timestamp
    amount_cents: int


@dataclass(frozen=True)
class Book:
    """Everything that the account owns.

    Attributes
    ----------
    shares : by symbol, without zeros
    cash_cents : never negative
    receivables : dividends owed
    closes : last known close of each symbol held, in the units of its shares
    stale_sessions : how many sessions old that close is
    """

    shares: Mapping[str, int] = field(default_factory=dict)
    cash_cents: int = 0
    receivables: tuple[Receivable, ...] = ()
    closes: Mapping[str, float] = field(default_factory=dict)
    stale_sessions: Mapping[str, int] = field(default_factory=dict)

    @property
    def receivable_cents(self) -> int:
        """Sum of the dividends owed."""
        return sum(claim.amount_cents for claim in self.receivables)

    def value_cents(self, symbol: str) -> int:
        """The shares of `symbol` at their last known close."""
        return cents(self.shares[symbol] * self.closes[symbol]) if symbol in self.shares else 0

    @property
    def equity_cents(self) -> int:
        """Shares at their last known closes, cash, and dividends owed."""
        return sum(map(self.value_cents, self.shares)) + self.cash_cents + self.receivable_cents
