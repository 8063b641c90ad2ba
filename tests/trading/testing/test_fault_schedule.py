"""Schedules of faults: the same for a seed, every kind alike, and around the decisions."""

from collections import Counter

import pandas as pd

from trading import calendar
from trading.testing.fault_schedule import TRANSIENT, fault_schedule

SESSIONS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-12-31"))
MINUTE = pd.Timedelta(minutes=1)


def test_a_seed_gives_one_schedule_and_another_seed_another() -> None:
    assert fault_schedule(7, SESSIONS) == fault_schedule(7, SESSIONS)
    assert fault_schedule(7, SESSIONS) != fault_schedule(8, SESSIONS)


def test_every_kind_strikes_equally_often_and_as_many_sessions_as_asked() -> None:
    faults = fault_schedule(7, SESSIONS, share=0.5)
    counts = Counter(fault.kind for fault in faults)
    assert set(counts) == set(TRANSIENT)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert abs(len(faults) / len(SESSIONS) - 0.5) < 0.1  # three standard deviations of 252 coins


def test_each_fault_is_on_at_a_decision_and_over_fifteen_hours_later() -> None:
    for fault in fault_schedule(7, SESSIONS):
        decided = calendar.as_of(calendar.last_closed(fault.ends))
        assert fault.is_on(decided)
        assert not fault.is_on(fault.ends)
        assert fault.ends - decided <= 901 * MINUTE
