"""Splits and dividends before the open, on holdings and on open orders."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.execution.account import Book, Booking, Order, Receivable
from trading.execution.corporate_actions import CorporateAction, Late, open_book
from trading.execution.ledger import Balance, project

DECIDED, SESSION, PAYS = (pd.Timestamp(day) for day in ("2024-06-07", "2024-06-10", "2024-06-28"))
BOOK = Book({"NVDA": 15}, 1_000_00, (), {"NVDA": 1200.0}, {"NVDA": 0})


def split(ratio: float) -> CorporateAction:
    return CorporateAction("NVDA", "split", ratio, 0.0, SESSION)


def dividend(amount: float, pays: pd.Timestamp = PAYS) -> CorporateAction:
    return CorporateAction("NVDA", "dividend", 1.0, amount, pays)


def order(quantity: int, limit: float = float("nan")) -> Order:
    return Order("id", "NVDA", DECIDED, quantity, 1200.0, limit)


def test_a_split_multiplies_shares_and_divides_the_close() -> None:
    opening = open_book(BOOK, (), [split(10)], SESSION)

    assert opening.book.shares == {"NVDA": 150}
    assert opening.book.closes == {"NVDA": 120.0}
    assert opening.bookings == (Booking("split", "NVDA", 135, 0, 0, "split 10 for 1"),)


def test_a_fraction_of_a_share_is_paid_in_cash() -> None:
    # 15 x 1.5 = 22.5 shares at 1200 / 1.5 = 800: half a share is 400.00.
    opening = open_book(BOOK, (), [split(1.5)], SESSION)

    assert opening.book.shares == {"NVDA": 22}
    assert opening.book.cash_cents == 1_400_00
    assert opening.bookings[1] == Booking("cash_in_lieu", "NVDA", 0, 400_00, 0, "split 1.5 for 1")


def test_a_reverse_split_may_leave_nothing_but_cash() -> None:
    opening = open_book(BOOK, (), [split(0.05)], SESSION)

    assert opening.book.shares == {}
    assert opening.book.cash_cents == 1_000_00 + 15 * 1_200_00


def test_an_open_order_follows_the_split() -> None:
    (adjusted,) = open_book(BOOK, [order(3, 1190.0)], [split(10)], SESSION).orders

    assert (adjusted.quantity, adjusted.limit_price, adjusted.reference_price) == (30, 119.0, 120.0)
    assert adjusted.reason == "split 10 for 1 made 3 into 30"


@pytest.mark.parametrize("quantity", [7, -7])
def test_an_order_that_becomes_less_than_a_share_expires(quantity: int) -> None:
    (over,) = open_book(BOOK, [order(quantity)], [split(0.1)], SESSION).orders

    assert (over.status, over.quantity) == ("expired", quantity)
    assert "left less than a share" in over.reason


def test_another_symbols_order_is_left_alone() -> None:
    other = Order("id", "AMD", DECIDED, 3, 150.0)

    assert open_book(BOOK, [other], [split(10)], SESSION).orders == (other,)


def test_a_dividend_is_owed_first_and_paid_on_its_day() -> None:
    owed = open_book(BOOK, (), [dividend(0.01)], SESSION)
    paid = open_book(owed.book, (), [], PAYS)

    assert owed.book.receivables == (Receivable("NVDA", SESSION, PAYS, 15),)
    assert owed.book.cash_cents == BOOK.cash_cents
    assert paid.book.receivables == ()
    assert paid.book.cash_cents == BOOK.cash_cents + 15
    assert paid.bookings == (Booking("dividend_paid", "NVDA", 0, 15, -15, "ex 2024-06-10"),)


def test_a_payment_day_without_a_session_is_paid_at_the_next_open() -> None:
    owed = open_book(BOOK, (), [dividend(0.01, pd.Timestamp("2024-06-15"))], SESSION)

    assert open_book(owed.book, (), [], pd.Timestamp("2024-06-14")).bookings == ()
    assert open_book(owed.book, (), [], pd.Timestamp("2024-06-17")).book.cash_cents == BOOK.cash_cents + 15


def test_dividend_and_split_of_one_session_are_both_per_old_share() -> None:
    for actions in ([split(10), dividend(0.10)], [dividend(0.10), split(10)]):
        opening = open_book(BOOK, (), actions, SESSION)
        assert opening.book.receivable_cents == 150
        assert opening.book.shares == {"NVDA": 150}


def late_split(ratio: float, held: int) -> CorporateAction:
    """Of the session before, when `held` shares were worth 1200 each."""
    return CorporateAction("NVDA", "split", ratio, 0.0, DECIDED, Late(DECIDED, held, 1200.0))


def test_a_late_split_counts_what_was_held_before_it_and_leaves_later_closes() -> None:
    book = Book({"NVDA": 20}, 0, (), {"NVDA": 790.0}, {"NVDA": 0})  # 15 before the split, and 5 bought since

    opening = open_book(book, [order(3)], [late_split(1.5, 15)], SESSION)

    # 15 x 1.5 = 22.5: seven more, and half a share at 1200 / 1.5 = 800.
    assert (opening.book.shares, opening.book.closes) == ({"NVDA": 27}, {"NVDA": 790.0})
    assert opening.book.cash_cents == 400_00
    assert opening.orders == (order(3),)
    assert opening.bookings[0].reference == "split 1.5 for 1, late: of 2024-06-07"


def test_a_late_split_adjusts_an_order_that_was_decided_before_it() -> None:
    older = Order("id", "NVDA", pd.Timestamp("2024-06-06"), 3, 1200.0)

    (adjusted,) = open_book(BOOK, [older], [late_split(10.0, 15)], SESSION).orders

    assert (adjusted.quantity, adjusted.reference_price) == (30, 120.0)


def test_a_late_split_brings_back_shares_of_who_has_sold_the_old_ones() -> None:
    opening = open_book(Book(), (), [late_split(10.0, 15)], SESSION)

    assert (opening.book.shares, opening.book.closes) == ({"NVDA": 135}, {"NVDA": 120.0})
    assert opening.book.stale_sessions == {"NVDA": 0}


def test_a_late_reverse_split_takes_no_more_shares_than_there_are() -> None:
    assert open_book(Book(), (), [late_split(0.1, 20)], SESSION).book.shares == {}


def test_who_holds_nothing_is_owed_nothing() -> None:
    assert open_book(Book(cash_cents=5), (), [dividend(1.0), split(2)], SESSION).bookings == ()


@given(
    ratio=st.sampled_from((0.05, 0.1, 0.5, 1.5, 2.0, 3.0, 10.0, 20.0)),
    held=st.integers(1, 10_000),
    amount=st.floats(0.0, 5.0),
)
def test_bookings_lead_to_the_book_and_value_is_kept(ratio: float, held: int, amount: float) -> None:
    book = Book({"NVDA": held}, 0, (), {"NVDA": 1200.0}, {"NVDA": 0})

    opening = open_book(book, (), [split(ratio), dividend(amount)], SESSION)

    assert project(opening.bookings, Balance.of(book)) == Balance.of(opening.book)
    grown = opening.book.equity_cents - opening.book.receivable_cents - book.equity_cents
    assert abs(grown) <= 1  # cash in lieu is rounded to a cent
