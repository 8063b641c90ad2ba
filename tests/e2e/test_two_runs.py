"""A second run on the same home names who has it, or waits for its turn."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.cli.main import DONE, FAILED, status_of
from pipelines.definitions import definitions_of
from pipelines.jobs import LINE
from pipelines.partitions import range_tags
from pipelines.run_logs import RUN_CONFIG
from pipelines.settings import load
from pipelines.wiring import Workshop
from resources.home import Home
from tests.e2e.homes import FIRST, LAST, arrow_tables, contents, copied, same_bytes

MAIN = "from pipelines.cli.main import main; main()"
BARS_AGAIN = ["backfill", "--from", f"{LAST:%Y-%m-%d}", "--select", "bars"]


@pytest.fixture
def home(made_in_one_run: Workshop, tmp_path: Path) -> Path:
    return copied(made_in_one_run, tmp_path / "home")


@contextmanager
def somebody_writing(home: Path, seconds: float) -> Iterator[threading.Event]:
    """Another run holds the home, until so many seconds after the block was entered; then the event is set."""
    begun, over = threading.Event(), threading.Event()

    def write() -> None:
        with Home.open(home).writing("fabline run --to 2024-04-08", run_id="run-7"):
            begun.set()
            time.sleep(seconds)
            over.set()

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    yield over
    writer.join()


def launched(home: Path, *, wait: bool) -> Any:
    """A run as the UI launches it, with `wait`: the definitions that it loads wait for their turn."""
    workshop = Workshop.of(Home.open(home), load(home).settings)
    job = definitions_of(workshop, wait=wait).resolve_job_def(LINE)
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(
            instance=instance,
            tags=range_tags(LAST, LAST),
            asset_selection=[dg.AssetKey("bars")],
            run_config=RUN_CONFIG,
            raise_on_error=False,
        )


@pytest.mark.parametrize("command", [["run", "--to", "2024-04-08"], BARS_AGAIN], ids=["run", "backfill"])
def test_a_second_command_names_the_holder_and_changes_nothing(
    command: list[str], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Home.open(home).writing("fabline run --to 2024-04-08", run_id="run-7"):
        before = contents(home)
        assert status_of([*command, "--home", str(home)]) == FAILED
        assert contents(home) == before

    said = capsys.readouterr().err
    assert said.startswith(f"error: the home {home} is being written by `fabline run --to 2024-04-08`")
    assert f"(run run-7, process {os.getpid()}) since " in said
    assert said.endswith("wait for it with --wait, or stop it\n")
    assert said.count("\n") == 1


def test_a_second_command_that_waits_completes_after_the_first(home: Path) -> None:
    with somebody_writing(home, seconds=1.0) as over:
        assert status_of([*BARS_AGAIN, "--wait", "--home", str(home)]) == DONE
        assert over.is_set()


def test_a_run_from_the_ui_waits_for_its_turn(home: Path) -> None:
    with somebody_writing(home, seconds=1.0) as over:
        assert launched(home, wait=True).success
        assert over.is_set()


def test_a_run_that_must_not_wait_fails_at_once(home: Path) -> None:
    with Home.open(home).writing("fabline run --to 2024-04-08"):
        assert not launched(home, wait=False).success


def test_two_commands_at_once_take_turns_and_lose_nothing(home: Path, made_in_one_run: Workshop) -> None:
    command = [sys.executable, "-W", "ignore", "-c", MAIN, *BARS_AGAIN, "--wait", "--home", str(home)]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) for _ in range(2)]
    said = [program.communicate(timeout=120)[1] for program in both]
    assert [program.returncode for program in both] == [DONE, DONE], said

    stores = [
        Workshop.of(Home.open(path), made_in_one_run.settings).open().store
        for path in (home, made_in_one_run.home.path)
    ]
    names = made_in_one_run.plan.tables
    mine, theirs = (arrow_tables(store, names) for store in stores)
    assert [name for name in names if not same_bytes(mine[name], theirs[name])] == []
    assert list(stores[0].commits()["table"]).count("bars") == 3
    for store in stores:
        store.close()
    assert Home.open(home).inception == FIRST
