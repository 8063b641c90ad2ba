"""When the assets of the line count as fresh in the UI.

Bars of five minutes that come late are told by the live ingester (`trading.monitoring.freshness`); here is the evening:
each asset of a session is expected after its close. `fabline doctor` knows the calendar and is exact; Dagster's
policy knows only weekdays, so on a holiday in the week it shows the assets as failing until the next evening.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import dagster as dg

from trading import calendar

DEADLINE_CRON = "0 17 * * 1-5"
LOWER_BOUND = dt.timedelta(hours=4)  # half days close at 13:00 and decide at 13:15


def expected_each_evening() -> dg.FreshnessPolicy:
    """Made between a close, an early one too, and 17:00 in New York."""
    return dg.FreshnessPolicy.cron(
        deadline_cron=DEADLINE_CRON, lower_bound_delta=LOWER_BOUND, timezone=calendar.TIMEZONE
    )


def with_freshness(assets: Iterable[dg.AssetsDefinition]) -> list[dg.AssetsDefinition]:
    """The same assets; those of a session are expected each evening, the others whenever."""
    policy = expected_each_evening()

    def expected(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec if spec.partitions_def is None else dg.apply_freshness_policy(spec, policy)

    return list(dg.map_asset_specs(expected, list(assets)))
