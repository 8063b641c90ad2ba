import datetime as dt

import dagster as dg
import pandas as pd
import pytest

from pipelines.partitions import key_of, range_tags, session_partitions
from trading import calendar

START = pd.Timestamp("2024-06-03")


def keys(start: pd.Timestamp, now: dt.datetime) -> list[str]:
    with dg.partition_loading_context(effective_dt=now):
        return list(session_partitions(start).get_partition_keys())


def test_partitions_are_the_sessions_of_the_exchange() -> None:
    now = dt.datetime(2025, 6, 30, 23, tzinfo=dt.UTC)
    sessions = calendar.sessions_between(START, pd.Timestamp("2025-06-30"))
    assert keys(START, now) == [key_of(session) for session in sessions]


@pytest.mark.parametrize(
    ("now", "newest"),
    [
        ("2025-07-03 05:00", "2025-07-03"),  # the session's own morning in New York
        ("2025-07-03 03:00", "2025-07-02"),  # 23:00 in New York, the evening before
    ],
)
def test_a_session_shows_from_its_own_midnight_in_new_york(now: str, newest: str) -> None:
    moment = pd.Timestamp(now, tz="UTC").to_pydatetime()
    assert keys(START, moment)[-1] == newest


def test_independence_day_is_no_partition() -> None:
    now = dt.datetime(2025, 7, 10, tzinfo=dt.UTC)
    assert "2025-07-04" not in keys(START, now)


def test_a_range_is_named_by_two_tags() -> None:
    tags = range_tags(pd.Timestamp("2024-06-03"), pd.Timestamp("2024-06-07"))
    assert tags == {
        "dagster/asset_partition_range_start": "2024-06-03",
        "dagster/asset_partition_range_end": "2024-06-07",
    }
