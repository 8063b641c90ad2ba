"""From target weights to whole-share orders for the next open; the rebalance band comes last."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from trading.bounds import COUNT, FRACTION, SHARE, check_bounds
from trading.digest import digest
from trading.execution.account import Book, Order, Quote
from trading.execution.lifecycle import advance, is_working

_WHOLE = 1e-9  # a product that misses a whole share by float error alone is a whole share


@dataclass(frozen=True)
class OrderRules:
    """How targets become orders, and how long and how greedily these are worked.

    Attributes
    ----------
    rebalance_band : a position is left alone while it is within this part of its target
    life_sessions : sessions that an order may wait before it expires
    participation : largest part of a session's volume that all orders of a symbol may take together
    kind : of the orders that targets become
    units_per_share : 1 for whole shares; 1000 counts every quantity in thousandths of a share, and so on
    account : whose orders they are; part of their names, so that two homes never send the same one
    """

    rebalance_band: float = 0.05
    life_sessions: int = 5
    participation: float = 0.10
    kind: Literal["market", "on_open", "on_close"] = "on_open"
    units_per_share: int = 1
    account: str = "paper"

    def __post_init__(self) -> None:
        check_bounds(
            self, rebalance_band=SHARE, life_sessions=COUNT, participation=FRACTION, units_per_share=COUNT
        )


def order_id(account: str, decision_session: pd.Timestamp, symbol: str, side: int, sequence: int = 0) -> str:
    """The name of an order, which brokers get too: the same decision never makes two.

    Parameters
    ----------
    account : home and strategy that it is of
    side : 1 to buy, -1 to sell
    sequence : place among the orders of the same decision, symbol and side
    """
    word = "buy" if side > 0 else "sell"
    return digest(account, f"{decision_session:%Y-%m-%d}", symbol, word, sequence)


def target_quantity(
    target_weight: float,
    held: int,
    price: float,
    equity_cents: int,
    rebalance_band: float,
    *,
    units_per_share: int = 1,
) -> int:
    """Signed shares to trade towards a target weight: 0 within the band, whole units towards zero.

    Examples
    --------
    >>> target_quantity(0.10, 0, 30.0, 10_000_00, 0.05), target_quantity(0.10, 33, 30.0, 10_000_00, 0.05)
    (33, 0)
    """
    equity, unit = equity_cents / 100, price / units_per_share
    weight = held * unit / equity
    if abs(weight - target_weight) <= rebalance_band * abs(target_weight):
        return 0
    size = math.floor(abs(target_weight) * equity / unit + _WHOLE)
    return (size if target_weight >= 0 else -size) - held


def decide_orders(
    strategy: str,
    session: pd.Timestamp,
    targets: Mapping[str, float],
    *,
    book: Book,
    quotes: Mapping[str, Quote],
    older: Sequence[Order],
    rules: OrderRules,
) -> tuple[Order, ...]:
    """Orders after the close of `session`: what became of the older ones, then the new ones.

    An order that still waits is cancelled where the target no longer lies in its direction; otherwise
    it stands and its symbol gets no second one. A symbol without a tradable bar gets no new order:
    nothing new is known of it.
    """
    equity = book.equity_cents
    wanted = {
        symbol: target_quantity(
            weight,
            book.shares.get(symbol, 0),
            quotes[symbol].close,
            equity,
            rules.rebalance_band,
            units_per_share=book.units_per_share,
        )
        for symbol, weight in targets.items()
        if symbol in quotes and not quotes[symbol].halted
    }
    reviewed = tuple(_reviewed(order, wanted, targets, book) for order in older)
    busy = {order.symbol for order in reviewed if is_working(order)}
    account = f"{rules.account}/{strategy}"
    new = (
        Order(
            order_id(account, session, symbol, quantity),
            symbol,
            session,
            quantity,
            quotes[symbol].close,
            kind=rules.kind,
        )
        for symbol, quantity in wanted.items()
        if quantity and symbol not in busy
    )
    return (*reviewed, *new)


def _reviewed(order: Order, wanted: Mapping[str, int], targets: Mapping[str, float], book: Book) -> Order:
    """An order that waits as it stands, or cancelled where the target has turned against it."""
    if not is_working(order):
        return order
    against = order.quantity * wanted.get(order.symbol, order.quantity) <= 0
    opens = order.quantity * book.shares.get(order.symbol, 0) >= 0
    abandoned = opens and order.quantity * targets.get(order.symbol, 0.0) <= 0
    if against or abandoned:
        return advance(order, "cancelled", "withdrawn: the target no longer lies in its direction")
    return order
