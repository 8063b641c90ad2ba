"""`fabline status` says how far, what failed, what is stale, and what to do."""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from pipelines import environment
from pipelines.cli import status
from pipelines.cli.main import status_of
from pipelines.partitions import range_tags
from resources.home import Home
from resources.store import store_at
from trading import calendar
from trading.monitoring.staleness import Cause, StaleTable
from trading.plan import Plan
from trading.stages.stage import Read, Stage
from trading.testing.example_rows import example
from trading.testing.market import SimulatedMarket

Homes = Callable[..., Path]
DAYS = calendar.sessions_between(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-12"))
PLAN = Plan.of(
    [
        Stage("features", (Read("bars"),), ("features",), lambda _moment, _inputs: {}),
        Stage("regimes", (Read("features"),), ("regimes",), lambda _moment, _inputs: {}),
    ],
    0,
)


def commits(**last: int) -> pd.DataFrame:
    """One write a table, from the first day to the day of that place, written one after the other."""
    written = pd.Timestamp("2024-02-01", tz="UTC")
    rows = [
        (table, DAYS[0], DAYS[place], written + pd.Timedelta(minutes=n), "{}")
        for n, (table, place) in enumerate(last.items())
    ]
    return pd.DataFrame(rows, columns=["table", "first", "last", "written_at", "facts"])


@dg.op
def explode() -> None:
    raise ValueError("no bars of NVDA")


@dg.job
def broken() -> None:
    explode()


@dg.job
def sound() -> None:
    pass


def run(home: Path, job: dg.JobDefinition) -> None:
    with environment.dagster_of(Home.open(home)) as instance:
        job.execute_in_process(instance=instance, raise_on_error=False)


def said(home: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    assert status_of(["status", "--home", str(home)]) == 0
    return dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())


def test_the_last_good_session_is_the_one_that_every_stage_has_made() -> None:
    progress = status.progress_of(PLAN, commits(bars=5, features=5, regimes=3))

    assert progress.last_good == DAYS[3]
    assert progress.newest == DAYS[5]
    assert progress.behind == {"regimes": DAYS[3]}


def test_a_stage_that_was_never_made_leaves_no_good_session() -> None:
    progress = status.progress_of(PLAN, commits(bars=5, features=5))

    assert progress.last_good is None
    assert progress.behind == {"regimes": None}


def test_a_complete_line_has_nothing_behind() -> None:
    progress = status.progress_of(PLAN, commits(bars=5, features=5, regimes=5))

    assert progress.behind == {}
    assert progress.last_good == DAYS[5]


def came_late() -> StaleTable:
    came, known = pd.Timestamp("2024-02-01 12:00", tz="UTC"), pd.Timestamp("2024-01-05 03:00", tz="UTC")
    return StaleTable("features", DAYS[3:6], Cause("bars", DAYS[1], came, "NVDA", known))


def test_stale_tables_are_told_with_their_sessions_and_what_came_in() -> None:
    one = came_late()
    alone = StaleTable("signals", DAYS[5:6], Cause("regimes", DAYS[5], one.cause.came_in))

    assert status.told_stale([one, replace(one, table="regimes"), alone]) == [
        "stale         2024-01-05 to 2024-01-09 (3 sessions): features, regimes",
        "stale         2024-01-09: signals",
        "because       bars: NVDA of 2024-01-03, known since 2024-01-05 03:00 UTC, came in 2024-02-01 12:00 UTC",
        "because       regimes was made again 2024-02-01 12:00 UTC, and what rests on it from 2024-01-09 on was not",
    ]


def started(run_id: str) -> dg.DagsterEvent:
    return dg.DagsterEvent(dg.DagsterEventType.RUN_START.value, broken.name, message=run_id)


def test_a_run_whose_process_is_gone_was_killed_and_its_range_is_to_be_made(new_home: Homes) -> None:
    home = Home.open(new_home("home"))
    with environment.dagster_of(home) as instance:
        killed = instance.create_run_for_job(broken, tags=range_tags(DAYS[0], DAYS[2]))
        instance.report_dagster_event(started(killed.run_id), killed.run_id)

    lines = status.report(home)

    never = "the run never ended: it was killed, the machine went down, or the disk was full"
    said = f"failed        no step yet in run {killed.run_id[:8]}: {never}"
    assert said in lines
    assert lines[-1] == "to do         fabline backfill --from 2024-01-02 --to 2024-01-04"


def test_a_run_that_holds_the_home_was_not_killed(new_home: Homes) -> None:
    home = Home.open(new_home("home"))
    with environment.dagster_of(home) as instance:
        running = instance.create_run_for_job(broken, tags=range_tags(DAYS[0], DAYS[2]))
        instance.report_dagster_event(started(running.run_id), running.run_id)

    with Home.open(home.path).writing("a Dagster run"):
        assert not any(line.startswith("failed") for line in status.report(home))


def test_a_fresh_home_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = Home.open_or_create(tmp_path / "home")

    lines = status.report(home)

    assert lines == [
        f"home          {home.path}",
        "source        none yet",
        "last session  none",
        "to do         fabline run",
    ]
    assert status_of(["status", "--home", str(home.path)]) == 0
    assert "fabline run" in capsys.readouterr().out


def test_stages_that_are_behind_are_listed_with_the_command_that_helps(
    new_home: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    home = new_home("home", "bars", "features")

    assert status_of(["status", "--home", str(home)]) == 0

    out = capsys.readouterr().out
    assert "behind        regimes: none" in out
    assert "features: " not in out
    assert "fabline backfill --from 2024-01-02 --to 2024-01-05" in out  # never made: from the inception on


def test_a_simulated_home_says_so(new_home: Homes, capsys: pytest.CaptureFixture[str]) -> None:
    home = new_home("home")
    Home.open(home).fix_source({"name": "simulated", "simulated": "true"})

    assert said(home, capsys)["source"] == "simulated (SIMULATED)"


def test_a_home_that_is_being_written_says_by_whom(
    new_home: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    home = new_home("home")
    with Home.open(home).writing("fabline run --to 2024-01-05"):
        lines = said(home, capsys)

    assert lines["writing"].startswith(f"now   fabline run --to 2024-01-05 (process {os.getpid()})")
    assert lines["to"] == "do         a run is under way; wait for it"


def test_the_failure_of_the_newest_run_is_told_and_a_later_success_ends_it(
    new_home: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    home = new_home("home")
    run(home, broken)

    assert "explode in run" in (failed := said(home, capsys)["failed"])
    assert failed.endswith("ValueError: no bars of NVDA")

    run(home, sound)
    assert "failed" not in said(home, capsys)


def ingest(home: Path, *options: str) -> None:
    assert status_of(["ingest", *options, "--home", str(home)]) == 0


def test_a_home_of_five_minute_bars_only_is_told_where_daily_ones_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    week, home = ("--from", "2024-03-27", "--to", "2024-03-28", "--symbols", "NVDA"), tmp_path / "home"
    ingest(home, "--timeframe", "5min", *week)

    lines = said(home, capsys)
    assert lines["bars"] == "5min 156 loaded, 2024-03-27 to 2024-03-28"
    assert lines["to"].endswith(
        "the line reads daily ones: `fabline run` loads them from simulated; what is here stays"
    )

    ingest(home, *week)
    assert said(home, capsys)["to"] == "do         fabline run"


def test_a_folder_of_five_minute_bars_only_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    five = SimulatedMarket().bars(("NVDA",), DAYS[0], DAYS[0], "5min")
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    five[["symbol", "ts", "open", "high", "low", "close", "volume"]].to_parquet(
        data / "bars_5min_made.parquet"
    )
    ingest(home, "--data", str(data), "--timeframe", "5min")

    assert f"{data} holds none" in said(home, capsys)["to"]


def test_a_model_whose_stand_in_spoke_in_the_last_session_is_named(new_home: Homes) -> None:
    path = new_home("home", "bars")
    last = pd.Timestamp("2024-01-05")
    rows = example("forecasts", last, last).assign(model="ar1", fallback="random_walk instead: ModelError")
    with closing(store_at(path / "tables", path / "fabline.db")) as store:
        store.write({"forecasts": rows}, last, last, commit={})
        told = status._stood_in(store, status.Progress({"forecasts": last}))
        none = status._stood_in(store, status.Progress({"forecasts": pd.Timestamp("2024-01-04")}))
    assert told == ["stand-in      ar1 at 2024-01-05: random_walk instead: ModelError"]
    assert none == []
