"""Starts writers of a home, kills each at a random moment, and looks at what is left.

`python killed_writer.py FOLDER KILLS`: each writer is a fork that rewrites two computed tables and
a recorded one in one call, time after time, with one and the same number in all of them. Prints
the number found after each kill; fails if the tables disagree.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import pandas as pd

from resources.store import HomeStore, store_at
from trading import frames
from trading.testing.example_rows import example

FIRST, LAST = pd.Timestamp("2024-02-26"), pd.Timestamp("2024-03-08")
COLUMNS = {"features": "log_return", "ensemble_skill": "average_product", "performance": "log_return"}


def write(store: HomeStore, number: int) -> None:
    tables = {name: example(name, FIRST, LAST) for name in COLUMNS}
    numbered = {name: frame.assign(**{COLUMNS[name]: float(number)}) for name, frame in tables.items()}
    store.write(numbered, FIRST, LAST, commit={"run_id": str(number)})


def write_for_ever(folder: Path, number: int) -> None:
    store = store_at(folder / "tables", folder / "fabline.db")
    while True:
        number += 1
        write(store, number)
        (folder / "ready").touch()


def found(folder: Path) -> int:
    store = store_at(folder / "tables", folder / "fabline.db")
    numbers = {store.read(name)[column].unique().tolist()[0] for name, column in COLUMNS.items()}
    alone = all(len(store.read(name)[column].unique()) == 1 for name, column in COLUMNS.items())
    return int(numbers.pop()) if alone and len(numbers) == 1 else -1


def in_a_fork(action: object, *args: object) -> int:
    child = os.fork()
    if child == 0:
        os._exit(int(action(*args) or 0) % 251)
    return child


def warm_up() -> None:
    """Load in the parent what every fork needs, and nothing that starts threads."""
    import adbc_driver_sqlite.dbapi
    import deltalake

    assert adbc_driver_sqlite.dbapi
    assert deltalake
    for name in COLUMNS:
        frames.validated(name, example(name, FIRST, LAST))


def main(folder: Path, kills: int) -> None:
    chance = random.Random(7)
    warm_up()
    os.waitpid(in_a_fork(lambda: write(store_at(folder / "tables", folder / "fabline.db"), 0)), 0)
    for kill in range(kills):
        (folder / "ready").unlink(missing_ok=True)
        child = in_a_fork(write_for_ever, folder, kill * 10)
        while not (folder / "ready").exists():
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.4))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        _, status = os.waitpid(in_a_fork(found, folder), 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
