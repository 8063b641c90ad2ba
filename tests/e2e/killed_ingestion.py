"""Loads a folder of files into a home, kills the load at random moments, and lets it end at last.

`python killed_ingestion.py FOLDER KILLS`: one home is filled undisturbed, and another by loads of which
KILLS are killed with SIGKILL, each at a random moment of the time that the undisturbed one took. Each
load is a fork that does what `fabline ingest` does. Prints how many chunks were stored after each kill,
and at the end `same` or which tables differ.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pipelines.cli.ingest import Options, ingest
from pipelines.ingest import chunks
from resources.arrow_frames import to_arrow
from resources.store import HomeStore, store_at
from tests.e2e.homes import same_bytes
from trading import calendar
from trading.testing.market import SimulatedMarket

NAMES = ("NVDA", "AMD", "SPY", "ARM")
FIRST, LAST = calendar.session_of("2024-01-02"), calendar.session_of("2024-02-23")
TABLES = ("bars", "extended_bars", "quarantine", "corporate_actions", "earnings", "findings", "data_quality")
COLUMNS = ("ts", "symbol", "open", "high", "low", "close", "volume")
MAPPING = '[[bars]]\nfiles = "*.csv"\ntimeframe = "5min"\nbasis = "raw"\n[bars.columns]\n' + "".join(
    f'{name} = "{name}"\n' for name in COLUMNS
)
chunks.MOST_ROWS = 1500  # many small chunks: more moments between two of them


def make_files(folder: Path) -> None:
    """A file a symbol of a simulated market, with lines twice, lines cut off, gaps and impossible prices."""
    folder.mkdir()
    (folder / "fabline-mapping.toml").write_text(MAPPING)
    for name in NAMES:
        bars = SimulatedMarket().bars((name,), FIRST, LAST, "5min")[list(COLUMNS)]
        bars.loc[bars.index % 501 == 7, "low"] = 1e6
        bars = pd.concat([bars[bars.index % 97 != 3], bars.iloc[::400]])
        text = bars.to_csv(index=False).splitlines()
        text[100::700] = [line[: len(line) // 2] for line in text[100::700]]
        (folder / f"{name}.csv").write_text("\n".join(text) + "\n")


def load(home: Path, data: Path) -> None:
    with Path(os.devnull).open("w") as nowhere:  # this is a fork: what it prints is not our answer
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    ingest(home, Options("5min"), source=None, data=data, format_="json", wait=False)


def in_a_fork(action: Callable[..., object], *args: object) -> int:
    child = os.fork()
    if child == 0:
        try:
            action(*args)
        except BaseException:  # noqa: BLE001 - a fork must not go on as its parent
            os._exit(1)
        os._exit(0)
    return child


def opened(home: Path) -> HomeStore:
    return store_at(home / "tables", home / "fabline.db")


def stored_chunks(home: Path) -> int:
    """How many chunks of bars are there; each must be whole."""
    if not (home / "fabline.db").exists():
        return 0
    store = opened(home)
    commits = store.commits()
    store.close()
    return int((commits["table"] == "bars").sum())


def rows_of(store: HomeStore, table: str) -> pd.DataFrame:
    """Every row; lines without a readable time are known from their arrival, which no two loads share."""
    rows = store.read(table, revisions=True)
    if table != "quarantine":
        return rows
    timeless = rows["session"] == pd.Timestamp(0)
    arrived = rows["known_at"].mask(timeless, calendar.as_of(LAST))
    return rows.assign(known_at=arrived.astype(rows["known_at"].dtype))


def differing(one: Path, other: Path) -> list[str]:
    left, right = opened(one), opened(other)
    tables = [(name, *(to_arrow(name, rows_of(store, name)) for store in (left, right))) for name in TABLES]
    left.close()
    right.close()
    assert all(table.num_rows for name, table, _ in tables if name in ("bars", "quarantine"))
    return [name for name, mine, theirs in tables if not same_bytes(mine, theirs)]


def main(folder: Path, kills: int) -> None:
    chance = random.Random(7)
    data, whole, broken = folder / "data", folder / "whole", folder / "broken"
    make_files(data)
    started = time.monotonic()
    assert os.waitpid(in_a_fork(load, whole, data), 0)[1] == 0
    took = time.monotonic() - started
    for _ in range(kills):
        child = in_a_fork(load, broken, data)
        time.sleep(chance.uniform(0.05, 0.8) * took)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.stdout.write(f"{stored_chunks(broken)}\n")
    assert os.waitpid(in_a_fork(load, broken, data), 0)[1] == 0
    sys.stdout.write(" ".join(differing(whole, broken)) or "same")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
