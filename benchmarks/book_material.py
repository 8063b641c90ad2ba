"""What the books of the benchmarks are made of: a line's tables up to signals on real bars, made once and kept in a folder."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipelines.in_memory import make_in_memory, market_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from trading import calendar
from trading.line import Request, make_and_write
from trading.plan import Plan
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import Inputs, Moment, Outputs, Stage
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_session import trading_session_stage
from trading.testing.memory_store import MemoryStore

SHARED = Path(__file__).parents[2] / "shared" / "data"
READ = ("bars", "corporate_actions", "features", "signals", "ensemble_forecast", "regimes")
_NOBODY = MemoryModelBook.of({}, ())


def settings(models: str = "random_walk,ar1") -> Settings:
    """A home on the real bars, adjusted for splits and dividends."""
    chosen = Settings().with_value("models", models).with_value("source.name", "files")
    return chosen.with_value("source.data", str(SHARED)).with_value("source.basis", "fully_adjusted")


def given_tables(folder: Path, first: str, last: str) -> dict[str, pd.DataFrame]:
    """Everything that a trading session reads, from `folder` if it was made before."""
    kept = {table: folder / f"{table}.parquet" for table in READ}
    if not all(path.exists() for path in kept.values()):
        chosen, span = settings(), (calendar.session_of(first), calendar.session_of(last))
        plan = plan_of(chosen).up_to("signals")
        made = make_in_memory(chosen, plan, market_of(chosen, *span), *span, progress=told).store
        folder.mkdir(parents=True, exist_ok=True)
        for table, path in kept.items():
            made.read(table).to_parquet(path)
    return {table: pd.read_parquet(path) for table, path in kept.items()}


def traded(tables: dict[str, pd.DataFrame], first: str, last: str, rules: TradingRules) -> MemoryStore:
    """The store of a book that was traded from `first` to `last` by the line's own stage."""
    store = MemoryStore()
    for table, frame in tables.items():
        if len(frame):
            store.write({table: frame}, frame["session"].min(), frame["session"].max(), commit={})
    stage = trading_session_stage(rules)
    begin, end = calendar.session_of(first), calendar.session_of(last)
    plan = Plan((*(_given(table) for table in READ[2:]), stage))
    make_and_write(stage, plan, store, Request(begin, begin, end, _NOBODY))
    return store


def _given(table: str) -> Stage:
    def make(_moment: Moment, _inputs: Inputs) -> Outputs:
        raise NotImplementedError

    return Stage(table, (), (table,), make, starts="window" if table == "features" else "inception")


def told(stage: str, done: int, total: int) -> None:
    """Progress on standard error."""
    if done % 100 == 0 or done == total:
        sys.stderr.write(f"\r{stage}: {done} of {total}   " + ("\n" if done == total else ""))
        sys.stderr.flush()


__all__ = ["SHARED", "given_tables", "replace", "settings", "told", "traded"]
