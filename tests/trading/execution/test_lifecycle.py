"""Which status may follow which, and what a fill may do."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.errors import OrderRejectedError
from trading.execution.account import Order, OrderStatus
from trading.execution.lifecycle import LEGAL, WORKING, advance, filled, is_working

ORDER = Order("id", "NVDA", pd.Timestamp("2024-06-06"), 10, 100.0)
OVER = ("filled", "cancelled", "rejected", "expired")


def in_status(status: OrderStatus) -> Order:
    return Order("id", "NVDA", pd.Timestamp("2024-06-06"), 10, 100.0, status=status, life=status)


def test_a_life_is_told_step_by_step() -> None:
    order = filled(filled(advance(ORDER, "acknowledged"), 4), 6)

    assert order.life == "new > acknowledged > partially_filled > filled"
    assert (order.filled, order.remaining, is_working(order)) == (10, 0, False)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(LEGAL, LEGAL)))
def test_only_legal_steps_are_taken(before: OrderStatus, after: OrderStatus) -> None:
    if after in LEGAL[before]:
        assert advance(in_status(before), after).status == after
    else:
        with pytest.raises(OrderRejectedError, match=f"is {before} and cannot become {after}"):
            advance(in_status(before), after)


def test_what_is_over_stays_over() -> None:
    assert set(WORKING) == set(LEGAL) - set(OVER)
    assert not any(LEGAL[status] for status in OVER)


@pytest.mark.parametrize("quantity", [-1, 0, 11])
def test_a_fill_on_the_other_side_or_too_large_is_refused(quantity: int) -> None:
    with pytest.raises(OrderRejectedError, match=f"a fill of {quantity}"):
        filled(advance(ORDER, "acknowledged"), quantity)


@given(st.lists(st.integers(1, 5), max_size=8))
def test_parts_add_up_and_the_last_one_fills(parts: list[int]) -> None:
    order = advance(ORDER, "acknowledged")
    for part in parts:
        if part <= order.remaining and is_working(order):
            order = filled(order, part)

    assert order.filled + order.remaining == 10
    assert (order.status == "filled") == (order.remaining == 0)
