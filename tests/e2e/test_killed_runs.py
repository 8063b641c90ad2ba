"""Law 6: a run that is killed leaves each table old or new, and running it again gives what it would have given."""

import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines import settings
from pipelines.cli.main import status_of
from pipelines.wiring import plan_of
from resources.arrow_frames import to_arrow
from resources.store import HomeStore, store_at
from tests.e2e.homes import SMALL, same_bytes
from trading import frames

SCRIPT = Path(__file__).with_name("killed_runs.py")
PLAN = plan_of(SMALL)
KILLS = range(10)
GROUPS = [stage.makes for stage in PLAN.stages if len(stage.makes) > 1]


@dataclass(frozen=True)
class Kill:
    """What is left of one kill: the home at once, the home after a second run, and what the killer saw."""

    folder: Path

    @property
    def told(self) -> dict[str, object]:
        return json.loads((self.folder / "told.json").read_text())

    @property
    def killed(self) -> Path:
        return self.folder / "killed"

    @property
    def completed(self) -> Path:
        return self.folder / "home"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten kills of a run that restates some sessions and adds others."""
    path = tmp_path_factory.mktemp("kills")
    slow = ("PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
    environment = {name: value for name, value in os.environ.items() if name not in slow}
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SCRIPT), str(path)],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture(params=KILLS)
def kill(request: pytest.FixtureRequest, folder: Path) -> Kill:
    return Kill(folder / str(request.param))


def store_of(home: Path) -> HomeStore:
    return store_at(home / "tables", home / "fabline.db")


@functools.cache
def tables_of(home: Path) -> dict[str, pa.Table]:
    """Every table with every revision."""
    store = store_of(home)
    tables = {name: to_arrow(name, store.read(name, revisions=True)) for name in PLAN.tables}
    store.close()
    return tables


@pytest.fixture(scope="module")
def new(folder: Path) -> dict[str, pa.Table]:
    return tables_of(folder / "new")


@pytest.fixture(scope="module")
def old(folder: Path) -> dict[str, pa.Table]:
    return tables_of(folder / "old")


def before(kill: Kill, old: dict[str, pa.Table]) -> dict[str, pa.Table]:
    if not kill.told["fresh"]:
        return old
    return {name: to_arrow(name, frames.empty(name)) for name in old}


def different(one: dict[str, pa.Table], other: dict[str, pa.Table]) -> set[str]:
    return {name for name in one if not same_bytes(one[name], other[name])}


def test_the_run_changes_every_table_that_rests_on_bars(
    old: dict[str, pa.Table], new: dict[str, pa.Table]
) -> None:
    # Not only more rows: sessions that both homes have differ too, or a mixture could not be seen.
    shared = {name for name in old if not same_bytes(old[name], new[name].slice(0, old[name].num_rows))}
    assert {"features", "forecast_ar1", "version_losses", "ensemble_forecast", "regimes", "signals"} <= shared
    assert {"performance", "risk", "target_portfolio"} <= shared


def test_every_run_was_killed_and_let_go_of_the_home(kill: Kill) -> None:
    assert kill.told["status"] == -9
    assert kill.told["held"] is False


def test_every_table_is_the_old_or_the_new_one(
    kill: Kill, old: dict[str, pa.Table], new: dict[str, pa.Table]
) -> None:
    left = tables_of(kill.killed)
    assert different(left, before(kill, old)) & different(left, new) == set()


def test_tables_of_one_stage_change_together(
    kill: Kill, old: dict[str, pa.Table], new: dict[str, pa.Table]
) -> None:
    left = tables_of(kill.killed)
    changed = different(left, before(kill, old))
    changing = different(new, before(kill, old))
    for group in GROUPS:
        assert changed & set(group) in (set(), changing & set(group))


def test_some_kills_came_in_the_middle_of_the_line(folder: Path, new: dict[str, pa.Table]) -> None:
    kills = [Kill(folder / str(number)) for number in KILLS]
    places = {len(different(tables_of(kill.killed), new)) for kill in kills if not kill.told["fresh"]}
    assert len(places) >= 4


def test_status_says_that_the_run_was_killed_and_what_to_do(
    kill: Kill, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.set_values(
        kill.killed,
        {name: SMALL.flat()[name] for name in ("models", "burn_in_sessions", "regimes.hmm.starts")},
    )
    assert status_of(["status", "--home", str(kill.killed)]) == 0
    said = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    begin = "2024-03-25" if kill.told["fresh"] else "2024-03-28"
    assert "it was killed" in said["failed"]
    assert said["to"] == f"do         fabline backfill --from {begin} --to 2024-04-09"


def test_a_second_run_gives_the_bytes_of_a_run_that_was_never_killed(
    kill: Kill, new: dict[str, pa.Table]
) -> None:
    assert kill.told["completed"] == 0
    assert different(tables_of(kill.completed), new) == set()


def test_no_order_is_sent_or_filled_twice(kill: Kill) -> None:
    for home in (kill.killed, kill.completed):
        store = store_of(home)
        orders, fills = store.read("orders"), store.read("fills")
        store.close()
        assert not orders.duplicated(["session", "order_id"]).any()
        assert fills["fill_id"].is_unique
        assert set(fills["order_id"]) <= set(orders["order_id"])
