"""A paper account behind the broker's port, moved on session by session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from trading import calendar
from trading.digest import digest
from trading.errors import OrderRejectedError
from trading.execution.account import Book, Booking, Fill, Order, Quote
from trading.execution.corporate_actions import CorporateAction
from trading.execution.ledger import deposit
from trading.execution.lifecycle import advance, is_working
from trading.execution.matching import ill_formed
from trading.execution.simulator import Execution, Venue
from trading.execution.trading_day import trade_day

Movement = tuple[pd.Timestamp, str, str, str, int, int]
_NEEDED = ("order_id", "symbol", "decision_session", "quantity", "reference_price")
_OPTIONAL = ("limit_price", "stop_price", "kind")
_STATEMENT = {  # what a broker's statement calls our bookings
    "commission": "fees",
    "fees": "fees",
    "borrow_fee": "fees",
    "dividend_paid": "dividend",
    "interest": "interest",
    "cash_in_lieu": "cash_in_lieu",
    "split": "split",
}
ORDER_STATES = ("order_id", "symbol", "quantity", "filled", "status")
MOVEMENTS = ("ts", "movement_id", "kind", "symbol", "shares", "cash_cents")


class SimulatedBroker:
    """An in-process paper account: `trading.interfaces.Broker`, moved on by `open_session`.

    Parameters
    ----------
    cash_cents : the deposit
    venue : costs, life of orders and margin
    """

    def __init__(self, cash_cents: int, venue: Venue | None = None) -> None:
        self.venue = venue or Venue()
        self.book = Book(cash_cents=cash_cents, units_per_share=self.venue.orders.units_per_share)
        self.bookings: list[Booking] = [deposit(cash_cents)]
        self.orders: dict[str, Order] = {}
        self._fills: list[tuple[pd.Timestamp, Fill]] = []
        self._movements: list[Movement] = []

    def submit(self, orders: pd.DataFrame) -> pd.DataFrame:
        """Acknowledgements of `orders`: order_id, accepted, reason. The same order twice is one order."""
        columns = [*_NEEDED, *(name for name in _OPTIONAL if name in orders)]
        rows = [self._accept(Order(**row)) for row in orders[columns].to_dict("records")]
        return pd.DataFrame(rows, columns=["order_id", "accepted", "reason"])

    def _accept(self, order: Order) -> tuple[str, bool, str]:
        if order.order_id in self.orders:
            return order.order_id, True, "already submitted"
        wrong = ill_formed(order)
        if wrong:
            return order.order_id, False, wrong
        self.orders[order.order_id] = order
        return order.order_id, True, ""

    def cancel(self, order_ids: Iterable[str]) -> pd.DataFrame:
        """Answers: order_id, cancelled, reason. What is over, or was never here, is not cancelled."""
        rows = [self._cancel(order_id) for order_id in order_ids]
        return pd.DataFrame(rows, columns=["order_id", "cancelled", "reason"])

    def _cancel(self, order_id: str) -> tuple[str, bool, str]:
        order = self.orders.get(order_id)
        if order is None:
            return order_id, False, "unknown order"
        if not is_working(order):
            return order_id, False, f"the order is {order.status}"
        self.orders[order_id] = advance(order, "cancelled", "cancelled by its sender")
        return order_id, True, ""

    def open_session(
        self, session: pd.Timestamp, quotes: Mapping[str, Quote], actions: Iterable[CorporateAction] = ()
    ) -> Execution:
        """Let a session happen to the account and its working orders.

        Raises
        ------
        OrderRejectedError
            If a working order was decided at `session` or later.
        """
        working = [order for order in self.orders.values() if is_working(order)]
        late = [order for order in working if order.decision_session >= session]
        if late:
            raise OrderRejectedError(
                f"order {late[0].order_id} of {late[0].symbol} was decided at {late[0].decision_session:%Y-%m-%d} "
                f"and cannot meet the open of {session:%Y-%m-%d}; open a later session"
            )
        done = trade_day(self.book, working, actions, quotes, venue=self.venue, session=session)
        self.book = done.book
        self.bookings += done.bookings
        self._fills += [(moment_of(fill, session), fill) for fill in done.fills]
        self._movements += movements_of(done.bookings, session)
        self.orders |= {order.order_id: order for order in done.orders}
        return done

    def fills(self, since: pd.Timestamp) -> pd.DataFrame:
        """Fills at or after the moment `since` (UTC), with their moment `ts`."""
        rows = [{"ts": ts, **vars(fill)} for ts, fill in self._fills if ts >= since]
        return pd.DataFrame(rows, columns=["ts", *Fill.__dataclass_fields__])

    def order_states(self) -> pd.DataFrame:
        """Every order that was accepted: order_id, symbol, quantity, filled, status."""
        rows = [
            (o.order_id, o.symbol, o.quantity, o.filled, "acknowledged" if o.status == "new" else o.status)
            for o in self.orders.values()
        ]
        return pd.DataFrame(rows, columns=list(ORDER_STATES))

    def movements(self, since: pd.Timestamp) -> pd.DataFrame:
        """What moved shares or cash from the day of `since` on and is no fill: fees, dividends, splits."""
        day = since.normalize()
        return pd.DataFrame([line for line in self._movements if line[0] >= day], columns=list(MOVEMENTS))

    def positions(self) -> dict[str, int]:
        """Shares by symbol, without zeros."""
        return dict(self.book.shares)

    def cash(self) -> int:
        """Cash in cents."""
        return self.book.cash_cents


def moment_of(fill: Fill, session: pd.Timestamp) -> pd.Timestamp:
    """When a fill was made (UTC): at the open, or known by the close, which half-days have earlier."""
    return calendar.session_open(session) if fill.moment == "open" else calendar.session_close(session)


def movements_of(bookings: Iterable[Booking], session: pd.Timestamp) -> list[Movement]:
    """The bookings of `session` that move shares or cash and are no fills, as a statement has them: by day."""
    ts = session.tz_localize("UTC")
    return [
        (ts, digest("movement", f"{session:%Y-%m-%d}", place), kind, b.symbol, b.shares, b.cash_cents)
        for place, b in enumerate(bookings)
        if (kind := _STATEMENT.get(b.kind)) and (b.shares or b.cash_cents)
    ]
