"""Challengers beside the calendar: which there are at a session, and that a log of triggers says so for ever."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar
from trading.interfaces import TrainingTrigger
from trading.stages.challengers import (
    TRIGGERED_LIFE_SESSIONS,
    VOID,
    challengers,
    life_weeks,
    standing,
    triggered_due,
)
from trading.stages.training import Cadence, due_versions

DAY = pd.Timestamp("2024-05-15")
SEEN = TrainingTrigger(
    "ar1", "drift", DAY, calendar.shift(DAY, 1), 0.4, 0.3, pd.Timestamp("2024-05-15 20:20", tz="UTC")
)


@given(st.integers(0, 1500))
def test_six_weekly_challengers_speak_in_every_session(ahead: int) -> None:
    session = calendar.shift(pd.Timestamp("2016-03-01"), ahead)

    found = challengers("weekly", (), session, session)

    # A week whose challenger would learn what a quarter's version learns has none of its own.
    assert 4 <= len(found) <= 6
    assert (
        len({due.trained_through for due in (*found, *due_versions("weekly", session, session))})
        == len(found) + 3
    )


@given(st.integers(0, 500))
def test_a_challenger_of_the_last_week_and_one_of_sixteen_weeks_or_more_are_among_them(ahead: int) -> None:
    session = calendar.shift(pd.Timestamp("2020-03-02"), ahead)

    ages = [calendar.position(session) - calendar.position(due.trained_through) for due in challengers("weekly", (), session, session)]  # fmt: skip

    assert min(ages) <= 10
    assert max(ages) >= 60


def test_a_week_lives_by_the_power_of_two_in_its_number() -> None:
    assert [life_weeks(week) for week in (1, 2, 3, 4, 12, 16, 64)] == [2, 4, 2, 8, 8, 32, 32]


def test_a_challenger_learns_before_it_speaks_and_is_never_champion_by_the_calendar() -> None:
    for due in challengers("weekly", (), DAY, DAY):
        assert calendar.shift(due.trained_through, 1) == due.live_from
        assert due.champion_from == due.retired
        assert not due.is_regular


def test_a_trigger_asks_for_a_challenger_of_half_a_year() -> None:
    last = calendar.shift(SEEN.effective, TRIGGERED_LIFE_SESSIONS - 1)

    spoken = [
        len(challengers("quarterly", [SEEN], day, day))
        for day in (DAY, SEEN.effective, last, calendar.shift(last, 1))
    ]

    assert spoken == [0, 1, 1, 0]
    assert challengers("quarterly", [SEEN], last, last) == (triggered_due(SEEN),)


def test_two_triggers_of_one_session_ask_for_one_challenger() -> None:
    assert standing([SEEN, replace(SEEN, kind="age")]) == (SEEN,)


def test_a_trigger_that_was_withdrawn_asks_for_none() -> None:
    assert standing([SEEN, replace(SEEN, kind=VOID)]) == ()


@pytest.mark.parametrize("cadence", ["quarterly", "weekly"])
def test_where_a_quarter_ends_the_calendar_has_the_version(cadence: Cadence) -> None:
    ended = pd.Timestamp("2024-03-28")
    seen = replace(SEEN, session=ended, effective=calendar.shift(ended, 1))

    assert seen.session not in {due.trained_through for due in challengers(cadence, [seen], DAY, DAY)}


def test_what_learns_nothing_has_no_challengers() -> None:
    assert challengers("zero_shot", [SEEN], SEEN.effective, SEEN.effective) == ()
