"""The ledger: bookings in integer cents, and the books that they add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from trading.errors import InsufficientCashError, ReconciliationError
from trading.execution.account import Book, Booking, Fill


@dataclass(frozen=True)
class Balance:
    """What bookings add up to: shares by symbol without zeros, cash and dividends owed in cents."""

    shares: Mapping[str, int] = field(default_factory=dict)
    cash_cents: int = 0
    receivable_cents: int = 0

    @classmethod
    def of(cls, book: Book) -> Balance:
        """The balance of a book."""
        return cls(dict(book.shares), book.cash_cents, book.receivable_cents)


def project(
    bookings: Iterable[Booking], opening: Balance | None = None, *, overdraft: bool = False
) -> Balance:
    """The balance after `bookings`, from `opening` (nothing, if there is none).

    With `overdraft` cash may be negative, as in a margin account.

    Raises
    ------
    InsufficientCashError
        If cash is negative after any of them.
    """
    start = opening or Balance()
    shares, cash, receivable = Counter(start.shares), start.cash_cents, start.receivable_cents
    for booking in bookings:
        shares[booking.symbol] += booking.shares
        cash += booking.cash_cents
        receivable += booking.receivable_cents
        if cash < 0 and not overdraft:
            raise InsufficientCashError(
                f"booking {booking.kind} {booking.reference} of {booking.symbol} would leave {cash} cents of cash"
            )
    return Balance({symbol: count for symbol, count in shares.items() if count}, cash, receivable)


def reconcile(
    book: Book,
    bookings: Iterable[Booking],
    opening: Balance,
    session: pd.Timestamp,
    *,
    overdraft: bool = False,
) -> None:
    """Check that the session's bookings lead from `opening` to `book`.

    Raises
    ------
    ReconciliationError
        Naming each account that differs, with both amounts.
    """
    booked, held = project(bookings, opening, overdraft=overdraft), Balance.of(book)
    if booked == held:
        return
    symbols = sorted({*booked.shares, *held.shares})
    pairs = {s: (booked.shares.get(s, 0), held.shares.get(s, 0)) for s in symbols}
    pairs |= {
        "USD": (booked.cash_cents, held.cash_cents),
        "USD_RECEIVABLE": (booked.receivable_cents, held.receivable_cents),
    }
    wrong = "; ".join(f"{name}: ledger {a}, positions {b}" for name, (a, b) in pairs.items() if a != b)
    raise ReconciliationError(
        f"the ledger and the positions of {session:%Y-%m-%d} differ ({wrong}); make the session again, "
        f"and if it stays, restore the home from its last good session"
    )


def bookings_of(fill: Fill) -> tuple[Booking, ...]:
    """A fill's lines: the shares against cash, the commission, and a sale's fees where there are any."""
    side = 1 if fill.quantity > 0 else -1
    lines = (
        Booking("fill", fill.symbol, fill.quantity, -side * fill.notional_cents, 0, fill.fill_id),
        Booking("commission", fill.symbol, 0, -fill.commission_cents, 0, fill.fill_id),
    )
    fees = Booking("fees", fill.symbol, 0, -fill.fees_cents, 0, fill.fill_id)
    return (*lines, fees) if fill.fees_cents else lines


def deposit(cash_cents: int) -> Booking:
    """The money with which the account begins."""
    return Booking("deposit", "USD", 0, cash_cents, 0, "inception")
