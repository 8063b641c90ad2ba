"""Starts runs of the line, kills each at a random moment, completes it, and leaves all of it to be looked at.

`python killed_runs.py FOLDER`: makes an old home, and from it a new one by a run that nobody kills:
further sessions, and sessions that the old home had, which a revision changes. Then, ten times, a copy
of the old home (or no home at all) is run to the same end by a fork that dies by SIGKILL: after a
random number of stage-sessions and a random pause, or inside the transaction of a random write. Of
each kill it leaves FOLDER/<number>/killed, a copy made at once, FOLDER/<number>/home, completed by a
second run, and FOLDER/<number>/told.json.

Forks of a process that has everything loaded, because loading takes longer than running.
"""

import functools
import json
import os
import random
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from pipelines import environment
from pipelines.definitions import definitions_of
from pipelines.jobs import LINE
from pipelines.runs import run_range
from pipelines.wiring import Workshop, plan_of, source_of
from resources.home import Home
from resources.open_home import OpenHome
from resources.sql_store import SqlStore
from resources.store import HomeStore
from tests.e2e.homes import FIRST, LAST, SMALL
from tests.e2e.vendors import Supplied, revision, supplied
from trading import calendar
from trading.ingest import ALL_SYMBOLS
from trading.line import Progress, silent

SEED, KILLS, FRESH, IN_WRITES, LANES = 7, 10, 1, 3, 2
REVISED = calendar.shift(FIRST, 3)
INFORMED = calendar.shift(FIRST, 4)  # the first that can know of it; models were trained the session before
END = calendar.shift(LAST, 2)
CAME = calendar.session_open(INFORMED)
EDIT = revision("NVDA", REVISED, 1.03, CAME)
PAUSE_SECONDS, EARLY_SECONDS = 0.3, 3.0


class MortalStore(SqlStore):
    """Its process dies inside the transaction of the n-th table that it records."""

    heartbeats = 0

    def _record(self, *arguments: object) -> str:
        self.heartbeats -= 1
        if not self.heartbeats:
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._record(*arguments)


@dataclass(frozen=True)
class Mortal(Supplied):
    """A workshop whose store dies after `heartbeats` tables."""

    heartbeats: int = 0

    def open(self, progress: Progress = silent) -> OpenHome:
        opened = super().open(progress)
        store = MortalStore(self.home.database, clock=self.clock)
        store.heartbeats = self.heartbeats
        return replace(opened, store=HomeStore(opened.store.delta, store))


@dataclass(frozen=True)
class Death:
    """When a run dies: after `steps` stage-sessions and a pause, or at the `heartbeats`-th table."""

    fresh: bool
    steps: int = 0
    pause: float = 0.0
    heartbeats: int = 0

    @property
    def first(self) -> pd.Timestamp:
        """Where the run begins."""
        return FIRST if self.fresh else REVISED


def deaths(steps: int, heartbeats: int) -> list[Death]:
    chance = random.Random(SEED)
    inside = [Death(fresh=False, heartbeats=chance.randint(1, heartbeats)) for _ in range(IN_WRITES)]
    early = Death(fresh=False, steps=1, pause=chance.uniform(0.0, EARLY_SECONDS))
    others = [
        Death(fresh=n < FRESH, steps=chance.randrange(2, steps), pause=chance.uniform(0.0, PAUSE_SECONDS))
        for n in range(KILLS - IN_WRITES - 1)
    ]
    return [*inside, early, *others]


def in_a_fork(action: Callable[[], object], log: Path) -> int:
    child = os.fork()
    if child == 0:
        spoken = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(spoken, 1)
        os.dup2(spoken, 2)
        status = 1
        try:
            action()
            status = 0
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is told
            os.write(2, repr(error).encode())
        os._exit(status)
    return child


def outcome(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run(
    workshop: Workshop,
    first: pd.Timestamp,
    last: pd.Timestamp,
    progress: Progress = silent,
    select: str | None = None,
) -> None:
    with workshop.home.writing("fabline backfill"):
        run_range(workshop, first, last, progress=progress, select=select)


def workshop_at(path: Path) -> Workshop:
    """With the home's own Dagster storage: what a killed run leaves there is part of the matter."""
    return Workshop.of(environment.open_or_create(path), SMALL)


def old(path: Path) -> None:
    """A home that took up the revision as it came, in `INFORMED`, and has not made its sessions again."""
    workshop = workshop_at(path)
    run(workshop, FIRST, LAST)
    store = workshop.open().store
    store.write({"bars": EDIT(store.read("bars", REVISED, REVISED))}, REVISED, REVISED, commit={})
    store.close()


def newer(path: Path, first: pd.Timestamp, *, beat: int | None = None, heartbeats: int = 0) -> None:
    """The run that is killed: `first` is the session that was revised, or the beginning of a fresh home."""

    def progress(*_: object) -> None:
        if beat is not None:
            os.write(beat, b".")

    def edit(bars: pd.DataFrame) -> pd.DataFrame:
        progress()  # the source is asked: the run has begun
        return EDIT(bars)

    workshop = supplied(workshop_at(path), edit)
    mortal = Mortal(workshop.home, SMALL, workshop.plan, workshop.clock, workshop.vendor, heartbeats)
    run(mortal if heartbeats else workshop, first, END, progress)


def killed(path: Path, death: Death, log: Path) -> dict[str, object]:
    reading, beat = os.pipe()
    child = in_a_fork(lambda: newer(path, death.first, beat=beat, heartbeats=death.heartbeats), log)
    os.close(beat)
    if not death.heartbeats:
        done = 0
        while done < death.steps and os.read(reading, 1):
            done += 1
        time.sleep(death.pause)
        os.kill(child, signal.SIGKILL)
    status = outcome(child)
    os.close(reading)
    return {"fresh": death.fresh, "status": status, "held": Home.open(path).holder() is not None}


def counted(path: Path, log: Path) -> int:
    """Stage-sessions of the run over `path`, which nobody kills."""
    reading, beat = os.pipe()
    child = in_a_fork(lambda: newer(path, REVISED, beat=beat), log)
    os.close(beat)
    steps = 0
    while batch := os.read(reading, 4096):
        steps += len(batch)
    os.close(reading)
    if outcome(child):
        raise SystemExit(log.read_text())
    return steps


def warm_up(folder: Path) -> None:
    """Load in the parent what every fork needs, and nothing that starts threads."""
    import adbc_driver_sqlite.dbapi
    import arch.bootstrap
    import cvxpy
    import deltalake
    import great_expectations
    import hmmlearn.hmm
    import mlflow.pyfunc
    import talib
    import tqdm

    tqdm.tqdm.monitor_interval = 0  # it would start a thread
    loaded = (adbc_driver_sqlite, arch, cvxpy, deltalake, great_expectations, hmmlearn, mlflow, talib)
    rehearse(folder)
    if not all(loaded) or threading.active_count() > 1:
        raise SystemExit("a library has started a thread: a fork may hang")


def rehearse(folder: Path) -> None:
    """Fill the caches: the market's paths, the templates of the documents, the graph. Nothing is stored."""
    from resources import expectations

    workshop = workshop_at(folder)
    bars = source_of(SMALL).bars(ALL_SYMBOLS, FIRST, FIRST)
    verdict = expectations.validate_bars(bars)
    expectations.write_data_docs([verdict], workshop.home.datadocs, run="rehearsal")
    definitions_of(workshop).resolve_job_def(LINE)


def attempt(folder: Path, old_home: Path, death: Death) -> None:
    """One death and what comes after it."""
    home, log = folder / "home", folder / "log.txt"
    folder.mkdir()
    if not death.fresh:
        shutil.copytree(old_home, home)
    told = killed(home, death, log)
    shutil.copytree(home, folder / "killed")
    completed = outcome(in_a_fork(lambda: newer(home, death.first), log))
    (folder / "told.json").write_text(json.dumps({**told, "completed": completed}))


def main(folder: Path) -> None:
    warm_up(folder / "rehearsal")
    log = folder / "log.txt"
    if outcome(in_a_fork(lambda: old(folder / "old"), log)):
        raise SystemExit(log.read_text())
    shutil.copytree(folder / "old", folder / "new")
    steps = counted(folder / "new", log)
    planned = list(enumerate(deaths(steps, len(plan_of(SMALL).tables))))

    def lane(number: int) -> None:
        for at, death in planned[number::LANES]:
            attempt(folder / str(at), folder / "old", death)

    lanes = [in_a_fork(functools.partial(lane, number), log) for number in range(LANES)]
    outcomes = [outcome(child) for child in lanes]
    if any(outcomes):
        raise SystemExit(log.read_text())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
