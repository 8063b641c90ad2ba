"""Schedules, sensors and Dagster's own command line, each making the last session of a range: the same bytes."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.definitions import definitions_of
from pipelines.jobs import LINE, MARKET
from pipelines.partitions import key_of, range_tags
from pipelines.run_logs import RUN_CONFIG
from pipelines.settings import load
from pipelines.wiring import Workshop
from resources.home import Home
from tests.e2e.homes import FIRST, LAST, materialise, same_bytes
from tests.e2e.served import settled, tables_of, variables_of
from trading import calendar

ROOT = Path(__file__).parents[2]
Tables = dict[str, pa.Table]


@pytest.fixture(scope="module")
def home_without_the_last_session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workshop = settled(tmp_path_factory.mktemp("automation") / "home")
    materialise(workshop, FIRST, calendar.shift(LAST, -1))
    return workshop.home.path


@pytest.fixture
def workshop(home_without_the_last_session: Path, tmp_path: Path) -> Workshop:
    home = Home.open(shutil.copytree(home_without_the_last_session, tmp_path / "home"))
    return Workshop.of(home, load(home.path).settings)


@pytest.fixture
def definitions(workshop: Workshop) -> dg.Definitions:
    return definitions_of(workshop)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def execute(definitions: dg.Definitions, instance: dg.DagsterInstance, job: str, tags: dict[str, str]) -> Any:
    """Run a job as a launched run request would."""
    return definitions.resolve_job_def(job).execute_in_process(
        instance=instance, tags=tags, run_config=RUN_CONFIG, raise_on_error=False
    )


def differing(workshop: Workshop, expected: Tables) -> list[str]:
    made = tables_of(workshop)
    return [name for name in expected if not same_bytes(made[name], expected[name])]


def after_close_at(moment: str, definitions: dg.Definitions, instance: dg.DagsterInstance) -> Any:
    context = dg.build_schedule_context(
        instance=instance,
        repository_def=definitions.get_repository_def(),
        scheduled_execution_time=pd.Timestamp(moment, tz=calendar.TIMEZONE).to_pydatetime(),
    )
    return definitions.resolve_schedule_def("after_close").evaluate_tick(context)


def test_the_tick_after_the_close_makes_the_session(
    workshop: Workshop, definitions: dg.Definitions, instance: dg.DagsterInstance, tables_of_range: Tables
) -> None:
    tick = after_close_at(f"{LAST:%Y-%m-%d} 16:15", definitions, instance)
    (request,) = tick.run_requests
    assert request.run_key == key_of(LAST)
    assert execute(definitions, instance, LINE, dict(request.tags)).success
    assert differing(workshop, tables_of_range) == []


@pytest.mark.parametrize("moment", ["2024-07-04 16:15", "2024-07-03 16:15", "2024-07-06 16:15"])
def test_no_tick_makes_a_holiday_a_half_day_twice_or_a_saturday(
    moment: str, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    tick = after_close_at(moment, definitions, instance)
    assert not tick.run_requests
    assert "no session of XNYS closed" in tick.skip_message


def test_a_half_day_is_made_by_the_early_tick(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    tick = after_close_at("2024-07-03 13:15", definitions, instance)
    assert [request.partition_key for request in tick.run_requests] == ["2024-07-03"]


def new_bars(definitions: dg.Definitions, instance: dg.DagsterInstance) -> Any:
    context = dg.build_sensor_context(instance=instance, repository_def=definitions.get_repository_def())
    return definitions.resolve_sensor_def("new_bars").evaluate_tick(context)


def test_the_sensor_makes_the_rest_of_the_line_once_bars_have_landed(
    workshop: Workshop, definitions: dg.Definitions, instance: dg.DagsterInstance, tables_of_range: Tables
) -> None:
    assert "as far as the bars" in new_bars(definitions, instance).skip_message

    assert execute(definitions, instance, MARKET, range_tags(LAST, LAST)).success
    (request,) = new_bars(definitions, instance).run_requests
    assert execute(definitions, instance, LINE, dict(request.tags)).success

    assert differing(workshop, tables_of_range) == []
    assert "as far as the bars" in new_bars(definitions, instance).skip_message


def test_the_sensor_waits_while_a_run_is_under_way(
    definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    execute(definitions, instance, MARKET, range_tags(LAST, LAST))
    instance.create_run_for_job(definitions.resolve_job_def(LINE), status=dg.DagsterRunStatus.STARTED)
    assert new_bars(definitions, instance).skip_message == "a run is under way"


def test_a_failed_run_is_written_to_the_log_with_its_cause(
    workshop: Workshop, definitions: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    behind_a_gap = calendar.shift(LAST, 2)
    result = execute(definitions, instance, LINE, range_tags(behind_a_gap, behind_a_gap))
    sensor = definitions.resolve_sensor_def("run_failures")
    (failure,) = [event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE"]
    context = dg.build_run_status_sensor_context(
        "run_failures", failure, instance, result.dagster_run
    ).for_run_failure()
    sensor(context)

    lines = (workshop.home.logs / "fabline.jsonl").read_text(encoding="utf-8").splitlines()
    told = json.loads(lines[-1])
    assert (told["event"], told["level"], told["run_id"]) == ("run_failed", "error", result.run_id)
    assert f"{LAST:%Y-%m-%d}" in told["cause"]
    assert "make" in told["cause"]  # what to do about it


def test_the_failure_sensor_is_on_from_the_start(definitions: dg.Definitions) -> None:
    assert definitions.resolve_sensor_def("run_failures").default_status is dg.DefaultSensorStatus.RUNNING


def test_dagsters_own_command_makes_a_range(workshop: Workshop, tables_of_range: Tables) -> None:
    select = (
        "asset",
        "materialize",
        "--select",
        "*",
        "--partition-range",
        f"{key_of(LAST)}...{key_of(LAST)}",
    )
    done = subprocess.run(
        [sys.executable, "-m", "dagster", *select, "-m", "pipelines.definitions"],
        cwd=ROOT,
        env=variables_of(workshop.home),
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert differing(workshop, tables_of_range) == []
