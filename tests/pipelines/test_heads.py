"""How far a home is while five-minute bars of a session come in that nobody can make yet."""

from pathlib import Path

import pandas as pd

from pipelines.cli.status import progress_of
from pipelines.definitions import heads_of
from pipelines.heads import heads_in
from pipelines.ingest.live import live
from pipelines.sensors import sessions_behind
from pipelines.settings import Settings
from pipelines.wiring import Workshop, plan_of
from resources.home import Home
from resources.sources.simulated_live import SimulatedLiveBars
from trading import calendar
from trading.testing.example_rows import example
from trading.testing.market import SimulatedMarket
from trading.testing.memory_store import MemoryStore

MADE = calendar.session_of("2024-07-02")
TODAY = calendar.shift(MADE, 1)
SETTINGS = Settings().with_value("models", ("random_walk",))


def test_a_feed_of_today_asks_for_no_run_and_leaves_no_stage_behind(tmp_path: Path) -> None:
    workshop = Workshop.of(Home.open_or_create(tmp_path), SETTINGS)
    opened = workshop.open()
    bars = SimulatedMarket().bars(("NVDA",), MADE, MADE)
    made = {"bars": bars, "performance": example("performance", MADE, MADE)}
    opened.store.write(made, MADE, MADE, commit={})

    live(opened, SimulatedLiveBars(first=TODAY), symbols=("NVDA",))

    heads = heads_of(workshop)
    assert heads["bars"] == heads["performance"] == MADE
    assert sessions_behind(heads) is None
    assert progress_of(plan_of(SETTINGS), opened.store.commits()).heads["bars"] == MADE


def test_daily_bars_that_lie_far_behind_are_found_and_none_at_all_is_no_head() -> None:
    store, late = MemoryStore(), calendar.shift(MADE, 40)
    five = SimulatedMarket().bars(("NVDA",), late, late, "5min")
    store.write({"bars": five}, late, late, commit={})
    none = heads_in(store)["bars"]
    store.write({"bars": SimulatedMarket().bars(("NVDA",), MADE, MADE)}, MADE, MADE, commit={})

    assert none is pd.NaT
    assert heads_in(store)["bars"] == MADE
