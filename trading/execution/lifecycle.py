"""The life of an order as a state machine: which status may follow which, and nothing else.

new ─> acknowledged ─> partially_filled ─> filled
 └────────┴───────────────┴─> cancelled or expired; a new order may also be rejected
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from trading.errors import OrderRejectedError
from trading.execution.account import Order, OrderStatus

LEGAL: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    "new": frozenset({"acknowledged", "rejected", "cancelled", "expired"}),
    "acknowledged": frozenset({"partially_filled", "filled", "cancelled", "expired"}),
    "partially_filled": frozenset({"partially_filled", "filled", "cancelled", "expired"}),
    "filled": frozenset(),
    "cancelled": frozenset(),
    "rejected": frozenset(),
    "expired": frozenset(),
}
WORKING: tuple[OrderStatus, ...] = tuple(status for status, after in LEGAL.items() if after)
STEP = " > "


def is_working(order: Order) -> bool:
    """Whether anything can still become of the order."""
    return order.status in WORKING


def advance(order: Order, status: OrderStatus, reason: str = "") -> Order:
    """The order in its next status, the step added to its life.

    Raises
    ------
    OrderRejectedError
        If no order may go from its status to that one.
    """
    if status not in LEGAL[order.status]:
        raise OrderRejectedError(
            f"order {order.order_id} of {order.symbol} is {order.status} and cannot become {status}; "
            f"it passed through {order.life}"
        )
    life = order.life if status == order.status else f"{order.life}{STEP}{status}"
    return replace(order, status=status, life=life, reason=reason)


def filled(order: Order, quantity: int) -> Order:
    """The order after a fill of `quantity` (signed): wholly or partially filled.

    Raises
    ------
    OrderRejectedError
        If the fill is on the other side, or more than remains.
    """
    if quantity * order.quantity <= 0 or abs(quantity) > abs(order.remaining):
        raise OrderRejectedError(
            f"a fill of {quantity} cannot belong to order {order.order_id} of {order.symbol}, of which "
            f"{order.remaining} remain"
        )
    whole = quantity == order.remaining
    after = advance(order, "filled" if whole else "partially_filled")
    return replace(after, filled=order.filled + quantity)
