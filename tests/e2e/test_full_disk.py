"""A disk without room: one line that says so, every table old or new, and a second run completes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from assets import failures
from pipelines.cli.main import DONE, FAILED, status_of
from pipelines.in_memory import run_in_memory
from pipelines.wiring import Workshop, plan_of
from resources.arrow_frames import to_arrow
from resources.store import store_at
from tests.e2e.homes import FIRST, LAST, SMALL, arrow_tables, copied, same_bytes
from tests.peers.full_disk import no_file_above
from trading import calendar

END = calendar.shift(LAST, 2)
TABLES = plan_of(SMALL).tables
Room = Callable[[int], AbstractContextManager[None]]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="fills a file system of Linux")


@pytest.fixture(scope="module")
def new() -> dict[str, pa.Table]:
    """What the line gives where there is room."""
    return arrow_tables(run_in_memory(SMALL, FIRST, END), TABLES)


def tables_of(home: Path) -> dict[str, pa.Table]:
    store = store_at(home / "tables", home / "fabline.db")
    tables = {name: to_arrow(name, store.read(name)) for name in TABLES}
    store.close()
    return tables


def different(one: dict[str, pa.Table], other: dict[str, pa.Table]) -> set[str]:
    return {name for name in one if not same_bytes(one[name], other[name])}


def remounted(folder: Path, *options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", ",".join(options), "fabline-test", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of our own, as only root may make one; the limit on files below needs nobody's leave."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not remounted(folder, "size=64m"):
        pytest.skip("this user may not mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@contextmanager
def free(disk: Path, kilobytes: int) -> Iterator[None]:
    """So much room and no more, until the block ends."""
    taken = (shutil.disk_usage(disk).used >> 10) + kilobytes
    assert remounted(disk, "remount", f"size={taken}k")
    yield
    assert remounted(disk, "remount", "size=64m")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk may be emptied meanwhile, so a run tries again; here at once."""
    monkeypatch.setattr(failures, "WAIT_SECONDS", 0)


def run(home: Path) -> int:
    return status_of(["run", "--to", f"{END:%Y-%m-%d}", "--home", str(home)])


def check_recovery(
    home: Path, room: AbstractContextManager[None], new: dict[str, pa.Table], said: pytest.CaptureFixture[str]
) -> None:
    old = tables_of(home)
    with room:
        assert run(home) == FAILED
    last = said.readouterr().err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "free disk space" in last
    assert "Traceback" not in last

    left = tables_of(home)
    assert different(left, old) & different(left, new) == set()

    assert run(home) == DONE
    assert different(tables_of(home), new) == set()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kilobytes", [20, 3500], ids=["full", "almost full"])
def test_a_full_disk_stops_a_run_and_harms_nothing(
    kilobytes: int,
    small_disk: Path,
    made_in_one_run: Workshop,
    new: dict[str, pa.Table],
    capsys: pytest.CaptureFixture[str],
) -> None:
    home = copied(made_in_one_run, small_disk / "home")
    check_recovery(home, free(small_disk, kilobytes), new, capsys)


@pytest.mark.usefixtures("impatient")
def test_files_that_may_not_grow_stop_a_run_and_harm_nothing(
    tmp_path: Path, made_in_one_run: Workshop, new: dict[str, pa.Table], capsys: pytest.CaptureFixture[str]
) -> None:
    home = copied(made_in_one_run, tmp_path / "home")
    size = os.stat(home / "fabline.db").st_size  # noqa: PTH116
    # a database may have room inside it; what lies in its last half cannot be written
    check_recovery(home, no_file_above(size // 2), new, capsys)
