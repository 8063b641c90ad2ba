"""What runs because something happened: new bars, a session that is overdue, or a failed run."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pandas as pd

from pipelines.causes import cause_in
from pipelines.jobs import LINE
from pipelines.partitions import key_of, range_tags
from resources.notifier import Notifier
from trading import calendar
from trading.interfaces import Clock

Heads = Callable[[], dict[str, pd.Timestamp]]
GRACE, RETRY_SECONDS = pd.Timedelta(minutes=10), 600
BUSY = (dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


def sessions_behind(heads: dict[str, pd.Timestamp]) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The range of sessions that have bars but no portfolio, if any. `heads` is each table's last session."""
    bars, portfolio = heads.get("bars"), heads.get("performance")
    if bars is None or portfolio is None or bars <= portfolio:
        return None
    return calendar.shift(portfolio, 1), bars


def new_bars_sensor(heads: Heads) -> dg.SensorDefinition:
    """A sensor that makes the rest of the line once bars have landed by themselves."""

    @dg.sensor(
        name="new_bars",
        job_name=LINE,
        minimum_interval_seconds=30,
        description="When bars are ahead of the portfolio (a market run, a feed), make the sessions between.",
    )
    def new_bars(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        behind = sessions_behind(heads())
        if behind is None:
            return dg.SkipReason("the portfolio is as far as the bars")
        if context.instance.get_runs(dg.RunsFilter(statuses=list(BUSY)), limit=1):
            return dg.SkipReason("a run is under way")
        first, last = behind
        return dg.RunRequest(run_key=f"{key_of(first)}..{key_of(last)}", tags=range_tags(first, last))

    return new_bars


def sessions_overdue(
    heads: dict[str, pd.Timestamp], now: pd.Timestamp
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The range of sessions that were to be made `GRACE` before `now` (aware) and were not, if any."""
    portfolio = heads.get("performance")
    due = calendar.last_closed(now - GRACE)
    return None if portfolio is None or portfolio >= due else (calendar.shift(portfolio, 1), due)


def overdue_sensor(heads: Heads, clock: Clock) -> dg.SensorDefinition:
    """A sensor that tries a session again, every ten minutes until it is made, whatever had failed."""

    @dg.sensor(
        name="overdue",
        job_name=LINE,
        minimum_interval_seconds=RETRY_SECONDS,
        description="When a session is overdue (a vendor, a disk or a database failed), try it again every ten minutes.",
    )
    def overdue(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        late = sessions_overdue(heads(), clock())
        if late is None:
            return dg.SkipReason("no session is overdue")
        if context.instance.get_runs(dg.RunsFilter(statuses=list(BUSY)), limit=1):
            return dg.SkipReason("a run is under way")
        return dg.RunRequest(tags=range_tags(*late))  # without a key: the same range is asked for again

    return overdue


def failure_sensor(notifier: Notifier) -> dg.SensorDefinition:
    """A sensor that tells people of a failed run, with its cause."""

    @dg.run_failure_sensor(
        name="run_failures",
        description="Report each failed run with its cause. On from the start: it only writes to the home's log.",
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def run_failures(context: dg.RunFailureSensorContext) -> None:
        notifier.notify(
            "run_failed",
            run_id=context.dagster_run.run_id,
            job=context.dagster_run.job_name,
            cause=str(cause_in(context.instance, context.dagster_run.run_id)),
        )

    return run_failures
