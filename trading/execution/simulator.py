"""Fills at the open of a session, of orders decided before it: the pure rule, and a broker around it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from trading import calendar
from trading.digest import digest
from trading.errors import OrderRejectedError
from trading.execution.account import Book, Booking, Fill, Order, Quote
from trading.execution.costs import Charge, CostModel
from trading.execution.ledger import bookings_of, deposit
from trading.universe import SYMBOLS

NO_BAR = Quote(math.nan, math.nan, "no bar")
_RANK = {symbol: rank for rank, symbol in enumerate(SYMBOLS)}


@dataclass(frozen=True)
class Execution:
    """What an open did: the book after it, its fills and bookings, and the orders that are not filled."""

    book: Book
    fills: tuple[Fill, ...]
    bookings: tuple[Booking, ...]
    unfilled: tuple[Order, ...]


def execute_open(
    book: Book,
    orders: Iterable[Order],
    quotes: Mapping[str, Quote],
    *,
    costs: CostModel,
    session: pd.Timestamp,
    life_sessions: int,
) -> Execution:
    """Fill `orders` at the open of `session`, sells before buys.

    An order whose symbol has no tradable open, or whose limit the open does not reach, is carried,
    and expires after `life_sessions` opens. A buy is cut to what the cash pays for and a sell to the
    shares held; the part that was cut expires with the reason. Nothing fills at another price.
    """
    auction = _Auction(dict(book.shares), book.cash_cents, costs, session, life_sessions)
    for order in sorted(orders, key=_priority):
        auction.meet(order, quotes.get(order.symbol, NO_BAR))
    shares = {symbol: count for symbol, count in auction.shares.items() if count}
    bookings = tuple(line for fill in auction.fills for line in bookings_of(fill))
    after = replace(book, shares=shares, cash_cents=auction.cash_cents)
    return Execution(after, tuple(auction.fills), bookings, tuple(auction.unfilled))


def _priority(order: Order) -> tuple[bool, pd.Timestamp, int, str]:
    """Sells first, then the older decision, then the order of the universe: never that of arrival."""
    return order.quantity > 0, order.decision_session, _RANK.get(order.symbol, len(_RANK)), order.symbol


class _Auction:
    """Shares and cash while one open is worked off."""

    def __init__(
        self, shares: dict[str, int], cash_cents: int, costs: CostModel, session: pd.Timestamp, life: int
    ) -> None:
        self.shares, self.cash_cents = shares, cash_cents
        self.costs, self.session, self.life = costs, session, life
        self.fills: list[Fill] = []
        self.unfilled: list[Order] = []

    def meet(self, order: Order, quote: Quote) -> None:
        """Let `order` meet the open of its symbol."""
        if order.status == "expired":
            self.unfilled.append(order)
        elif quote.halted:
            self._carry(order, quote.halted)
        elif _misses_limit(order, self.costs.charge(quote.open, order.quantity)):
            self._carry(
                order, f"the open of {quote.open:g} does not reach the limit of {order.limit_price:g}"
            )
        else:
            self._fill(order, quote)

    def _carry(self, order: Order, why: str) -> None:
        waited = order.sessions_waited + 1
        status: Literal["carried", "expired"] = "carried" if waited < self.life else "expired"
        reason = why if status == "carried" else f"expired after {waited} opens: {why}"
        self.unfilled.append(replace(order, status=status, sessions_waited=waited, reason=reason))

    def _fill(self, order: Order, quote: Quote) -> None:
        filled, why = self._possible(order, quote)
        if filled:
            self._book(order, filled, self.costs.charge(quote.open, filled))
        if filled != order.quantity:
            reason = f"cut from {order.quantity} to {filled}: {why}"
            left = order.quantity - filled
            self.unfilled.append(replace(order, quantity=left, status="expired", reason=reason))

    def _possible(self, order: Order, quote: Quote) -> tuple[int, str]:
        """The part of the order that shares and cash allow, and what stands against the rest."""
        if order.quantity > 0:
            bought = self.costs.affordable(quote.open, order.quantity, self.cash_cents)
            return bought, f"cash of {self.cash_cents} cents does not pay for more"
        held = self.shares.get(order.symbol, 0)
        sold = min(-order.quantity, max(held, 0))
        charge = self.costs.charge(quote.open, -sold) if sold else None
        if charge and self.cash_cents + charge.notional_cents < charge.commission_cents:
            return 0, "cash and proceeds do not pay the commission"
        return -sold, f"{held} shares are held"

    def _book(self, order: Order, quantity: int, charge: Charge) -> None:
        side = 1 if quantity > 0 else -1
        self.shares[order.symbol] = self.shares.get(order.symbol, 0) + quantity
        self.cash_cents -= side * charge.notional_cents + charge.commission_cents
        self.fills.append(
            Fill(
                fill_id=digest(order.order_id, f"{self.session:%Y-%m-%d}"),
                order_id=order.order_id,
                symbol=order.symbol,
                decision_session=order.decision_session,
                quantity=quantity,
                open_price=charge.open_price,
                price=charge.price,
                notional_cents=charge.notional_cents,
                spread_cents=charge.spread_cents,
                slippage_cents=charge.slippage_cents,
                commission_cents=charge.commission_cents,
            )
        )


def _misses_limit(order: Order, charge: Charge) -> bool:
    if math.isnan(order.limit_price):
        return False
    return charge.price > order.limit_price if order.quantity > 0 else charge.price < order.limit_price


class SimulatedBroker:
    """A paper account at the open: `trading.interfaces.Broker`, moved on by `open_session`.

    Parameters
    ----------
    cash_cents : the deposit
    costs : of every execution
    life_sessions : opens that an order may wait
    """

    def __init__(self, cash_cents: int, costs: CostModel | None = None, life_sessions: int = 5) -> None:
        self.costs, self.life_sessions = costs or CostModel(), life_sessions
        self.book = Book(cash_cents=cash_cents)
        self.bookings: list[Booking] = [deposit(cash_cents)]
        self._open: dict[str, Order] = {}
        self._seen: set[str] = set()
        self._fills: list[tuple[pd.Timestamp, Fill]] = []

    def submit(self, orders: pd.DataFrame) -> pd.DataFrame:
        """Acknowledgements of `orders`: order_id, accepted, reason. The same order twice is one order."""
        rows = [self._accept(Order(**row)) for row in orders[list(_ORDER_COLUMNS)].to_dict("records")]
        return pd.DataFrame(rows, columns=["order_id", "accepted", "reason"])

    def _accept(self, order: Order) -> tuple[str, bool, str]:
        if order.order_id in self._seen:
            return order.order_id, True, "already submitted"
        if order.quantity == 0:
            return order.order_id, False, "quantity is 0"
        self._seen.add(order.order_id)
        self._open[order.order_id] = order
        return order.order_id, True, ""

    def open_session(self, session: pd.Timestamp, quotes: Mapping[str, Quote]) -> tuple[Order, ...]:
        """Let all open orders meet the open of `session`; returns those that are not filled.

        Raises
        ------
        OrderRejectedError
            If an open order was decided at `session` or later.
        """
        late = [o for o in self._open.values() if o.decision_session >= session]
        if late:
            raise OrderRejectedError(
                f"order {late[0].order_id} of {late[0].symbol} was decided at {late[0].decision_session:%Y-%m-%d} "
                f"and cannot meet the open of {session:%Y-%m-%d}; open a later session"
            )
        done = execute_open(
            self.book,
            self._open.values(),
            quotes,
            costs=self.costs,
            session=session,
            life_sessions=self.life_sessions,
        )
        self.book = done.book
        self.bookings += done.bookings
        self._fills += [(calendar.session_open(session), fill) for fill in done.fills]
        self._open = {order.order_id: order for order in done.unfilled if order.status != "expired"}
        return done.unfilled

    def fills(self, since: pd.Timestamp) -> pd.DataFrame:
        """Fills at or after the moment `since` (UTC), with their moment `ts`."""
        rows = [{"ts": ts, **vars(fill)} for ts, fill in self._fills if ts >= since]
        return pd.DataFrame(rows, columns=["ts", *Fill.__dataclass_fields__])

    def positions(self) -> dict[str, int]:
        """Shares by symbol, without zeros."""
        return dict(self.book.shares)

    def cash(self) -> int:
        """Cash in cents."""
        return self.book.cash_cents


_ORDER_COLUMNS: Sequence[str] = (
    "order_id",
    "symbol",
    "decision_session",
    "quantity",
    "reference_price",
    "limit_price",
)
