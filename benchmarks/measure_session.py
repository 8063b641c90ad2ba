"""One session from its stored bars to its orders, in a process that is warm: p50 and p99 over 20 sessions, by stage.

python benchmarks/measure_session.py                      the default models, in memory and in a home
python benchmarks/measure_session.py --models random_walk,ar1 --store home --profile

SIMULATED market. The home is SQLite and Delta on this disk. Each session is first written as bars, which is not
timed, and then every stage of the line is made and written, down to the orders of the session: that is.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.in_memory import Made, Market, make_in_memory, market_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from resources.store import store_at
from trading import calendar
from trading.interfaces import Store
from trading.line import Request, make_and_write
from trading.plan import Plan

FIRST = calendar.session_of("2024-01-02")
SOURCES = ("bars", "corporate_actions")


def measured(
    plan: Plan, store: Store, made: Made, market: Market, sessions: pd.DatetimeIndex
) -> pd.DataFrame:
    """(session, stage) wall and processor seconds; the first session warms up and is left out."""
    rows, before = [], calendar.shift(sessions[0], -1)
    for session in sessions:
        arrive(store, market, before, session)
        request = Request(FIRST, session, session, made.models)
        for stage in plan.stages:
            wall, cpu = time.perf_counter(), time.process_time()
            make_and_write(stage, plan, store, request)
            rows.append((session, stage.name, time.perf_counter() - wall, time.process_time() - cpu))
        before = session
    told = pd.DataFrame(rows, columns=["session", "stage", "wall", "cpu"])
    return told[(told["session"] > sessions[0]).to_numpy()]


def arrive(store: Store, market: Market, after: pd.Timestamp, session: pd.Timestamp) -> None:
    """The session's bars and corporate actions are in the store."""
    new = {
        name: rows[((rows["session"] > after) & (rows["session"] <= session)).to_numpy()]
        for name, rows in ((name, market[name]) for name in SOURCES)
    }
    store.write(new, session, session, commit={})


@contextmanager
def home_store(made: Made, plan: Plan, last: pd.Timestamp) -> Iterator[Store]:
    """SQLite and Delta in a new folder, with everything that was made in memory."""
    with tempfile.TemporaryDirectory() as folder:
        store = store_at(Path(folder) / "tables", Path(folder) / "fabline.db")
        tables = {name: made.store.read(name, revisions=True) for name in (*SOURCES, *plan.tables)}
        first = min(rows["session"].min() for rows in tables.values() if len(rows))
        store.write(tables, first, last, commit={})
        yield store
        store.close()


def told(name: str, models: str, figures: pd.DataFrame) -> None:
    """Print p50 and p99 of a session, and the dearest stages."""
    whole = figures.groupby("session")[["wall", "cpu"]].sum()
    p50, p99 = np.quantile(whole["wall"], [0.5, 0.99])
    print(
        f"{name}, {models}: {len(whole)} sessions, p50 {p50:.3f} s, p99 {p99:.3f} s wall; "
        f"p50 {whole['cpu'].median():.3f} s, most {whole['cpu'].max():.3f} s of processor"
    )
    dearest = figures.groupby("stage")[["wall", "cpu"]].median().sort_values("cpu", ascending=False).head(8)
    print((dearest * 1000).round(1).rename(columns=lambda unit: f"{unit}_ms").to_string())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--models", default="")
    parser.add_argument("--burn-in", type=int, default=300)
    parser.add_argument("--store", choices=("memory", "home", "both"), default="both")
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    settings = Settings(burn_in_sessions=asked.burn_in)
    if asked.models:
        settings = settings.with_value("models", asked.models)
    plan, last = plan_of(settings), calendar.shift(FIRST, 9)
    sessions = calendar.sessions_between(calendar.shift(last, 1), calendar.shift(last, asked.sessions + 1))
    market = market_of(settings, FIRST, sessions[-1])
    begun = {name: rows[(rows["session"] <= last).to_numpy()] for name, rows in market.items()}
    made = make_in_memory(settings, plan, begun, FIRST, last)
    profile = cProfile.Profile()
    if asked.store in ("home", "both"):
        with home_store(made, plan, last) as store:
            if asked.profile:
                profile.enable()
            told("home", ", ".join(settings.models), measured(plan, store, made, market, sessions))
            profile.disable()
    if asked.store in ("memory", "both"):
        if asked.profile:
            profile.enable()
        told("memory", ", ".join(settings.models), measured(plan, made.store, made, market, sessions))
    profile.disable()
    if asked.profile:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(60)


if __name__ == "__main__":
    main()
