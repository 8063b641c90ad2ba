"""A broker that sends nothing: it says of each order what would be sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from trading.execution.account import Fill, Order
from trading.execution.matching import ill_formed
from trading.execution.paper_broker import MOVEMENTS, ORDER_STATES

_WORDS = {"on_open": "at the open", "on_close": "at the close", "market": "at the market"}


class DryRunBroker:
    """`Brokerage` of an account in which nothing ever happens.

    Parameters
    ----------
    positions, cash_cents : what the account is said to hold
    """

    def __init__(self, cash_cents: int = 0, positions: Mapping[str, int] | None = None) -> None:
        self._cash_cents, self._positions = cash_cents, dict(positions or {})
        self._told: dict[str, Order] = {}

    def submit(self, orders: pd.DataFrame) -> pd.DataFrame:
        """Acknowledgements whose reason says what would be sent."""
        rows = [self._tell(order_of(row)) for row in orders.to_dict("records")]
        return pd.DataFrame(rows, columns=["order_id", "accepted", "reason"])

    def _tell(self, order: Order) -> tuple[str, bool, str]:
        wrong = ill_formed(order)
        if wrong:
            return order.order_id, False, wrong
        self._told[order.order_id] = order
        return order.order_id, True, f"dry run, not sent: {described(order)}"

    def cancel(self, order_ids: Iterable[str]) -> pd.DataFrame:
        """Answers: an order that was told would be cancelled, once."""
        rows = [self._withdraw(name) for name in order_ids]
        return pd.DataFrame(rows, columns=["order_id", "cancelled", "reason"])

    def _withdraw(self, order_id: str) -> tuple[str, bool, str]:
        known = self._told.pop(order_id, None) is not None
        return order_id, known, "dry run, nothing was cancelled" if known else "unknown order"

    def fills(self, since: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        """None, ever."""
        return pd.DataFrame(columns=["ts", *Fill.__dataclass_fields__])

    def order_states(self) -> pd.DataFrame:
        """What was told: acknowledged, never filled."""
        rows = [(o.order_id, o.symbol, o.quantity, 0, "acknowledged") for o in self._told.values()]
        return pd.DataFrame(rows, columns=list(ORDER_STATES))

    def movements(self, since: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        """None, ever."""
        return pd.DataFrame(columns=list(MOVEMENTS))

    def positions(self) -> dict[str, int]:
        """What the account is said to hold."""
        return dict(self._positions)

    def cash(self) -> int:
        """Cash in cents."""
        return self._cash_cents


def order_of(row: Mapping[str, object]) -> Order:
    """An order of one row of the port; what the row does not say is the order's default."""
    return Order(**{name: row[name] for name in Order.__dataclass_fields__ if name in row})  # type: ignore[arg-type]


def described(order: Order) -> str:
    """An order in words.

    Examples
    --------
    >>> described(Order("x", "NVDA", pd.Timestamp("2024-06-06"), -5, 100.0))
    'sell 5 NVDA at the open'
    """
    side = "buy" if order.quantity > 0 else "sell"
    price = {"limit": order.limit_price, "stop": order.stop_price}.get(order.kind)
    words = f"{order.kind} {price:g}" if price is not None else _WORDS[order.kind]
    return f"{side} {abs(order.remaining)} {order.symbol} {words}"
