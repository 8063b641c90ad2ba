"""The leak canary within a session: no bar that ended by a moment may have seen a later one, for any model."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.forecasters.catalogue import CATALOGUE
from pipelines.in_memory import market_of, run_in_memory
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from trading import calendar
from trading.interfaces import Window
from trading.monitoring.leaks import Leak, Market, another_afternoon, find_intraday_leaks
from trading.plan import Plan
from trading.stages import windows
from trading.stages.stage import Inputs, Moment, Outputs

CHEAP = ("random_walk", "ar1")
# Wednesday to Friday: a week ends after the cut, and forecasts mature across a close before it.
FIRST, LAST = calendar.session_of("2024-04-03"), calendar.session_of("2024-04-05")
NOON = pd.Timestamp("2024-04-04 16:02", tz="UTC")  # in the middle of a bar, which nobody may know yet
OPENING = pd.Timestamp("2024-04-04 13:36", tz="UTC")
Change = Callable[[Moment, dict[str, np.ndarray]], None]


def settings_of(*models: str) -> Settings:
    return Settings(models=models, burn_in_sessions=1, timeframes=("1D", "1W", "5min"))


SMALL = settings_of(*CHEAP)
PLAN = plan_of(SMALL).up_to("version_losses")


@pytest.fixture(scope="module")
def market() -> Market:
    return market_of(SMALL, FIRST, LAST)


def tables_of(world: Market, plan: Plan, settings: Settings) -> Market:
    store = run_in_memory(settings, FIRST, LAST, market=world, plan=plan)
    return {table: store.read(table) for table in plan.makers}


def leaks(market: Market, plan: Plan, settings: Settings = SMALL) -> list[Leak]:
    return find_intraday_leaks(lambda world: tables_of(world, plan, settings), market, NOON)


def test_the_other_afternoon_has_the_same_morning(market: Market) -> None:
    bars, other = (world["bars"] for world in (market, another_afternoon(market, NOON)))
    five = bars["timeframe"].eq("5min").to_numpy()
    early = bars["ts"] + pd.Timedelta("5min") <= NOON
    assert bars[five & early].equals(other[five & early])
    assert not (bars.loc[five & ~early, "close"] == other.loc[five & ~early, "close"]).any()
    assert (bars.loc[~five & (bars["session"] < FIRST), "close"]).equals(
        other.loc[~five & (bars["session"] < FIRST), "close"]
    )


@pytest.fixture(scope="module")
def made(market: Market) -> Market:
    return tables_of(market, PLAN, SMALL)


@pytest.mark.parametrize("moment", [NOON, OPENING], ids=["noon", "opening"])
def test_no_bar_has_seen_a_later_one(market: Market, made: Market, moment: pd.Timestamp) -> None:
    def make(world: Market) -> Market:
        return made if world is market else tables_of(world, PLAN, SMALL)

    assert find_intraday_leaks(make, market, moment) == []


def test_there_is_something_to_see(made: Market) -> None:
    for table in ("features", "forecast_random_walk", "forecast_ar1", "version_losses"):
        rows = made[table][made[table]["timeframe"].eq("5min").to_numpy()]
        by_noon = rows[(rows["ts"] < NOON).to_numpy()]
        assert by_noon["session"].max() == calendar.shift(FIRST, 1)


def mutant(change: Change) -> Plan:
    """The plan up to the features, whose five-minute rows `change` spoils."""
    honest = PLAN.stage("features")

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        rows = {name: np.array(values) for name, values in honest.make(moment, inputs)["features"].items()}
        change(moment, rows)
        return {"features": rows}

    stages = [dataclasses.replace(s, make=make) if s is honest else s for s in PLAN.stages]
    return Plan.of(stages, PLAN.burn_in_sessions).up_to("features")


def test_a_feature_of_the_whole_session_is_caught(market: Market) -> None:
    def change(_moment: Moment, rows: dict[str, np.ndarray]) -> None:
        five = rows["timeframe"] == "5min"
        if five.any():
            rows["momentum_21"][five] = np.nanmean(rows["log_return"][five])  # the session's own mean

    (leak,) = leaks(market, plan=mutant(change))
    assert (leak.table, leak.columns, leak.session) == (
        "features",
        ("momentum_21",),
        calendar.shift(FIRST, 1),
    )


def test_a_daily_bar_seen_at_noon_is_caught(market: Market) -> None:
    def change(_moment: Moment, rows: dict[str, np.ndarray]) -> None:
        daily = dict(zip(rows["symbol"], rows["log_return"], strict=False))  # daily rows come first
        five = rows["timeframe"] == "5min"
        rows["overnight_return"][five] = [daily[symbol] for symbol in rows["symbol"][five]]

    assert [leak.columns for leak in leaks(market, plan=mutant(change))] == [("overnight_return",)]


def test_a_window_that_ends_a_bar_late_is_caught(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = windows.BarCells.window

    def late(cells: windows.BarCells, stop: int, *rest: Any) -> Window:
        return honest(cells, min(stop + 1, len(cells.stamps)), *rest)

    monkeypatch.setattr(windows.BarCells, "window", late)
    (leak,) = leaks(market, plan=PLAN.up_to("forecast_random_walk"), settings=settings_of("random_walk"))
    assert (leak.table, leak.session) == ("forecast_random_walk", calendar.shift(FIRST, 1))


@pytest.mark.nightly  # networks forecast 78 bars a session in each of two worlds
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("model", [spec.name for spec in CATALOGUE if spec.name not in CHEAP])
def test_no_model_of_the_catalogue_sees_a_later_bar(model: str) -> None:
    settings = settings_of(model)
    plan = plan_of(settings).up_to(f"forecast_{model}")
    assert leaks(market_of(settings, FIRST, LAST), plan, settings) == []
