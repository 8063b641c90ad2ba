"""How long an update of ten symbols takes from the vendor's answer to stored and validated, and a load of years.

python benchmarks/measure_ingest.py --updates 60        # one session of ten symbols an update
python benchmarks/measure_ingest.py --history 504       # 504 sessions of five-minute bars of ten symbols

Prices are SIMULATED. The source answers at once, symbol by symbol, so what is measured is our own work:
separation, dating, findings, quality, and the transaction.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.ingest.chunks import Wanted, spans_of
from pipelines.ingest.desk import Desk
from pipelines.ingest.loading import Outcome, ingest
from resources.sources import SimulatedSource
from resources.store import HomeStore, store_at
from trading import calendar
from trading.universe import SYMBOLS

LAST = calendar.session_of("2025-06-30")
NOW = pd.Timestamp("2026-01-05 22:00", tz="UTC")


class Vendor(SimulatedSource):
    """Asked for each symbol alone, as vendors are."""

    name = "vendor"
    simulated = False


def load(
    store: HomeStore, first: pd.Timestamp, last: pd.Timestamp, timeframe: str, source: Vendor
) -> Outcome:
    desk = Desk.of(store, source, lambda: NOW, {})
    return ingest(desk, Wanted(timeframe, spans_of(SYMBOLS, first, last), last))


def updates(store: HomeStore, count: int, timeframe: str) -> None:
    """One session after the other, ten symbols each, after a first load of thirty sessions."""
    source, seconds = Vendor(), []
    begin = calendar.shift(LAST, -count)
    load(store, calendar.shift(begin, -30), begin, timeframe, source)
    for place in range(1, count + 1):
        session = calendar.shift(begin, place)
        started = time.perf_counter()
        load(store, session, session, timeframe, source)
        seconds.append(time.perf_counter() - started)
    p50, p99 = np.percentile(seconds, [50, 99])
    print(
        f"{count} updates of ten symbols, {timeframe}: p50 {p50:.2f} s, p99 {p99:.2f} s, most {max(seconds):.2f} s"
    )


def history(store: HomeStore, sessions: int) -> None:
    """A first load of five-minute bars, and the same again, which finds nothing to do."""
    source, first = Vendor(), calendar.shift(LAST, 1 - sessions)
    for word in ("first", "second"):
        started, worked = time.perf_counter(), time.process_time()
        outcome = load(store, first, LAST, "5min", source)
        took, work = time.perf_counter() - started, time.process_time() - worked
        print(
            f"{word} load: {outcome.tallies[0].came} five-minute bars in {took:.1f} s ({work:.1f} s of processor)"
        )
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def main() -> None:
    """Measure what is asked for, in a folder that is thrown away."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--updates", type=int, default=0)
    parser.add_argument("--history", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for place, work in enumerate(("1D", "5min", "history")):
            store = store_at(Path(folder) / str(place), Path(folder) / f"{place}.db", clock=lambda: NOW)
            if work == "history" and asked.history:
                history(store, asked.history)
            elif work != "history" and asked.updates:
                updates(store, asked.updates, work)
            store.close()


if __name__ == "__main__":
    main()
