"""Do versions that learned from weeks say more of weeks than daily ones that are carried over? Real names, 2015 to June 2025.

    python benchmarks/measure_timeframes.py [--models ar1,ridge]

Every quarter's champion as the line has it, from windows of 104 weeks (AR(1)) or 208 (the others). Prices are
adjusted for splits and dividends.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd

from models.forecasters.catalogue import ModelSpec, model_specs, train_book
from pipelines.in_memory import market_of
from pipelines.settings import Settings
from trading import calendar
from trading.evaluation.relative_loss import relative_losses
from trading.history import History
from trading.line import Request, make_and_write
from trading.plan import Plan
from trading.stages.features import features_stage
from trading.stages.layout import WEEKLY
from trading.stages.models_book import MemoryModelBook
from trading.stages.version_losses import version_losses_stage
from trading.testing.memory_store import MemoryStore

SHARED = Path(__file__).parents[2] / "shared" / "data"
NOBODY = MemoryModelBook.of({}, ())


def plan_for(specs: tuple[ModelSpec, ...], timeframes: tuple[str, ...]) -> Plan:
    """Features, forecasts and losses, without a burn-in: there is nothing to calibrate."""
    losses = version_losses_stage([spec.name for spec in specs], timeframes)
    return Plan.of([features_stage(timeframes), *(spec.stage_of(timeframes) for spec in specs), losses], 0)


def losses_of(
    specs: tuple[ModelSpec, ...], store: MemoryStore, request: Request, timeframe: str
) -> pd.DataFrame:
    """What the champions' forecasts of bars of `timeframe` were worth."""
    bars = ("1D", timeframe)
    features = {name: History.from_frame("features", store.read("features", timeframe=name)) for name in bars}
    book = train_book(specs, features, request.first, request.last)
    plan = plan_for(specs, bars)
    for stage in plan.stages[1:]:
        make_and_write(stage, plan, store, replace(request, models=book))
    champions = [entry.version for entry in book.trained]
    losses = store.read("version_losses", timeframe=timeframe)
    spoke = {
        version.version: [version.is_champion(day) for day in losses["issued_session"].unique()]
        for version in champions
    }
    days = {day: place for place, day in enumerate(losses["issued_session"].unique())}
    kept = [
        spoke[row.version][days[row.issued_session]]
        for row in losses[["version", "issued_session"]].itertuples()
    ]
    return losses[kept]


def _weeks(spec: ModelSpec) -> dict[str, int]:
    """Bars to learn from, whatever the catalogue settled on; none of a zero-shot model."""
    if spec.cadence == "zero_shot":
        return {}
    return {WEEKLY: spec.training_bars.get(WEEKLY, 208)}


def main() -> None:
    """Print the table as Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", default="ar1,ridge")
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--first", default="2015-01-02")
    parser.add_argument("--last", default="2025-06-30")
    asked = parser.parse_args()
    first, last = calendar.session_of(asked.first), calendar.session_of(asked.last)
    given = model_specs(("random_walk", *asked.models.split(",")))
    learned = tuple(replace(spec, training_bars=_weeks(spec)) for spec in given)
    carried = tuple(replace(spec, training_bars={}) for spec in learned)
    settings = Settings().with_value("models", ",".join(spec.name for spec in learned))
    settings = settings.with_value("source.name", "files").with_value("source.data", str(asked.data))
    settings = settings.with_value("timeframes", f"1D,{WEEKLY}")
    begun = time.perf_counter()
    market, store = market_of(settings, first, last), MemoryStore()
    store.write(market, market["bars"]["session"].min(), last, commit={})
    plan = plan_for(learned, ("1D", WEEKLY))
    request = Request(first, first, last, NOBODY)
    make_and_write(plan.stages[0], plan, store, request)
    print("| model | learned from | horizon | pinball over the random walk's | 95 % | n |")
    print("|---|---|---|---|---|---|")
    for label, specs in (("1D, carried over", carried), (WEEKLY, learned)):
        found = relative_losses(losses_of(specs, store, request, WEEKLY))
        for row in found[found["model"] != "random_walk"].itertuples():
            print(
                f"| {row.model} | {label} | {row.horizon} | {row.relative:.3f} | {row.low:.3f} to {row.high:.3f} | {row.forecasts} |"
            )
    sys.stderr.write(f"{time.perf_counter() - begun:.0f} s\n")


if __name__ == "__main__":
    main()
