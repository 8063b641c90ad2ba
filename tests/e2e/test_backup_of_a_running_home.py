"""A home that is copied while a run writes it: each copy is a committed state, and the run goes on from it.

Two runs in processes of their own, so by night: pytest -m nightly tests/e2e/test_backup_of_a_running_home.py. By day
`tests/resources/test_backup.py` lets a writer commit in the middle of a copy.
"""

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.cli.main import DONE, status_of
from pipelines.in_memory import run_in_memory
from pipelines.wiring import Workshop, plan_of
from resources.arrow_frames import to_arrow
from resources.backup import archive
from resources.home import Home
from resources.store import store_at
from tests.e2e.homes import FIRST, LAST, SMALL, arrow_tables, copied, same_bytes
from trading import calendar

END = calendar.shift(LAST, 1)
TABLES = plan_of(SMALL).tables
Tables = dict[str, pa.Table]
MAIN = "from pipelines.cli.main import main; main()"


def tables_of(home: Path) -> Tables:
    store = store_at(home / "tables", home / "fabline.db")
    tables = {name: to_arrow(name, store.read(name)) for name in TABLES}
    store.close()
    return tables


def different(one: Tables, other: Tables) -> set[str]:
    return {name for name in one if not same_bytes(one[name], other[name])}


def behind_of(home: Path, place: Path, old: Tables, new: Tables) -> int:
    """Copies the home, puts the copy back at `place`, and counts its tables that are not new yet."""
    file = place.with_suffix(".tar")
    archive.backup(Home.open(home), home / "fabline.db", file)
    assert archive.verify(file)[1] == ()
    archive.restore(file, place)
    left = tables_of(place)
    assert different(left, old) & different(left, new) == set()  # each table old or new
    return len(different(left, new))


@pytest.mark.nightly
@pytest.mark.timeout(900)
def test_copies_taken_during_a_run_are_committed_states_and_run_on_to_the_same_bytes(
    made_in_one_run: Workshop, tmp_path: Path
) -> None:
    home = copied(made_in_one_run, tmp_path / "home")
    old, new = tables_of(home), arrow_tables(run_in_memory(SMALL, FIRST, END), TABLES)
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-c",
        MAIN,
        "run",
        "--to",
        f"{END:%Y-%m-%d}",
        "--home",
        str(home),
    ]
    states: list[int] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        try:
            while run.poll() is None:
                states.append(behind_of(home, tmp_path / str(len(states)), old, new))
        finally:
            run.kill()
        assert run.returncode == DONE, run.communicate()[1]
    assert states == sorted(states, reverse=True)  # later copies are further on, never back

    middle = next((place for place, behind in enumerate(states) if 0 < behind < states[0]), 0)
    assert status_of(["run", "--to", f"{END:%Y-%m-%d}", "--home", str(tmp_path / str(middle))]) == DONE
    assert different(tables_of(tmp_path / str(middle)), new) == set()
