"""The rules of append-only tables, worked by hand and against a list that is kept row by row."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import frames
from trading.errors import DataError
from trading.revisions import additions, as_known
from trading.testing.example_rows import example

SESSION = pd.Timestamp("2024-03-01")
LATE = pd.Timestamp("2030-01-01", tz="UTC")
Row = tuple[str, int, int]


def at(minute: int) -> pd.Timestamp:
    return pd.Timestamp("2024-03-01 21:15", tz="UTC") + pd.Timedelta(minutes=minute)


def bars(*rows: Row) -> pd.DataFrame:
    """Bars of (symbol, minute of knowledge, close), sorted by key."""
    if not rows:
        return frames.empty("bars")
    one = example("bars", SESSION, SESSION).iloc[:1]
    made = [
        one.assign(symbol=symbol, known_at=at(minute), close=float(close)) for symbol, minute, close in rows
    ]
    return frames.validated("bars", pd.concat(made).astype(frames.table_of("bars").dtypes))


def told(frame: pd.DataFrame) -> list[Row]:
    minutes = (frame["known_at"] - at(0)) // pd.Timedelta(minutes=1)
    return list(zip(frame["symbol"], minutes.astype(int), frame["close"].astype(int), strict=True))


@pytest.mark.parametrize(
    ("known", "incoming", "added"),
    [
        ([], [("A", 0, 1), ("B", 0, 1)], [("A", 0, 1), ("B", 0, 1)]),
        ([("A", 0, 1)], [("A", 0, 1)], []),
        ([("A", 0, 1)], [("A", 5, 1)], []),
        ([("A", 0, 1)], [("A", 5, 2)], [("A", 5, 2)]),
        ([("A", 0, 1), ("A", 5, 2)], [("A", 0, 1)], []),
        ([("A", 0, 1), ("A", 5, 2)], [("A", 3, 1)], []),
        ([("A", 0, 1), ("A", 5, 2)], [("A", 9, 1)], [("A", 9, 1)]),
        ([("A", 0, 1)], [("A", 1, 1), ("A", 2, 3), ("A", 3, 3), ("A", 4, 1)], [("A", 2, 3), ("A", 4, 1)]),
        ([("A", 0, 1)], [("A", 0, 7), ("B", 0, 7)], [("A", 60, 7), ("B", 0, 7)]),
        ([("A", 3, 1)], [("A", 1, 7), ("A", 2, 8)], [("A", 60, 8)]),
        ([("A", 3, 1)], [("A", 1, 7), ("A", 9, 8)], [("A", 9, 8)]),
    ],
)
def test_only_what_says_something_new_is_added(
    known: list[Row], incoming: list[Row], added: list[Row]
) -> None:
    assert told(additions("bars", bars(*known), bars(*incoming), lambda: at(60))) == added


def test_a_rewriting_row_is_known_after_the_stored_one_even_if_the_clock_is_behind() -> None:
    added = additions("bars", bars(("A", 5, 1)), bars(("A", 5, 2)), lambda: at(0))
    assert added["known_at"].tolist() == [at(5) + pd.Timedelta(microseconds=1)]


def test_a_row_that_would_rewrite_history_is_refused_where_no_clock_can_date_it() -> None:
    with pytest.raises(DataError, match=r"1 rows contradict stored ones .* A in session 2024-03-01"):
        additions("bars", bars(("A", 5, 1)), bars(("A", 5, 2)))


event = st.tuples(st.sampled_from("AB"), st.integers(0, 9), st.integers(1, 3))
events = st.lists(event, max_size=8)


def by_hand(history: list[Row], symbol: str, minute: int, close: int) -> list[Row]:
    """Append one row that is known after all others of its symbol, if it says something new."""
    mine = [row for row in history if row[0] == symbol]
    return history if mine and mine[-1][2] == close else [*history, (symbol, minute, close)]


@settings(max_examples=20, deadline=None)
@given(events)
def test_one_write_of_many_revisions_is_as_many_writes_of_one(rows: list[Row]) -> None:
    unique = sorted({(symbol, minute): close for symbol, minute, close in rows}.items())
    ordered = [(symbol, minute, close) for (symbol, minute), close in unique]
    history: list[Row] = []
    for row in ordered:
        history = by_hand(history, *row)
    assert told(additions("bars", frames.empty("bars"), bars(*ordered))) == sorted(history)


@settings(max_examples=20, deadline=None)
@given(events, st.integers(0, 9))
def test_a_reader_sees_of_each_symbol_the_last_row_that_was_known(rows: list[Row], minute: int) -> None:
    unique = {(symbol, known): close for symbol, known, close in rows}
    frame = bars(*((symbol, known, close) for (symbol, known), close in unique.items()))
    expected = {}
    for (symbol, known), close in sorted(unique.items()):
        if known <= minute:
            expected[symbol] = (symbol, known, close)
    assert told(as_known("bars", frame, at(minute))) == [expected[symbol] for symbol in sorted(expected)]


@settings(max_examples=20, deadline=None)
@given(st.lists(event, min_size=1, max_size=8), events, st.integers(0, 9))
def test_no_write_changes_what_was_known_before_it(before: list[Row], after: list[Row], minute: int) -> None:
    first = additions("bars", frames.empty("bars"), bars(*{row[:2]: row for row in before}.values()))
    known_symbols = {row[0] for row in before}
    claims = [row for row in after if row[0] in known_symbols]
    incoming = bars(*{row[:2]: row for row in claims}.values())
    new = additions("bars", first, incoming, lambda: LATE)
    newest = first.groupby("symbol")["known_at"].max()
    assert (new["known_at"] > new["symbol"].map(newest)).all()
    both = pd.concat([first, new]).sort_values(list(frames.table_of("bars").key))
    earliest = min([at(minute), *new["known_at"]]) - pd.Timedelta(microseconds=1)
    assert told(as_known("bars", both, earliest)) == told(as_known("bars", first, earliest))
