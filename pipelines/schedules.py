"""When things run: after each close, and training on the first day of each quarter."""

from __future__ import annotations

import dagster as dg
import pandas as pd

from pipelines.jobs import LINE, TRAIN
from pipelines.partitions import key_of
from trading import calendar

HALF_DAY_CRON, FULL_DAY_CRON = "15 13 * * 1-5", "15 16 * * 1-5"
QUARTER_CRON = "0 6 1 1,4,7,10 *"
_LATEST = pd.Timedelta(hours=1)


def session_to_make(now: pd.Timestamp) -> pd.Timestamp | None:
    """The session that closed within the hour before `now` (aware), if there is one."""
    today = now.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")
    if not calendar.is_session(today):
        return None
    waited = now - calendar.session_close(today)
    return today if calendar.DECISION_DELAY <= waited <= _LATEST else None


@dg.schedule(
    name="after_close",
    job_name=LINE,
    cron_schedule=[HALF_DAY_CRON, FULL_DAY_CRON],
    execution_timezone=calendar.TIMEZONE,
    description="The whole line, 15 minutes after each close of XNYS, half days too; never on a day without a session.",
)
def after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the session that has just closed."""
    now = pd.Timestamp(context.scheduled_execution_time)
    session = session_to_make(now)
    if session is None:
        return dg.SkipReason(f"no session of XNYS closed in the hour before {now:%Y-%m-%d %H:%M %Z}")
    return dg.RunRequest(run_key=key_of(session), partition_key=key_of(session))


@dg.schedule(
    name="quarterly_training",
    job_name=TRAIN,
    cron_schedule=QUARTER_CRON,
    execution_timezone=calendar.TIMEZONE,
    description="Train on everything up to the quarter's end, before the first session that uses it.",
)
def quarterly_training(_context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for the training job; versions that exist are left alone."""
    return dg.RunRequest()
