import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar
from trading.errors import UsageError

SESSIONS = calendar.sessions_between(pd.Timestamp("2001-01-02"), pd.Timestamp("2039-12-30"))


def test_a_session_decides_fifteen_minutes_after_its_close() -> None:
    winter = calendar.session_of("2025-01-15")
    assert calendar.as_of(winter) == pd.Timestamp("2025-01-15 21:15", tz="UTC")


def test_daylight_saving_moves_the_close_in_utc() -> None:
    summer = calendar.session_of("2025-07-15")
    assert calendar.as_of(summer) == pd.Timestamp("2025-07-15 20:15", tz="UTC")


def test_a_half_day_decides_at_a_quarter_past_one_in_new_york() -> None:
    black_friday = calendar.session_of("2024-11-29")
    assert calendar.is_half_day(black_friday)
    assert calendar.as_of(black_friday).tz_convert(calendar.TIMEZONE).strftime("%H:%M") == "13:15"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2025-07-04", "Friday) is not a session of XNYS; the nearest are 2025-07-03 and 2025-07-07"),
        ("2025-01-09", "is not a session"),  # the day of mourning for President Carter
        ("1989-12-29", "outside the calendar"),
        ("yesterday-ish", "is not a date; write it as YYYY-MM-DD"),
        ("", "is not a date"),
        ("now", "is not a date"),
        ("2025-01", "is not a date"),
        ("1/15/2025", "is not a date"),
        ("2025-01-15 09:30", "is a moment"),
    ],
)
def test_what_is_no_session_is_refused_in_words_that_help(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words.replace("(", r"\(").replace(")", r"\)")):
        calendar.session_of(text)


def test_a_moment_with_a_zone_is_no_session() -> None:
    with pytest.raises(UsageError, match="is a moment"):
        calendar.session_of(pd.Timestamp("2025-01-15", tz="UTC"))


@given(at=st.integers(30, 9000), count=st.integers(-30, 30))
def test_shifting_there_and_back_is_where_one_was(at: int, count: int) -> None:
    session = SESSIONS[at]
    there = calendar.shift(session, count)
    assert calendar.shift(there, -count) == session
    assert calendar.distance(session, there) == count


@given(at=st.integers(1, 9000))
def test_the_last_closed_session_turns_exactly_at_as_of(at: int) -> None:
    session = SESSIONS[at]
    decided = calendar.as_of(session)
    assert calendar.last_closed(decided) == session
    assert calendar.last_closed(decided - pd.Timedelta(microseconds=1)) == SESSIONS[at - 1]


def test_as_of_each_agrees_with_as_of_one_by_one() -> None:
    some = SESSIONS[5000:5050]
    together = calendar.as_of_each(some.repeat(2))
    assert list(together[::2]) == [calendar.as_of(session) for session in some]


def test_closed_weekdays_hold_holidays_and_no_weekend() -> None:
    days = calendar.closed_weekdays(pd.Timestamp("2024-12-20"), pd.Timestamp("2025-01-20"))
    assert [f"{day:%Y-%m-%d}" for day in days] == ["2024-12-25", "2025-01-01", "2025-01-09", "2025-01-20"]


def test_any_day_has_a_session_after_and_before_it() -> None:
    good_friday = calendar.day_of("2024-03-29")

    assert calendar.session_after(good_friday) == pd.Timestamp("2024-04-01")
    assert calendar.session_before(good_friday) == pd.Timestamp("2024-03-28")
    assert calendar.session_after(pd.Timestamp("2024-03-27")) == pd.Timestamp("2024-03-28")
    assert calendar.session_before(pd.Timestamp("2024-03-28")) == pd.Timestamp("2024-03-27")


@pytest.mark.parametrize("text", ["1989-12-31", "2041-01-01"])
def test_a_day_outside_the_calendar_is_no_day_to_begin_at(text: str) -> None:
    with pytest.raises(UsageError, match="outside the calendar"):
        calendar.day_of(text)
