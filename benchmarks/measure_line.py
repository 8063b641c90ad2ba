"""Time and peak memory of the line, stage by stage: in memory, or as one Dagster run over a new home.

python benchmarks/measure_line.py --sessions 504 --models random_walk,ar1
python benchmarks/measure_line.py --sessions 504 --dagster --home DIR
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import pandas as pd

from pipelines.settings import Settings
from trading import calendar

FIRST = calendar.session_of("2023-01-03")


class Stopwatch:
    """Wall and processor seconds of each stage, from the end of the one before."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, float, float]] = []
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def __call__(self, stage: str, done: int, total: int) -> None:
        if done < total:
            return
        wall, cpu = time.perf_counter(), time.process_time()
        self.rows.append((stage, total, wall - self._wall, cpu - self._cpu))
        self._wall, self._cpu = wall, cpu

    def table(self) -> pd.DataFrame:
        return pd.DataFrame(self.rows, columns=["up to the end of", "sessions", "wall_s", "cpu_s"]).round(2)


def in_memory(settings: Settings, last: pd.Timestamp, watch: Stopwatch) -> None:
    from pipelines.in_memory import run_in_memory

    run_in_memory(settings, FIRST, last, progress=watch)


def as_dagster_run(settings: Settings, last: pd.Timestamp, watch: Stopwatch, folder: Path) -> None:
    from pipelines import environment
    from pipelines.runs import run_range
    from pipelines.wiring import Workshop

    run_range(Workshop.of(environment.open_or_create(folder), settings), FIRST, last, progress=watch)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=504)
    parser.add_argument("--models", default="")
    parser.add_argument("--dagster", action="store_true")
    parser.add_argument("--home", type=Path)
    asked = parser.parse_args()
    settings = Settings().with_value("models", asked.models) if asked.models else Settings()
    last = calendar.shift(FIRST, asked.sessions - 1)
    watch, started, used = Stopwatch(), time.perf_counter(), time.process_time()
    if asked.dagster:
        folder = asked.home or Path(tempfile.mkdtemp()) / "home"
        as_dagster_run(settings, last, watch, folder)
    else:
        in_memory(settings, last, watch)
    wall, cpu = time.perf_counter() - started, time.process_time() - used
    print(watch.table().to_string(index=False))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"SIMULATED, {asked.sessions} sessions: {wall:.1f} s wall, {cpu:.1f} s processor, peak {peak:.0f} MB"
    )


if __name__ == "__main__":
    main()
