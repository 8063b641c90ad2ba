"""Dates as people type them: sessions only, in order, closed; moments with their zone."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli.dates import moment, moment_told, session_range
from trading import calendar
from trading.errors import UsageError

NOW = pd.Timestamp("2024-06-05 19:00", tz="UTC")  # a Wednesday, before the close


def test_a_range_of_sessions_is_read() -> None:
    assert session_range("2024-01-02", "2024-01-05") == (
        pd.Timestamp("2024-01-02"),
        pd.Timestamp("2024-01-05"),
    )
    assert session_range(None, None) == (None, None)


@pytest.mark.parametrize(
    ("first", "last", "complaint"),
    [
        ("2024-01-06", "2024-01-07", "no session of XNYS from 2024-01-06 to 2024-01-07"),
        (None, "2024-07-04", "2024-07-03 has not closed yet"),
        ("2024-01-05", "2024-01-02", "exchange them"),
        ("yesterday-ish", None, "write it as YYYY-MM-DD"),
        ("2024-06-05", None, "has not closed yet; the newest closed session is 2024-06-04"),
        (None, "2030-01-02", "has not closed yet"),
        ("1989-06-01", None, "outside the calendar"),
    ],
)
def test_what_is_no_range_of_closed_sessions_is_refused(
    first: str | None, last: str | None, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        session_range(first, last, now=NOW)


def test_days_without_a_session_are_moved_inwards_and_that_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = session_range("2024-03-29", "2024-04-14", now=NOW)  # Good Friday, and a Sunday

    assert asked == (pd.Timestamp("2024-04-01"), pd.Timestamp("2024-04-12"))
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "note: --from 2024-03-29 (Friday) is no session of XNYS; taking 2024-04-01",
        "note: --to 2024-04-14 (Sunday) is no session of XNYS; taking 2024-04-12",
    ]
    assert said.out == ""


def test_a_moment_on_a_weekend_is_that_of_the_session_before(capsys: pytest.CaptureFixture[str]) -> None:
    assert moment("2024-03-02") == moment("2024-03-01")
    assert capsys.readouterr().err.count("taking 2024-03-01") == 1


@given(st.integers(0, 2000), st.integers(1, 300))
def test_a_reversed_range_is_always_refused(offset: int, span: int) -> None:
    first = calendar.shift(pd.Timestamp("2010-01-04"), offset)
    last = calendar.shift(first, span)

    assert session_range(str(first.date()), str(last.date())) == (first, last)
    with pytest.raises(UsageError, match="exchange"):
        session_range(str(last.date()), str(first.date()))


def test_a_session_as_a_moment_is_when_it_decides_half_days_too() -> None:
    assert moment("2024-03-01") == pd.Timestamp("2024-03-01 21:15", tz="UTC")
    assert moment("2024-11-29") == pd.Timestamp("2024-11-29 18:15", tz="UTC")


def test_of_a_date_the_moment_that_it_means_is_said_and_of_a_moment_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert moment_told("2024-03-01") == moment_told("2024-03-01T21:15Z")

    assert (
        capsys.readouterr().err
        == "note: --as-of 2024-03-01 means 2024-03-01 21:15 UTC, when that session decides\n"
    )


def test_a_moment_keeps_its_zone() -> None:
    assert moment("2024-03-01T16:15-05:00") == pd.Timestamp("2024-03-01 21:15", tz="UTC")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("2024-03-01T16:15", "names no time zone"),
        ("soon", "is no moment"),
        ("2041-03-02", "outside the calendar"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        moment(text)
