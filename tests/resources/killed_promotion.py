"""Promotes a version by hand and makes the next session, killed by SIGKILL at every step, and opens the home again.

`python killed_promotion.py FOLDER [STEP]…`: for each step prints a line of JSON: what the kill left, and what the second
attempt made of it. Forks of a process that has everything loaded, because loading takes longer than promoting.
"""

import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient

from models.forecasters.ar1 import PooledAR1
from pipelines.cli import champions as desk
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources import champions_log, clock, files, version_folder
from resources.home import Home
from resources.open_home import OpenHome
from resources.registry import BEHIND, MlflowRegistry
from resources.store import HomeStore
from trading import calendar
from trading.frames import empty
from trading.history import History, to_frame
from trading.interfaces import ModelVersion
from trading.line import stamped
from trading.stages.champions import champions_stage
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import Moment
from trading.stages.training import Trained
from trading.testing.example_rows import example

HEAD, NEXT = pd.Timestamp("2024-01-05"), pd.Timestamp("2024-01-08")
NOW = pd.Timestamp("2024-01-05 22:00", tz="UTC")
STAGE = champions_stage(("ar1",))
# Where a promotion dies: before or after a call of what, and at which of its calls.
STEPS: dict[str, tuple[Any, str, bool]] = {
    "before anything": (champions_log, "write_atomically", True),
    "decision drafted": (files.os, "fsync", False),
    "decision written": (champions_log, "write_atomically", False),
    "session not written": (HomeStore, "write", True),
    "session written": (HomeStore, "write", False),
    "mirror noted as behind": (MlflowRegistry, "_fall_behind", False),
    "alias of the folder written": (version_folder, "write_atomically", False),
    "alias of MLflow not moved": (MlflowClient, "set_registered_model_alias", True),
    "alias of MLflow moved": (MlflowClient, "set_registered_model_alias", False),
    "tag of MLflow set": (MlflowClient, "set_registered_model_tag", False),
    "mirrored": (MlflowRegistry, "mirror", False),
}


def versions() -> list[ModelVersion]:
    days = [pd.Timestamp(day) for day in ("2023-10-02", "2024-01-02", "2024-10-01")]
    return [ModelVersion("ar1", name, pd.Timestamp(f"2023-09-2{n}"), *days) for n, name in enumerate("ab")]


def opened(path: Path) -> OpenHome:
    return Workshop.of(Home.open_or_create(path), Settings(), clock=lambda: NOW).open()


def begin(path: Path) -> None:
    """A home of which a is champion and b challenges, mirrored to MLflow."""
    home = opened(path)
    for version in versions():
        home.registry.log(version, PooledAR1(coefficients_=np.zeros(2)), {})
    rows = example("champions", HEAD, HEAD).head(1)
    rows = pd.concat(
        [rows.assign(model="ar1", version=v, role=r) for v, r in (("a", "champion"), ("b", "challenger"))]
    )
    rows = rows.assign(log_evidence=0.0, log_counter_evidence=0.0, compared=np.int64(0))
    home.store.write({"champions": rows}, HEAD, HEAD, commit={})
    home.registry.promote("ar1", "a")
    home.registry.mirror()
    home.store.close()


def next_session(path: Path) -> None:
    """What the line does with the champions of the next session: make, write, mirror."""
    home = opened(path)
    trained = tuple(Trained(version, PooledAR1(), {}) for version in versions())

    class Book(MemoryModelBook):
        def records(self, *_: object, **__: object) -> tuple[ModelVersion, ...]:
            return tuple(versions())

    book = Book({"ar1": "quarterly"}, trained, home.registry.decisions("ar1"))
    spoken = example("forecast_ar1", NEXT, NEXT).head(2).assign(version=["a", "b"])
    before = home.store.read("champions", HEAD, HEAD)
    tables = {"champions": before, "version_losses": empty("version_losses"), "forecast_ar1": spoken}
    inputs = {
        name: History.from_frame(name, rows).window(HEAD, NEXT, calendar.as_of(NEXT))
        for name, rows in tables.items()
    }
    moment = Moment(NEXT, calendar.as_of(NEXT), HEAD, is_first=False, models=book)
    made = STAGE.make(moment, inputs)
    written = {name: to_frame(name, [stamped(columns, moment)]) for name, columns in made.items()}
    home.store.write(written, NEXT, NEXT, commit={})
    home.after_write(written)
    home.store.close()


def attempt(path: Path) -> None:
    """A person promotes b unless the log has it, and the line makes the next session."""
    clock.now = lambda: NOW
    if not version_folder.VersionFolder(path / "models").decisions("ar1"):
        desk.promote(path, "ar1", "b", "", wait=False)
    next_session(path)


def mortal(step: str) -> None:
    """Let this process die at a step."""
    owner, name, before = STEPS[step]
    original = getattr(owner, name)

    def dying(*arguments: Any, **named: Any) -> Any:
        if before:
            os.kill(os.getpid(), signal.SIGKILL)
        original(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, dying)


def found(path: Path) -> dict[str, Any]:
    """Champions of the newest session, the log, our alias and MLflow's."""
    home = opened(path)
    rows = home.store.read("champions")
    home.store.close()
    rows = rows[(rows["session"] == rows["session"].max()) & (rows["role"] == "champion")]
    with sqlite3.connect(path / "mlflow" / "mlflow.db") as database:
        shown = database.execute(
            "select t.value from registered_model_aliases a join model_version_tags t on t.name = a.name "
            "and t.version = a.version where t.key = 'fabline.version'"
        ).fetchall()
    return {
        "session": str(rows["session"].max())[:10],
        "champions": rows["version"].tolist(),
        "decided": [one.version for one in home.registry.decisions("ar1")],
        "alias": home.registry.champion("ar1"),
        "mlflow": [one for (one,) in shown],
        "behind": (path / "models" / BEHIND).exists(),
    }


def in_a_fork(action: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        status = 1
        try:
            action()
            status = 0
        except BaseException as error:  # noqa: BLE001 - whatever it is, the parent is told
            os.write(2, repr(error).encode())
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def main(folder: Path, steps: list[str]) -> None:
    home, kept = folder / "home", folder / "kept"
    assert mlflow
    if in_a_fork(lambda: begin(home)):
        raise SystemExit("the home could not be made")
    shutil.copytree(home, kept)
    for step in steps or STEPS:
        shutil.rmtree(home)
        shutil.copytree(kept, home)
        died = in_a_fork(lambda step=step: (mortal(step), attempt(home)))
        left = found(home)
        again = in_a_fork(lambda: attempt(home))
        sys.stdout.write(
            json.dumps({"step": step, "died": died, "left": left, "again": again, "made": found(home)}) + "\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
