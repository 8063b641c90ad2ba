"""Uptime worked by hand, and that it never leaves its bounds."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar
from trading.errors import UsageError
from trading.evaluation.uptime import MINUTE, SessionOutcome, down_minutes, service_levels

DAYS = calendar.sessions_between(pd.Timestamp("2024-06-03"), pd.Timestamp("2024-06-07"))


def made(session: pd.Timestamp, minutes: float, *faults: str) -> SessionOutcome:
    return SessionOutcome(session, calendar.as_of(session) + minutes * MINUTE, faults=faults)


def test_two_sessions_one_of_them_an_hour_late() -> None:
    levels = service_levels([made(DAYS[0], 0), made(DAYS[1], 60, "disk full")])
    span = 24 * 60 + 17.25 * 60  # decided at 20:15 UTC, and the open after the second is at 13:30
    assert levels.uptime == pytest.approx(1 - 60 / span, rel=1e-12)
    assert (levels.on_time, levels.recovered) == (2, 1)
    assert (levels.median_recovery, levels.longest_recovery) == (60, 60)


def test_a_session_made_after_the_open_is_not_on_time() -> None:
    to_the_open = 17.25 * 60
    assert made(DAYS[0], to_the_open - 1).is_on_time
    assert not made(DAYS[0], to_the_open).is_on_time


def test_minutes_for_which_two_sessions_wait_count_once() -> None:
    both = calendar.as_of(DAYS[1]) + 30 * MINUTE
    outcomes = [SessionOutcome(DAYS[0], both), SessionOutcome(DAYS[1], both)]
    assert down_minutes(outcomes) == [24 * 60 + 30, 0]


def test_no_session_has_no_uptime() -> None:
    with pytest.raises(UsageError, match="at least one"):
        service_levels([])


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=5))
def test_uptime_is_a_share_and_falls_with_every_minute(minutes: list[int]) -> None:
    outcomes = [made(day, late) for day, late in zip(DAYS, minutes, strict=False)]
    levels = service_levels(outcomes)
    assert 0 <= levels.uptime <= 1
    assert levels.on_time <= levels.sessions == len(outcomes)
    assert (levels.uptime == 1) == (sum(down_minutes(outcomes)) == 0)
