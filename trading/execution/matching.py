"""When and at what price an order meets the bar of a session.

A daily bar has three moments: the open, what lies between, and the close. What lies between is known by
its highest and lowest price alone, so the rules lean against the order: a limit must be passed, not
touched; a stop fires when touched and pays costs on top; where open or close lie beyond a limit or stop,
the order fills at that price and not at its own, better for a limit and worse for a stop.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trading.execution.account import MarketMoment, Order, OrderKind, Quote

MOMENTS: tuple[MarketMoment, ...] = ("open", "within", "close")
_MEETS: dict[OrderKind, tuple[MarketMoment, ...]] = {
    "market": ("open",),
    "on_open": ("open",),
    "on_close": ("close",),
    "limit": ("open", "within"),
    "stop": ("open", "within"),
}


@dataclass(frozen=True)
class Meeting:
    """Where an order meets the market: `price` before costs; `rests` if it waited in the book for it."""

    price: float
    rests: bool = False


def ill_formed(order: Order) -> str:
    """Why no venue would take the order, or empty."""
    if order.quantity == 0:
        return "quantity is 0"
    if order.kind not in _MEETS:
        return f"there is no order of kind {order.kind!r}"
    needed = {"limit": order.limit_price, "stop": order.stop_price}.get(order.kind, 1.0)
    return "" if math.isfinite(needed) and needed > 0 else f"a {order.kind} order needs its price"


def meeting(order: Order, quote: Quote, moment: MarketMoment) -> Meeting | None:
    """Where the order meets the market at `moment`, None if it does not.

    A limit at the open is asked only whether the open itself is good enough: whether the price with costs
    is, only the caller knows.
    """
    if moment not in _MEETS[order.kind]:
        return None
    if moment == "within":
        return _within(order, quote)
    price = quote.close if moment == "close" else quote.open
    if not (math.isfinite(price) and price > 0):
        return None
    side = 1 if order.quantity > 0 else -1
    beyond = {"limit": side * (order.limit_price - price), "stop": side * (price - order.stop_price)}
    return Meeting(price) if beyond.get(order.kind, 0.0) >= 0 else None


def _within(order: Order, quote: Quote) -> Meeting | None:
    """A limit that the session's prices pass, a stop that they touch; NaN prices do neither.

    The price is one that was traded: a limit above the highest price (the open was good enough, but not with its
    costs) is met at the highest, a stop that the open had left behind at the lowest, and so for sales.
    """
    buys = order.quantity > 0
    if order.kind == "limit":
        passed = quote.low < order.limit_price if buys else quote.high > order.limit_price
        return Meeting(_traded(order.limit_price, quote), rests=True) if passed else None
    touched = quote.high >= order.stop_price if buys else quote.low <= order.stop_price
    return Meeting(_traded(order.stop_price, quote)) if touched else None


def _traded(price: float, quote: Quote) -> float:
    """The price of the session that is nearest."""
    return min(max(price, quote.low), quote.high)


def missed(order: Order) -> str:
    """Why an order waits although its symbol was traded."""
    if order.kind == "limit":
        return f"no price reached the limit of {order.limit_price:g}"
    if order.kind == "stop":
        return f"no price reached the stop of {order.stop_price:g}"
    return f"no {order.kind.removeprefix('on_')} price"
