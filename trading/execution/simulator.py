"""Fills of one session, of orders decided before it: the pure rule that paper and backtest share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

import pandas as pd

from trading.digest import digest
from trading.execution.account import Book, Booking, Fill, MarketMoment, Order, Quote, cents
from trading.execution.costs import Charge, CostModel, most
from trading.execution.ledger import bookings_of
from trading.execution.lifecycle import advance, filled, is_working
from trading.execution.margin import MarginRules
from trading.execution.matching import MOMENTS, Meeting, ill_formed, meeting, missed
from trading.execution.orders import OrderRules
from trading.universe import SYMBOLS

NO_BAR = Quote(math.nan, math.nan, "no bar")
_RANK = {symbol: rank for rank, symbol in enumerate(SYMBOLS)}


@dataclass(frozen=True)
class Venue:
    """Everything that decides how an order is executed: what it costs, how long it lives, what is lent."""

    costs: CostModel = field(default_factory=CostModel)
    orders: OrderRules = field(default_factory=OrderRules)
    margin: MarginRules = field(default_factory=MarginRules)


@dataclass(frozen=True)
class Execution:
    """What a session did: the book after it, fills, bookings, and every order in its new status."""

    book: Book
    fills: tuple[Fill, ...]
    bookings: tuple[Booking, ...]
    orders: tuple[Order, ...]

    @property
    def working(self) -> tuple[Order, ...]:
        """Orders of which something can still become."""
        return tuple(order for order in self.orders if is_working(order))


def execute_session(
    book: Book, orders: Iterable[Order], quotes: Mapping[str, Quote], *, venue: Venue, session: pd.Timestamp
) -> Execution:
    """Let `orders` meet open, course and close of `session`; at each of them sells before buys, stops first.

    Nothing fills at a price that is missing, stale or of another session. All orders of a symbol share the
    part of its volume that `participation` allows; what exceeds it waits. An order that met no price, or
    too little liquidity, waits and expires after `life_sessions`. What cash, shares held, borrow or margin
    do not allow is cancelled, with the reason.
    """
    floor = _Floor(book, quotes, venue, session)
    working = [floor.acknowledge(order) for order in sorted(orders, key=_priority)]
    for moment in MOMENTS:
        working = [floor.meet(order, moment) for order in working]
    after = tuple(floor.age(order) for order in working)
    bookings = tuple(line for fill in floor.fills for line in bookings_of(fill))
    shares = {symbol: count for symbol, count in floor.shares.items() if count}
    done = replace(book, shares=shares, cash_cents=floor.cash_cents)
    return Execution(done, tuple(floor.fills), bookings, after)


def _priority(order: Order) -> tuple[bool, bool, pd.Timestamp, int, str, str]:
    """Sells, stops, the older decision, the order of the universe: never that of arrival."""
    rank = _RANK.get(order.symbol, len(_RANK))
    return (
        order.quantity > 0,
        order.kind != "stop",
        order.decision_session,
        rank,
        order.symbol,
        order.order_id,
    )


class _Floor:
    """Shares, cash and liquidity while one session is worked off."""

    def __init__(self, book: Book, quotes: Mapping[str, Quote], venue: Venue, session: pd.Timestamp) -> None:
        self.book, self.quotes, self.venue, self.session = book, quotes, venue, session
        self.shares, self.cash_cents = dict(book.shares), book.cash_cents
        self.fills: list[Fill] = []
        self._used: dict[str, int] = {}
        self._why: dict[str, str] = {}

    def acknowledge(self, order: Order) -> Order:
        """A new order taken or refused; one that is known already as it is."""
        if order.status != "new":
            return order
        wrong = ill_formed(order) or self._without_borrow(order)
        return advance(order, "rejected", wrong) if wrong else advance(order, "acknowledged")

    def _without_borrow(self, order: Order) -> str:
        """Why a sale of what is not held cannot be made at all, or empty."""
        if order.quantity > 0 or self.shares.get(order.symbol, 0) > 0 or not self.venue.margin.is_margin:
            return ""
        return "" if self.venue.costs.borrow.is_available(order.symbol) else "no shares can be borrowed"

    def meet(self, order: Order, moment: MarketMoment) -> Order:
        """The order after `moment`, filled as far as liquidity and account allow."""
        if not is_working(order):
            return order
        quote = self.quotes.get(order.symbol, NO_BAR)
        stopped = quote.untradable(self.session)
        if stopped:
            self._why[order.order_id] = stopped
            return order
        where = meeting(order, quote, moment)
        if where is None or self._misses_limit(order, quote, where):
            self._why.setdefault(order.order_id, missed(order))
            return order
        return self._fill(order, quote, where, moment)

    def _misses_limit(self, order: Order, quote: Quote, where: Meeting) -> bool:
        """Whether costs push the price past the limit of an order that takes liquidity."""
        if order.kind != "limit" or where.rests:
            return False
        quantity = self._liquid(order, quote) or order.remaining
        price = self._charge(order, quote, where, quantity).price
        return price > order.limit_price if order.quantity > 0 else price < order.limit_price

    def _fill(self, order: Order, quote: Quote, where: Meeting, moment: MarketMoment) -> Order:
        liquid = self._liquid(order, quote)
        if not liquid:
            self._why[order.order_id] = f"{self.venue.orders.participation:.0%} of the volume is taken"
            return order
        allowed, why = self._allowed(order, quote, where, liquid)
        after = order
        if allowed:
            self._book(order, allowed, self._charge(order, quote, where, allowed), moment)
            after = filled(order, allowed)
        if allowed == liquid:
            self._why[order.order_id] = f"{self.venue.orders.participation:.0%} of the volume is taken"
            return after
        return advance(after, "cancelled", f"cut from {order.remaining} to {allowed}: {why}")

    def _liquid(self, order: Order, quote: Quote) -> int:
        """The signed part of the order for which there is volume left."""
        if not math.isfinite(quote.volume):
            return order.remaining
        units = self.book.units_per_share
        taken = math.floor(self.venue.orders.participation * quote.volume) * units
        left = min(abs(order.remaining), max(taken - self._used.get(order.symbol, 0), 0))
        return left if order.quantity > 0 else -left

    def _charge(self, order: Order, quote: Quote, where: Meeting, quantity: int) -> Charge:
        units = self.book.units_per_share
        shares = quantity if units == 1 else Fraction(quantity, units)
        costs = self.venue.costs
        if where.rests:
            return costs.resting(where.price, shares, session=self.session)
        used = self._used.get(order.symbol, 0) / units
        impact = costs.impact(abs(quantity) / units, quote.volume, quote.volatility, used)
        return costs.charge(where.price, shares, impact=impact, session=self.session)

    def _allowed(self, order: Order, quote: Quote, where: Meeting, quantity: int) -> tuple[int, str]:
        """The part of `quantity` that the account allows, and what stands against the rest."""
        side, held = (1 if quantity > 0 else -1), self.shares.get(order.symbol, 0)
        count, why = abs(quantity), f"cash of {self.cash_cents} cents does not pay for more"
        closes = min(count, max(-side * held, 0))
        margin = self.venue.margin
        if side < 0 and not (margin.is_margin and self.venue.costs.borrow.is_available(order.symbol)):
            count, why = closes, f"{held} shares are held"
        elif margin.is_margin:
            why = "initial margin does not allow more"

        def fits(part: int) -> bool:
            charge = self._charge(order, quote, where, side * part)
            if not margin.is_margin:
                return charge.outlay_cents(side) <= self.cash_cents
            return part <= closes or self._has_margin(order.symbol, side * part, charge)

        possible = most(count, fits) if count else 0
        if possible == 0 and count and side < 0 and not margin.is_margin:
            return 0, "cash and proceeds do not pay the commission"
        return side * possible, why

    def _has_margin(self, symbol: str, quantity: int, charge: Charge) -> bool:
        """Whether equity stays above the initial margin of everything held after the trade."""
        held = {**self.shares, symbol: self.shares.get(symbol, 0) + quantity}
        values = [
            cents(n * self._mark(s, charge, symbol) / self.book.units_per_share) for s, n in held.items()
        ]
        side = 1 if quantity > 0 else -1
        equity = self.cash_cents - charge.outlay_cents(side) + sum(values) + self.book.receivable_cents
        return equity >= self.venue.margin.initial * sum(map(abs, values))

    def _mark(self, symbol: str, charge: Charge, traded: str) -> float:
        """The last price known of a symbol: what it trades at, today's open, or its close before."""
        if symbol == traded:
            return charge.open_price
        quote = self.quotes.get(symbol, NO_BAR)
        known = not quote.untradable(self.session)
        return quote.open if known else self.book.closes[symbol]

    def _book(self, order: Order, quantity: int, charge: Charge, moment: MarketMoment) -> None:
        symbol, side = order.symbol, (1 if quantity > 0 else -1)
        self.shares[symbol] = self.shares.get(symbol, 0) + quantity
        self.cash_cents -= charge.outlay_cents(side)
        self._used[symbol] = self._used.get(symbol, 0) + abs(quantity)
        self.fills.append(
            Fill(
                fill_id=digest(order.order_id, f"{self.session:%Y-%m-%d}", moment),
                order_id=order.order_id,
                symbol=symbol,
                decision_session=order.decision_session,
                quantity=quantity,
                moment=moment,
                **vars(charge),
            )
        )

    def age(self, order: Order) -> Order:
        """A working order a session older: it waits on, or expires."""
        if not is_working(order):
            return order
        waited, why = order.sessions_waited + 1, self._why.get(order.order_id, missed(order))
        waiting = replace(order, sessions_waited=waited, reason=why)
        if waited < self.venue.orders.life_sessions:
            return waiting
        return advance(waiting, "expired", f"expired after {waited} sessions: {why}")
