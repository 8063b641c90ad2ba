"""From targets to whole shares, and what becomes of orders that wait."""

from __future__ import annotations

import itertools
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.execution.account import Book, Order, Quote
from trading.execution.orders import OrderRules, decide_orders, order_id, target_quantity

DECIDED, SESSION = pd.Timestamp("2024-06-06"), pd.Timestamp("2024-06-07")
RULES = OrderRules()


def decided(
    targets: dict[str, float],
    book: Book,
    *,
    older: tuple[Order, ...] = (),
    halted: str = "",
) -> tuple[Order, ...]:
    quotes = {symbol: Quote(100.0, 100.0, halted) for symbol in targets}
    return decide_orders("swing", SESSION, targets, book=book, quotes=quotes, older=older, rules=RULES)


def carried(quantity: int, status: str = "acknowledged") -> Order:
    return Order("old", "NVDA", DECIDED, quantity, 100.0, math.nan, status, 1, "no bar")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("weight", "held", "shares"),
    [
        (0.10, 0, 10),  # 1,000 of 10,000 USD at 100
        (0.105, 10, 0),  # within 5 % of the target: left alone
        (0.12, 10, 2),
        (0.0, 10, -10),  # out is out
        (0.119, 0, 11),  # never more than the target
        (0.0, 0, 0),
    ],
)
def test_targets_become_whole_shares_outside_the_band(weight: float, held: int, shares: int) -> None:
    assert target_quantity(weight, held, 100.0, 10_000_00, RULES.rebalance_band) == shares


@given(weight=st.floats(0, 1), held=st.integers(0, 1000), price=st.floats(0.5, 3000))
def test_an_order_never_overshoots_its_target(weight: float, held: int, price: float) -> None:
    shares = target_quantity(weight, held, price, 100_000_00, 0.05)

    if shares > 0:
        assert (held + shares) * price <= weight * 100_000 * (1 + 1e-9) + price * 1e-9
    assert held + shares >= 0


def test_an_order_has_one_name_for_ever() -> None:
    assert order_id("paper/swing", SESSION, "NVDA", 1) == "bba03c55291b"  # homes hold such names already
    places = itertools.product(("a", "b"), (DECIDED, SESSION), ("NVDA", "AMD"), (1, -1), (0, 1))
    assert len({order_id(*place) for place in places}) == 32


def test_a_new_order_says_what_it_was_decided_on() -> None:
    (order,) = decided({"NVDA": 0.5}, Book(cash_cents=1_000_00))

    assert order.decision_session == SESSION
    assert (order.quantity, order.reference_price, order.status) == (5, 100.0, "new")


def test_an_order_that_waits_stands_and_gets_no_second_one() -> None:
    assert decided({"NVDA": 0.5}, Book(cash_cents=1_000_00), older=(carried(4),)) == (carried(4),)


@pytest.mark.parametrize(("target", "quantity"), [(0.0, 4), (0.5, -2)])
def test_an_order_is_withdrawn_when_the_target_turns(target: float, quantity: int) -> None:
    (old, *new) = decided({"NVDA": target}, Book(cash_cents=1_000_00), older=(carried(quantity),))

    assert old.status == "cancelled"
    assert old.reason.startswith("withdrawn")
    assert [order.quantity for order in new] == ([5] if target else [])


def test_a_halted_symbol_gets_no_new_order_but_a_buy_of_it_can_be_withdrawn() -> None:
    book = Book(cash_cents=1_000_00)

    assert decided({"NVDA": 0.5}, book, halted="no volume") == ()
    assert decided({"NVDA": 0.5}, book, older=(carried(4),), halted="no volume")[0].status == "acknowledged"
    assert decided({"NVDA": 0.0}, book, older=(carried(4),), halted="no volume")[0].status == "cancelled"


def test_an_order_that_is_over_stays_to_be_seen_and_makes_room() -> None:
    over, new = decided({"NVDA": 0.5}, Book(cash_cents=1_000_00), older=(carried(4, "expired"),))

    assert (over.status, new.status, new.quantity) == ("expired", "new", 5)
