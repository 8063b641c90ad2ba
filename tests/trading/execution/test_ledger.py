"""The ledger adds up, refuses debts, and says where two books differ."""

from __future__ import annotations

import pandas as pd
import pytest

from trading.errors import InsufficientCashError, ReconciliationError
from trading.execution.account import Book, Booking, Receivable
from trading.execution.ledger import Balance, deposit, project, reconcile

SESSION = pd.Timestamp("2024-06-10")
BUY = Booking("fill", "NVDA", 10, -1_000_00, 0, "f1")
SELL_ALL = Booking("fill", "NVDA", -10, 1_100_00, 0, "f2")
OWED = Booking("dividend_accrued", "NVDA", 0, 0, 50, "ex")


def test_bookings_add_up_to_a_balance() -> None:
    assert project((deposit(2_000_00), BUY, OWED)) == Balance({"NVDA": 10}, 1_000_00, 50)


def test_a_position_that_is_sold_leaves_no_zero_behind() -> None:
    assert project((deposit(2_000_00), BUY, SELL_ALL)).shares == {}


def test_a_debt_is_refused_at_the_booking_that_makes_it() -> None:
    with pytest.raises(InsufficientCashError, match="fill f1 of NVDA would leave -100 cents"):
        project((deposit(999_00), BUY))


def test_books_that_agree_pass() -> None:
    claim = Receivable("NVDA", SESSION, SESSION, 50)
    book = Book({"NVDA": 10}, 1_000_00, (claim,), {"NVDA": 1.0})

    reconcile(book, (BUY, OWED), Balance({}, 2_000_00), SESSION)


def test_books_that_differ_are_named_with_both_amounts() -> None:
    with pytest.raises(
        ReconciliationError, match="NVDA: ledger 10, positions 11; USD: ledger 100000, positions 7"
    ):
        reconcile(Book({"NVDA": 11}, 7), (BUY,), Balance({}, 2_000_00), SESSION)
