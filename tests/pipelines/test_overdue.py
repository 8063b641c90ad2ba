"""A session that is overdue is asked for again and again, and nothing else is."""

import dagster as dg
import pandas as pd
import pytest

from pipelines.jobs import LINE
from pipelines.sensors import overdue_sensor, sessions_overdue
from trading import calendar

DUE = calendar.session_of("2024-07-03")  # closes at 13:00 in New York and decides at 17:15 UTC
BEFORE, DECIDED = calendar.shift(DUE, -1), calendar.as_of(DUE)
MINUTE = pd.Timedelta(minutes=1)


@pytest.mark.parametrize(
    ("head", "minutes", "expected"),
    [
        (BEFORE, 9, None),  # the schedule's own run may be under way
        (BEFORE, 10, (DUE, DUE)),
        (BEFORE, 3 * 24 * 60, (DUE, calendar.shift(DUE, 1))),  # over the holiday and one session more
        (DUE, 60, None),
        (calendar.shift(DUE, -3), 60, (calendar.shift(DUE, -2), DUE)),
    ],
)
def test_sessions_are_overdue_ten_minutes_after_they_could_be_made(
    head: pd.Timestamp, minutes: int, expected: tuple[pd.Timestamp, pd.Timestamp] | None
) -> None:
    assert sessions_overdue({"performance": head}, DECIDED + minutes * MINUTE) == expected


def test_a_home_that_never_ran_is_not_overdue() -> None:
    assert sessions_overdue({"bars": BEFORE}, DECIDED + 60 * MINUTE) is None


def tick(instance: dg.DagsterInstance, head: pd.Timestamp) -> dg.RunRequest | dg.SkipReason:
    sensor = overdue_sensor(lambda: {"performance": head}, lambda: DECIDED + 60 * MINUTE)
    return sensor(dg.build_sensor_context(instance=instance))  # type: ignore[return-value]


def test_the_sensor_asks_for_the_range_again_at_every_tick_until_it_is_made() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        first, second = tick(instance, BEFORE), tick(instance, BEFORE)
        assert isinstance(first, dg.RunRequest)
        assert first.run_key is None  # a key would be asked for once only
        assert first == second
        assert set(first.tags.values()) == {"2024-07-03"}
        assert isinstance(tick(instance, DUE), dg.SkipReason)


def test_the_sensor_waits_while_a_run_is_under_way() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_run(dg.DagsterRun(job_name=LINE, status=dg.DagsterRunStatus.STARTED))
        said = tick(instance, BEFORE)
    assert isinstance(said, dg.SkipReason)
    assert said.skip_message == "a run is under way"
