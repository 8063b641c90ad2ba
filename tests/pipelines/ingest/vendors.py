"""A simulated vendor that is asked a symbol at a time, and fails where it is told to."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from pipelines.ingest.chunks import Wanted, spans_of
from pipelines.ingest.desk import Desk
from resources.sources import SimulatedSource
from resources.store import HomeStore, store_at
from trading import calendar
from trading.errors import FablineError

FIRST, LAST = calendar.session_of("2024-01-02"), calendar.session_of("2024-03-28")
NOW = pd.Timestamp("2026-01-05 22:00", tz="UTC")
NAMES = ("NVDA", "AMD", "SPY")
Alter = Callable[[pd.DataFrame], pd.DataFrame]


class Vendor(SimulatedSource):
    """Not `simulated`, so that each symbol is a chunk of its own.

    Parameters
    ----------
    errors : raised when bars of a symbol are asked for, each once; the last one for ever if `for_ever`
    alter : what happens to the bars of an answer
    """

    name = "vendor"
    simulated = False

    def __init__(
        self, errors: dict[str, list[FablineError]] | None = None, alter: Alter = lambda rows: rows
    ) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()
        self.errors, self.alter = errors or {}, alter
        self.lock = threading.Lock()

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        with self.lock:
            self.asked[symbols[0]] += 1
            if self.errors.get(symbols[0]):
                raise self.errors[symbols[0]].pop(0)
        return self.alter(super().bars(symbols, first, last, timeframe))


def store_of(folder: Path, now: pd.Timestamp = NOW) -> HomeStore:
    return store_at(folder / "tables", folder / "fabline.db", clock=lambda: now)


def desk_of(store: HomeStore, source: SimulatedSource, now: pd.Timestamp = NOW) -> Desk:
    return Desk.of(store, source, lambda: now, {})


def wanted(
    first: pd.Timestamp = FIRST,
    last: pd.Timestamp = LAST,
    *,
    timeframe: str = "1D",
    names: Sequence[str] = NAMES,
    refresh: bool = False,
) -> Wanted:
    return Wanted(timeframe, spans_of(names, first, last), last, refresh)
