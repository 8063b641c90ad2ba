"""The line without Dagster: for evaluation, fair markets, benchmarks and the resident live process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import pandas as pd

from models.forecasters.catalogue import train_book
from pipelines.settings import Settings
from pipelines.wiring import plan_of, source_of, specs_of
from trading import calendar
from trading.history import History
from trading.ingest import ALL_SYMBOLS
from trading.interfaces import Store
from trading.line import Progress, Request, run_line, silent
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.plan import Plan
from trading.stages.layout import FIVE_MINUTES
from trading.stages.models_book import MemoryModelBook
from trading.stages.stage import ModelBook
from trading.stages.windows import INTRADAY_LEAD
from trading.testing.memory_store import MemoryStore

Market = Mapping[str, pd.DataFrame]
NOBODY = MemoryModelBook.of({}, ())


def market_of(settings: Settings, first: pd.Timestamp, last: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Bars and corporate actions of a range and of all that leads up to it, bad rows kept apart."""
    begin = plan_of(settings).first_session("bars", first)
    source = source_of(settings)
    offered = [source.bars(ALL_SYMBOLS, begin, last)]
    if source.simulated and FIVE_MINUTES in settings.timeframes:
        offered.append(source.bars(ALL_SYMBOLS, calendar.shift(first, -INTRADAY_LEAD), last, FIVE_MINUTES))
    bars = [separate_bars(rows, basis=source.basis).accepted for rows in offered]
    actions = separate_actions(source.actions(ALL_SYMBOLS, begin, last))
    return {"bars": pd.concat(bars, ignore_index=True), "corporate_actions": actions.accepted}


@dataclass(frozen=True)
class Made:
    """What the in-memory line has made: the store with every table, and the versions trained on the way."""

    store: MemoryStore
    models: ModelBook


def run_in_memory(
    settings: Settings,
    first: pd.Timestamp,
    last: pd.Timestamp,
    *,
    market: Market | None = None,
    plan: Plan | None = None,
    progress: Progress = silent,
) -> MemoryStore:
    """Every table of the line over `first` to `last`, from `market` (the settings' own source if absent).

    Models are trained on the way, each on what was known at its quarter's end.
    """
    rows = market if market is not None else market_of(settings, first, last)
    return make_in_memory(settings, plan or plan_of(settings), rows, first, last, progress=progress).store


def make_in_memory(
    settings: Settings,
    plan: Plan,
    market: Market,
    first: pd.Timestamp,
    last: pd.Timestamp,
    *,
    progress: Progress = silent,
) -> Made:
    """The same of a plan and a market, with the versions."""
    store, books = MemoryStore(), [cast("ModelBook", NOBODY)]
    store.write(market, market["bars"]["session"].min(), last, commit={})

    def train(held: Store) -> ModelBook:
        books.append(trained_in_memory(settings, plan, held, first, last))
        return books[-1]

    run_line(plan, store, Request(first, first, last, NOBODY, progress), train)
    return Made(store, books[-1])


def trained_in_memory(
    settings: Settings, plan: Plan, store: Store, first: pd.Timestamp, last: pd.Timestamp
) -> ModelBook:
    """Versions of every model for the sessions from the burn-in to `last`, from the features in a store."""
    features = {
        timeframe: History.from_frame("features", store.read("features", timeframe=timeframe))
        for timeframe in settings.timeframes
    }
    begin = calendar.shift(first, -plan.burn_in_sessions)
    return train_book(specs_of(settings), features, begin, last)
