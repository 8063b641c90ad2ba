"""One partition a session of XNYS."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from trading import calendar

KEY_FORMAT = "%Y-%m-%d"
DEFAULT_START = pd.Timestamp("2018-01-02")
RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_WEEKENDS = "0 0 * * 0,6"


def session_partitions(start: pd.Timestamp = DEFAULT_START) -> dg.TimeWindowPartitionsDefinition:
    """Sessions from `start` on; a session's partition shows from its own midnight (`end_offset=1`).

    Holidays are exclusions, not a weekday schedule: a window that ended on Monday would make
    Friday's partition three days late.
    """
    horizon = pd.Timestamp(f"{calendar.LAST_YEAR}-12-31")
    return dg.TimeWindowPartitionsDefinition(
        cron_schedule="0 0 * * *",
        start=start.strftime(KEY_FORMAT),
        fmt=KEY_FORMAT,
        timezone=calendar.TIMEZONE,
        exclusions=[_WEEKENDS, *calendar.closed_weekdays(start, horizon)],
        end_offset=1,
    )


def key_of(session: pd.Timestamp) -> str:
    """Partition key of a session."""
    return session.strftime(KEY_FORMAT)


def range_tags(first: pd.Timestamp, last: pd.Timestamp) -> dict[str, str]:
    """Run tags that make one run of a range of sessions."""
    return dict(zip(RANGE_TAGS, (key_of(first), key_of(last)), strict=True))
