"""What two books did differently, by hand and for books drawn at random."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from trading.evaluation.fill_differences import KINDS, equity_difference, fill_differences

DAY, NEXT = pd.Timestamp("2024-01-03").as_unit("us"), pd.Timestamp("2024-01-04").as_unit("us")
Fill = tuple[str, int, float]
SYMBOLS = ["AMD", "NVDA", "TSM"]


def book(*fills: Fill, session: pd.Timestamp = DAY) -> pd.DataFrame:
    rows = pd.DataFrame(fills, columns=["symbol", "quantity", "price"])
    rows = rows.astype({"symbol": "str", "quantity": "int64", "price": "float64"})
    return rows.assign(strategy="swing", session=session, decision_session=pd.Timestamp("2024-01-02"))


def test_a_fill_is_added_gone_changed_or_the_same() -> None:
    a = book(("NVDA", 10, 50.0), ("AMD", 5, 9.0), ("MU", -3, 8.0), ("TSM", 1, 4.0))
    b = book(("NVDA", 12, 50.0), ("ARM", 7, 6.0), ("MU", -3, 8.1), ("TSM", 1, 4.0))

    found = fill_differences(a, b).set_index("symbol")

    assert dict(found["kind"]) == {"AMD": "gone", "ARM": "added", "MU": "changed", "NVDA": "changed"}
    assert tuple(found.loc["NVDA", ["quantity_a", "quantity_b"]]) == (10, 12)
    assert tuple(found.loc["MU", ["price_a", "price_b"]]) == (8.0, 8.1)
    assert np.isnan(found.loc["ARM", "quantity_a"])


def test_the_same_fill_a_session_later_is_another_fill() -> None:
    found = fill_differences(book(("NVDA", 10, 50.0)), book(("NVDA", 10, 50.0), session=NEXT))
    assert list(found["kind"]) == ["gone", "added"]


def test_of_two_fills_of_a_symbol_the_second_meets_the_second() -> None:
    twice = book(("NVDA", 10, 50.0), ("NVDA", 4, 50.0))
    found = fill_differences(twice, book(("NVDA", 10, 50.0)))
    assert list(found["quantity_a"]) == [4]


BOOKS = st.lists(
    st.tuples(st.sampled_from(SYMBOLS), st.integers(-3, 3), st.sampled_from([1.0, 2.0])),
    unique_by=lambda fill: fill[0],
)


@given(BOOKS, BOOKS)
def test_the_differences_turn_one_book_into_the_other(one: list[Fill], other: list[Fill]) -> None:
    found = fill_differences(book(*one), book(*other)).set_index("symbol")

    said = {fill[0]: fill[1:] for fill in one}
    for symbol, row in found.iterrows():
        said.pop(symbol, None)
        if row["kind"] != "gone":
            said[symbol] = (row["quantity_b"], row["price_b"])
    assert said == {fill[0]: fill[1:] for fill in other}
    assert set(found["kind"]) <= set(KINDS)


def performance(*cents: int) -> pd.DataFrame:
    days = pd.date_range("2024-01-02", periods=len(cents), unit="us")
    return pd.DataFrame({"strategy": "swing", "session": days, "equity_cents": cents})


def test_equity_is_compared_at_the_last_session_that_both_have() -> None:
    found = equity_difference(performance(100_00, 200_00, 300_00), performance(100_00, 250_00))

    assert found.iloc[0].to_dict() == {
        "strategy": "swing", "session": pd.Timestamp("2024-01-03"),
        "equity_a": 200.0, "equity_b": 250.0, "change": 50.0, "change_share": 0.25,
    }  # fmt: skip


def test_books_that_never_met_have_no_equity_to_compare() -> None:
    assert equity_difference(performance(), performance(100_00)).empty
