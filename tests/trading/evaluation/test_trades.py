"""Closed trades from the ledger: by hand, and that nothing is made or lost."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.evaluation.trades import closed_trades, profit_factor

DAY = pd.Timestamp("2024-01-02").as_unit("us")


def ledger(*bookings: tuple[str, int, int], symbol: str = "NVDA") -> pd.DataFrame:
    """Bookings (kind, shares, cash in cents); a commission belongs to the fill before it."""
    rows, reference = [], 0
    for place, (kind, shares, cash) in enumerate(bookings):
        reference += kind != "commission"
        rows.append((DAY, place, kind, symbol, shares, cash, 0, f"r{reference}"))
    columns = [
        "session",
        "sequence",
        "kind",
        "symbol",
        "shares",
        "cash_cents",
        "receivable_cents",
        "reference",
    ]
    return pd.DataFrame(rows, columns=columns)


def profits(*bookings: tuple[str, int, int]) -> list[int]:
    return list(closed_trades(ledger(*bookings))["profit_cents"])


def test_a_sale_makes_its_price_less_the_average_cost() -> None:
    # 10 at 100 and 10 at 120 cost 110 each; 5 sold at 130 make 5 x 20.
    assert profits(("fill", 10, -1000), ("fill", 10, -1200), ("fill", -5, 650)) == [100]


def test_commissions_of_both_sides_are_paid_from_the_profit() -> None:
    bought, sold = [("fill", 10, -1000), ("commission", 0, -7)], [("fill", -10, 1100), ("commission", 0, -8)]

    assert profits(*bought, *sold) == [100 - 15]


def test_a_split_changes_the_cost_of_a_share_and_no_profit() -> None:
    assert profits(("fill", 10, -1000), ("split", 10, 0), ("fill", -20, 1000)) == [0]


def test_a_dividend_belongs_to_the_trade_of_its_shares() -> None:
    assert profits(("fill", 10, -1000), ("dividend_paid", 0, 50), ("fill", -10, 1000)) == [50]


def test_a_short_sale_is_closed_by_buying_back() -> None:
    assert profits(("fill", -10, 1000), ("fill", 10, -900)) == [100]


def test_a_trade_through_zero_closes_one_position_and_opens_the_other() -> None:
    # 10 bought at 100; 15 sold at 110 close them with 100 and leave 5 short at 110, bought back at 100.
    assert profits(("fill", 10, -1000), ("fill", -15, 1650), ("fill", 5, -500)) == [100, 50]


def test_a_deposit_is_no_trade() -> None:
    assert profits(("deposit", 0, 10_000)) == []


@given(st.lists(st.tuples(st.integers(-20, 20).filter(bool), st.integers(1, 500)), min_size=1, max_size=20))
def test_a_book_that_ends_flat_made_what_its_trades_made(trades: Sequence[tuple[int, int]]) -> None:
    fills = [("fill", shares, -shares * price) for shares, price in trades]
    left = sum(shares for shares, _ in trades)
    flat = [*fills, ("fill", -left, left * 77)] if left else fills

    made = profits(*flat)

    # Each closed trade is rounded to a cent.
    assert sum(made) == pytest.approx(sum(cash for _, _, cash in flat), abs=0.5 * len(made) + 1e-9)


def test_the_profit_factor_is_gains_over_losses() -> None:
    assert profit_factor(np.array([30.0, -10.0, -5.0])) == 2.0
    assert profit_factor(np.array([1.0])) == math.inf
    assert math.isnan(profit_factor(np.array([])))
