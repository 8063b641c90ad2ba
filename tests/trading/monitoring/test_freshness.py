"""Bars that are late, by the clock of the exchange: half days, daylight saving, nights and holidays."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar
from trading.market_hours import FIVE_MINUTES, grid
from trading.monitoring.freshness import LATE_AFTER, FreshnessWatch, bar_after, expected_bar


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="America/New_York").tz_convert("UTC").as_unit("us")


LONG_AGO = at("2024-01-02 04:00")


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2024-07-02 09:45:00", "2024-07-01 15:55"),  # ten minutes after 9:35 are not more than ten
        ("2024-07-02 09:45:01", "2024-07-02 09:30"),
        ("2024-07-02 12:00:00", "2024-07-02 11:40"),
        ("2024-07-02 16:10:01", "2024-07-02 15:55"),
        ("2024-07-02 23:00:00", "2024-07-02 15:55"),
        ("2024-07-03 13:10:01", "2024-07-03 12:55"),  # a half day
        ("2024-07-03 15:00:00", "2024-07-03 12:55"),
        ("2024-07-04 12:00:00", "2024-07-03 12:55"),  # a holiday
        ("2024-07-05 09:44:00", "2024-07-03 12:55"),
        ("2024-03-08 09:50:00", "2024-03-08 09:30"),  # the last session of winter time
        ("2024-03-11 09:50:00", "2024-03-11 09:30"),  # the first of summer time
        ("2024-11-01 16:11:00", "2024-11-01 15:55"),
        ("2024-11-04 09:50:00", "2024-11-04 09:30"),
    ],
)
def test_the_newest_bar_that_is_due(now: str, expected: str) -> None:
    assert expected_bar(at(now)) == at(expected)


@given(st.integers(0, 60 * 24 * 30))
def test_what_is_due_is_on_the_grid_and_its_successor_is_not_due_yet(minutes: int) -> None:
    now = at("2024-11-15 00:00") + pd.Timedelta(minutes=minutes)

    start = expected_bar(now)

    day = start.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")
    assert start in grid(calendar.session_of(day))
    assert now > start + FIVE_MINUTES + LATE_AFTER
    assert now <= bar_after(start) + FIVE_MINUTES + LATE_AFTER


def test_the_bar_after_the_last_of_a_half_day_opens_the_next_session() -> None:
    assert bar_after(at("2024-07-03 12:55")) == at("2024-07-05 09:30")
    assert bar_after(at("2024-07-03 12:50")) == at("2024-07-03 12:55")


def test_a_late_bar_is_told_once_and_its_recovery_once() -> None:
    watch = FreshnessWatch(("NVDA",), LONG_AGO)
    newest = {"NVDA": at("2024-07-02 10:00")}

    told = [watch.look(newest, at("2024-07-02 10:20")) for _ in range(2)]
    later = [watch.look(newest, at("2024-07-02 10:21")) for _ in range(2)]
    back = [watch.look({"NVDA": at("2024-07-02 10:05")}, at("2024-07-02 10:22")) for _ in range(2)]

    assert told == [[], []]
    assert [(one.kind, one.symbol, one.due) for one in later[0]] == [("late", "NVDA", at("2024-07-02 10:20"))]
    assert later[0][0].late == pd.Timedelta(minutes=11)
    assert later[1] == []
    assert [(one.kind, one.late) for one in back[0]] == [("recovered", pd.Timedelta(minutes=12))]
    assert back[1] == []


def test_a_second_outage_is_told_again_and_each_symbol_has_its_own() -> None:
    watch = FreshnessWatch(("NVDA", "AMD"), LONG_AGO)
    fresh, old = at("2024-07-02 11:55"), at("2024-07-02 10:00")
    moments = [at("2024-07-02 12:01"), at("2024-07-02 12:05"), at("2024-07-02 12:30")]

    first = watch.look({"NVDA": old, "AMD": fresh}, moments[0])
    second = watch.look({"NVDA": fresh, "AMD": fresh}, moments[1])
    third = watch.look({"NVDA": fresh, "AMD": fresh}, moments[2])

    assert [(one.kind, one.symbol) for one in first] == [("late", "NVDA")]
    assert [(one.kind, one.symbol) for one in second] == [("recovered", "NVDA")]
    assert [(one.kind, one.symbol) for one in third] == [("late", "NVDA"), ("late", "AMD")]


@pytest.mark.parametrize(
    "now",
    ["2024-07-02 20:00", "2024-07-03 09:40", "2024-07-03 14:00", "2024-07-04 12:00", "2024-07-06 12:00"],
)
def test_nothing_is_late_outside_the_session(now: str) -> None:
    assert FreshnessWatch(("NVDA",), LONG_AGO).look({}, at(now)) == []


def test_the_last_bar_of_a_half_day_is_late_after_the_early_close() -> None:
    watch = FreshnessWatch(("NVDA",), LONG_AGO)
    missing = {"NVDA": at("2024-07-03 12:50")}

    assert watch.look(missing, at("2024-07-03 13:10")) == []
    assert [one.kind for one in watch.look(missing, at("2024-07-03 13:11"))] == ["late"]


def test_one_who_has_just_begun_to_listen_waits_before_the_alarm() -> None:
    started = at("2024-07-02 12:00")
    watch = FreshnessWatch(("NVDA",), started)

    assert watch.look({}, started + LATE_AFTER) == []
    assert [one.last for one in watch.look({}, started + LATE_AFTER + pd.Timedelta(seconds=1))] == [None]
