"""A sensor that tells Dagster's UI which tables are stale, as soon as something was written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing

import dagster as dg
import pandas as pd

from assets.staleness import evaluation
from resources.stale import remedy, stale_in
from resources.store import HomeStore
from trading.monitoring.staleness import StaleTable
from trading.plan import Plan


def staleness_sensor(
    store: Callable[[], HomeStore | None], plan: Plan, inception: Callable[[], pd.Timestamp | None]
) -> dg.SensorDefinition:
    """A sensor that reports the check `up_to_date` of each table that has become stale, or is so no more.

    It launches nothing and costs one event for each table whose staleness has changed.

    Parameters
    ----------
    store : opens the home's tables, None while there are none
    inception : of the home, None before its first run
    """

    @dg.sensor(
        name="staleness",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Warn at each table of which sessions are stale. On from the start: it only reports.",
    )
    def staleness(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        opened = store()
        if opened is None:
            return dg.SkipReason("nothing was made yet")
        with closing(opened):
            seen = json.loads(context.cursor or "{}")
            count = len(opened.commits())
            if seen.get("commits") == count:
                return dg.SkipReason("nothing was written")
            stale = {one.table: one for one in stale_in(opened, plan)}
        now = {table: signature(one) for table, one in stale.items()}
        events = changes(seen.get("stale", {}), stale, inception())
        return dg.SensorResult(asset_events=events, cursor=json.dumps({"commits": count, "stale": now}))

    return staleness


def changes(
    before: Mapping[str, str], stale: Mapping[str, StaleTable], inception: pd.Timestamp | None
) -> list[dg.AssetCheckEvaluation]:
    """The verdicts to report, given what each table's `signature` was `before`."""
    command = remedy(list(stale.values()), inception) if stale else ""
    tables = [*stale, *(table for table in before if table not in stale)]
    moved = [
        table
        for table in tables
        if before.get(table) != (signature(stale[table]) if table in stale else None)
    ]
    return [evaluation(table, stale.get(table), command) for table in moved]


def signature(stale: StaleTable) -> str:
    """What makes two verdicts the same."""
    first, last = stale.sessions[0], stale.sessions[-1]
    return f"{first:%Y-%m-%d} {last:%Y-%m-%d} {len(stale.sessions)} {stale.cause}"
