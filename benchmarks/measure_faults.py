"""Uptime and recovery over a SIMULATED schedule of faults: 30 sessions on a virtual clock, on a simulated market.

python benchmarks/measure_faults.py --seeds 7,8,9 --sessions 30

Faults are drawn around the decisions of 40 % of the sessions (trading/testing/fault_schedule.py) and caused for real
(tests/e2e/faulty_line.py) over a home of SQLite and Delta. A session is tried every ten virtual minutes until it is
made. No figure is one of a line in operation.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import tempfile
from collections import Counter
from contextlib import closing
from pathlib import Path

import pandas as pd

from pipelines.cli.diff import differences
from pipelines.in_memory import run_in_memory
from pipelines.settings import Settings
from resources.store import store_at
from tests.e2e.faulty_line import FaultyLine
from trading import calendar
from trading.evaluation.uptime import service_levels
from trading.testing.fault_schedule import fault_schedule

FIRST = calendar.session_of("2024-10-04")  # summer time ends within the thirty sessions, and no quarter does


def measured(seed: int, sessions: pd.DatetimeIndex, settings: Settings) -> None:
    """Print what one schedule came to, and which tables differ from those of a line without faults."""
    faults = [one for one in fault_schedule(seed, sessions) if one.begins > calendar.as_of(sessions[0])]
    with tempfile.TemporaryDirectory() as folder:
        line = FaultyLine(Path(folder) / "home", settings)
        with contextlib.redirect_stderr(io.StringIO()):
            outcomes = line.run(sessions, faults)
        plain = run_in_memory(settings, sessions[0], sessions[-1])
        with closing(store_at(line.home.tables, line.home.database)) as store:
            apart = [one.table for one in differences(store, plain)]  # type: ignore[arg-type]
            ledger = len(store.read("ledger"))
    levels = service_levels(outcomes)
    kinds = Counter(kind for one in outcomes for kind in one.faults)
    print(f"SIMULATED, seed {seed}: {', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))}")
    print(
        f"  {levels.sessions} sessions, {levels.on_time} before the next open, {levels.recovered} struck; "
        f"uptime {levels.uptime:.3%}; recovery median {levels.median_recovery:.0f}, longest "
        f"{levels.longest_recovery:.0f} virtual minutes; tables that differ: {', '.join(apart) or 'none'}; "
        f"{ledger} lines of the ledger",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", default="7,8,9")
    parser.add_argument("--sessions", type=int, default=30)
    asked = parser.parse_args()
    settings = Settings(models=("random_walk", "ar1"), burn_in_sessions=30).with_value(
        "regimes.hmm.starts", 1
    )
    sessions = calendar.sessions_between(FIRST, calendar.shift(FIRST, asked.sessions - 1))
    for seed in asked.seeds.split(","):
        measured(int(seed), sessions, settings)


if __name__ == "__main__":
    main()
