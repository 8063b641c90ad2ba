"""The leak analysis over the whole line: no honest stage moves, every mutant does; and how much history each needs."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipelines import leak_analysis
from pipelines.cli.main import status_of
from pipelines.leak_analysis import CLEAN, FOLLOWS, LEAK, caught_mutants, found_in, judged_assets, settings_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from trading import calendar
from trading.errors import UsageError
from trading.monitoring.canary import World
from trading.monitoring.leaks import moved_before
from trading.monitoring.warm_up import needs_of
from trading.plan import Plan
from trading.stages.stage import Inputs, Moment, Outputs
from trading.testing.mutants import MUTANTS, Mutant

Told = pytest.CaptureFixture[str]
Worlds = tuple[World, ...]
SMALL = settings_of()


@pytest.fixture(scope="module")
def worlds() -> Worlds:
    """Three lines of a minute's market: 10 s of processor, which every test here shares."""
    return leak_analysis.worlds_of(SMALL, plan_of(SMALL))


def test_no_honest_asset_sees_the_future(worlds: Worlds) -> None:
    judged = judged_assets(worlds)
    assert set(judged["asset"]) == set(worlds[0].plan.makers)
    assert set(judged["verdict"]) == {CLEAN}


def test_every_asset_differs_after_the_cut(worlds: Worlds) -> None:
    """A table that no future could move would be called clean whatever it is."""
    honest, other = worlds[0], worlds[1]
    moved = {
        table: moved_before(table, honest.table(table), other.table(table), honest.last)
        for table in honest.plan.makers
    }
    assert [table for table, leak in moved.items() if leak is None] == []


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_leak_is_caught_in_its_table_and_column(worlds: Worlds, mutant: Mutant) -> None:
    assert found_in(worlds, mutant)


def test_there_are_at_least_twenty_mutants_in_every_kind_of_stage() -> None:
    stages = {stage.name for stage in plan_of(SMALL).stages}
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 20
    assert stages - {mutant.stage for mutant in MUTANTS} == {"forecasts"}  # which only chooses


def test_a_stage_without_a_mistake_is_not_caught(worlds: Worlds) -> None:
    honest = Mutant("none", "signals", "signals", "alpha", lambda _, stage: stage.make)
    assert not caught_mutants(worlds, [honest])["caught"].any()


def test_a_shift_is_said_to_look_at_least_as_far_ahead_as_it_does(worlds: Worlds) -> None:
    (shift,) = (mutant for mutant in MUTANTS if mutant.name == "negative_shift")
    on_time = [leak for leak in found_in(worlds, shift) if leak.session > calendar.shift(worlds[1].first, 1)]
    assert max(leak.sessions_ahead for leak in on_time) >= 5


def spoiled(worlds: Worlds, *names: str) -> Worlds:
    """The worlds with the tables that some mutants make in the place of the honest ones."""
    out = []
    for world in worlds:
        changed = {}
        for mutant in (mutant for mutant in MUTANTS if mutant.name in names):
            changed |= world.again(mutant.of(world))
        out.append(replace(world, store=_Over(world.store, changed)))
    return tuple(out)


class _Over:
    """A store, some of its tables replaced."""

    def __init__(self, inner: object, changed: dict[str, pd.DataFrame]) -> None:
        self._inner, self._changed = inner, changed

    def read(self, table: str) -> pd.DataFrame:
        return self._changed[table] if table in self._changed else self._inner.read(table)  # type: ignore[attr-defined]


def test_what_reads_a_leak_is_told_from_where_the_future_came_in(worlds: Worlds) -> None:
    judged = judged_assets(spoiled(worlds, "target_in_the_forecast", "signal_of_tomorrows_forecast"))
    found = judged[judged["verdict"] != CLEAN].drop_duplicates("asset").set_index("asset")["verdict"]
    assert found.to_dict() == {"ensemble_forecast": LEAK, "signals": FOLLOWS}


def memory(weight: float) -> Callable[[Moment, Inputs], Outputs]:
    """A rule that carries a share of its last value on."""

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        before = inputs["ensemble_skill"]["average_product"]
        value = weight * (before[-1] if len(before) else 0.0) + 1.0
        zeros = {name: np.zeros(1) for name in ("average_square", "average_realized_square", "skill")}
        keys = {"timeframe": np.array(["1D"], dtype=object), "horizon": np.array([1], dtype=np.int64)}
        return {"ensemble_skill": keys | zeros | {"average_product": np.array([value]),
                                                  "observations": np.zeros(1, dtype=np.int64)}}  # fmt: skip

    return make


@pytest.mark.parametrize(("weight", "sessions"), [(0.0, 0), (0.5, 19)])
def test_a_fading_memory_needs_as_many_sessions_as_it_takes_to_fade(
    worlds: Worlds, weight: float, sessions: int
) -> None:
    """With a half carried on, what n + 1 sessions leave out of the sum of all is 2 ** -(n + 1) of it."""
    world = worlds[0]
    honest = world.plan.stage("ensemble_intervals")
    own = tuple(read for read in honest.keeps if read.table == "ensemble_skill")
    stage = replace(honest, reads=(), keeps=own, makes=("ensemble_skill",), make=memory(weight))
    rows = world.table("ensemble_skill").query("horizon == 1")
    zeros = dict.fromkeys(("average_square", "average_realized_square", "skill"), 0.0)
    settled = rows.assign(**zeros, observations=0, average_product=1.0 / (1.0 - weight))
    (need,) = needs_of(replace(world, store=_Over(world.store, {"ensemble_skill": settled})), stage, 45)
    assert (need.alike, need.unsettled) == (sessions, ())
    assert need.exact == (None if weight else 0)  # a half of a half is never nothing


def test_an_asset_needs_no_more_than_it_declares_where_it_has_no_memory(worlds: Worlds) -> None:
    world = worlds[0]
    found = {need.table: need for name in ("forecast_random_walk", "version_losses", "signals")
             for need in needs_of(world, world.plan.stage(name), 45)}  # fmt: skip
    assert not any(need.unsettled for need in found.values())
    assert {table: need.exact for table, need in found.items()} == {
        "forecast_random_walk": 62, "version_losses": 20, "signals": 0,
    }  # fmt: skip


def test_a_book_never_forgets_its_first_day(worlds: Worlds) -> None:
    world = worlds[0]
    needs = {need.table: need for need in needs_of(world, world.plan.stage("trading_session"), 5)}
    assert "equity_cents" in needs["performance"].unsettled


def test_the_command_names_asset_column_session_and_how_far_and_fails(
    monkeypatch: pytest.MonkeyPatch, worlds: Worlds, capfd: Told
) -> None:
    monkeypatch.setattr(
        leak_analysis, "worlds_of", lambda *_: spoiled(worlds, "alpha_for_those_who_will_win")
    )
    status = status_of(["leaks", "signals", "--format", "json"])
    (row,) = (row for row in json.loads(capfd.readouterr().out) if row["verdict"] == LEAK)
    assert status == 1
    assert (row["asset"], row["column"], row["sessions_ahead"]) == ("signals", "alpha", 11)
    assert row["session"] == "2024-03-19"


def test_the_command_says_that_one_asset_is_clean(
    monkeypatch: pytest.MonkeyPatch, worlds: Worlds, capfd: Told
) -> None:
    only = tuple(replace(world, plan=world.plan.up_to("graph")) for world in worlds)
    monkeypatch.setattr(leak_analysis, "worlds_of", lambda *_: only)
    status = status_of(["leaks", "graph_nodes", "--format", "csv"])
    assert (status, capfd.readouterr().out.splitlines()[1:]) == (0, ["graph_nodes,clean,,,"])


def test_the_command_plants_the_mutants_of_an_asset(
    monkeypatch: pytest.MonkeyPatch, worlds: Worlds, capfd: Told
) -> None:
    only = tuple(replace(world, plan=world.plan.up_to("graph")) for world in worlds)
    monkeypatch.setattr(leak_analysis, "worlds_of", lambda *_: only)
    status = status_of(["leaks", "graph_nodes", "--mutants", "--format", "json"])
    (row,) = json.loads(capfd.readouterr().out)
    assert (status, row["mutant"], row["caught"]) == (0, "correlation_of_the_weeks_around", True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing_like_it"], "there is no asset 'nothing_like_it'"),
        (["signals", "--time", "day"], "belong to a file"),
        (["a.csv", "--mutants"], "belong to assets"),
        (["a.csv"], "needs --time COLUMN"),
    ],
)
def test_a_wrong_use_of_the_command_is_told(words: list[str], said: str, capfd: Told) -> None:
    assert status_of(["leaks", *words]) == 2
    assert said in capfd.readouterr().err


def test_an_asset_may_be_named_by_its_stage_and_nothing_else() -> None:
    assert leak_analysis.plan_up_to(SMALL, "orders").stages[-1].name == "trading_session"
    assert leak_analysis.plan_up_to(SMALL, "graph").stages[-1].name == "graph"
    with pytest.raises(UsageError, match="there is no asset 'bars'"):
        leak_analysis.plan_up_to(Settings(), "bars")
    assert isinstance(leak_analysis.plan_up_to(SMALL, None), Plan)
