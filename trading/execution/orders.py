"""From target weights to whole-share orders for the next open; the rebalance band comes last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from trading.bounds import COUNT, SHARE, check_bounds
from trading.digest import digest
from trading.execution.account import Book, Order, Quote

_WHOLE = 1e-9  # a product that misses a whole share by float error alone is a whole share


@dataclass(frozen=True)
class OrderRules:
    """How targets become orders.

    Attributes
    ----------
    rebalance_band : a position is left alone while it is within this part of its target
    life_sessions : opens that an order may wait before it expires
    """

    rebalance_band: float = 0.05
    life_sessions: int = 5

    def __post_init__(self) -> None:
        check_bounds(self, rebalance_band=SHARE, life_sessions=COUNT)


def order_id(strategy: str, decision_session: pd.Timestamp, symbol: str) -> str:
    """The name of an order: the same decision never makes two."""
    return digest(strategy, f"{decision_session:%Y-%m-%d}", symbol)


def target_quantity(
    target_weight: float, held: int, price: float, equity_cents: int, rebalance_band: float
) -> int:
    """Signed shares to trade towards a target weight: 0 within the band, whole shares towards zero.

    Examples
    --------
    >>> target_quantity(0.10, 0, 30.0, 10_000_00, 0.05), target_quantity(0.10, 33, 30.0, 10_000_00, 0.05)
    (33, 0)
    """
    equity = equity_cents / 100
    weight = held * price / equity
    if abs(weight - target_weight) <= rebalance_band * target_weight:
        return 0
    return math.floor(target_weight * equity / price + _WHOLE) - held


def decide_orders(
    strategy: str,
    session: pd.Timestamp,
    targets: Mapping[str, float],
    *,
    book: Book,
    quotes: Mapping[str, Quote],
    unfilled: Sequence[Order],
    rules: OrderRules,
) -> tuple[Order, ...]:
    """Orders after the close of `session`: what became of the older ones, then the new ones.

    An order that still waits is withdrawn where the target no longer lies in its direction; otherwise
    it stands and its symbol gets no second one. A symbol without a tradable bar gets no new order:
    nothing new is known of it.
    """
    equity = book.equity_cents
    wanted = {
        symbol: target_quantity(
            weight, book.shares.get(symbol, 0), quotes[symbol].close, equity, rules.rebalance_band
        )
        for symbol, weight in targets.items()
        if symbol in quotes and not quotes[symbol].halted
    }
    older = tuple(_reviewed(order, wanted, targets) for order in unfilled)
    busy = {order.symbol for order in older if order.status == "carried"}
    new = (
        Order(order_id(strategy, session, symbol), symbol, session, quantity, quotes[symbol].close)
        for symbol, quantity in wanted.items()
        if quantity and symbol not in busy
    )
    return (*older, *new)


def _reviewed(order: Order, wanted: Mapping[str, int], targets: Mapping[str, float]) -> Order:
    """A carried order as it stands, or withdrawn where the target has turned against it."""
    if order.status != "carried":
        return order
    against = order.quantity * wanted.get(order.symbol, order.quantity) <= 0
    abandoned = order.quantity > 0 and targets.get(order.symbol, 0.0) <= 0.0
    if against or abandoned:
        return replace(
            order, status="expired", reason="withdrawn: the target no longer lies in its direction"
        )
    return order
