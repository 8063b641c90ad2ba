"""Does any asset see the future? Asked of SIMULATED markets in memory, and of mutants that do.

The market begins, and the line is made, three times: once as it is, and once for each cut with another future
after it. Bars and corporate actions come late and are revised on both sides of the cuts.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import pandas as pd

from pipelines.in_memory import Market, make_in_memory, market_of
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from trading import calendar
from trading.errors import UsageError
from trading.line import Progress, silent
from trading.monitoring.canary import Finding, World, leaks_between, leaks_of
from trading.monitoring.leaks import Leak, another_future
from trading.monitoring.warm_up import Need, needs_of
from trading.plan import Plan
from trading.testing.mutants import MUTANTS, Mutant
from trading.testing.restless_market import restless

# The range crosses a quarter's end, so that models are trained and the regimes refitted within it. The quarter's
# versions are trained after the first cut, which is a Monday: what it decides is filled in the session after it.
FIRST, LAST = calendar.session_of("2024-03-18"), calendar.session_of("2024-04-10")
CUTS = (calendar.session_of("2024-03-25"), calendar.session_of("2024-04-03"))
FAST_MODELS = ("random_walk", "ar1")
BURN_IN_SESSIONS = 45
CLEAN, LEAK, FOLLOWS = "clean", "leak", "follows from a leak"
FOUND = ("asset", "verdict", "column", "session", "sessions_ahead")
WITHIN, LONGER = "within what it declares", "its own past carries on"
NEEDED = ("asset", "declared", "alike", "exact", "verdict", "unsettled")
CAUGHT = ("mutant", "caught", "asset", "column", "session", "sessions_ahead", "seconds")


def settings_of(models: Sequence[str] = FAST_MODELS) -> Settings:
    """Settings of a line that is quick to make and leaves no stage out; a challenger trades beside the strategy."""
    line = Settings(models=tuple(models), burn_in_sessions=BURN_IN_SESSIONS).with_value(
        "regimes.hmm.starts", 2
    )
    return line.with_value("strategies.b.signals.selection", "tilt")


def plan_up_to(settings: Settings, asset: str | None) -> Plan:
    """The plan, or of it what `asset` (a table or a stage) follows from.

    Raises
    ------
    UsageError
        If nothing makes it.
    """
    plan = plan_of(settings)
    if asset is None:
        return plan
    if asset in plan.makers:
        return plan.up_to(plan.makers[asset].name)
    if asset in {stage.name for stage in plan.stages}:
        return plan.up_to(asset)
    raise UsageError(f"there is no asset {asset!r}; there are {', '.join(plan.makers)}")


def worlds_of(settings: Settings, plan: Plan, progress: Progress = silent) -> tuple[World, ...]:
    """The world as it is, and those with another future after each cut."""
    market = restless(market_of(settings, FIRST, LAST), *CUTS)
    markets: list[tuple[Market, pd.Timestamp | None]] = [(market, None)]
    markets += [(another_future(market, cut), cut) for cut in CUTS]
    return tuple(_world(settings, plan, rows, cut, progress) for rows, cut in markets)


def _world(
    settings: Settings, plan: Plan, market: Market, cut: pd.Timestamp | None, progress: Progress
) -> World:
    made = make_in_memory(settings, plan, market, FIRST, LAST, progress=progress)
    return World(market, plan, made.store, made.models, FIRST, LAST, cut)


def judged_assets(worlds: Sequence[World], asset: str | None = None) -> pd.DataFrame:
    """One row a column that sees the future, and one for each asset that does not; the furthest look of all cuts."""
    found = [finding for other in worlds[1:] for finding in leaks_between(worlds[0], other)]
    rows = [row for table in worlds[0].plan.makers for row in _verdicts(table, found)]
    frame = pd.DataFrame(rows, columns=list(FOUND)).astype({"sessions_ahead": "Int64"})
    stage = worlds[0].plan.stages[-1] if asset else None
    mine = [asset] if asset in worlds[0].plan.makers else list(stage.makes if stage else ())
    return frame[frame["asset"].isin(mine) | frame["verdict"].ne(CLEAN)] if asset else frame


def _verdicts(table: str, found: Iterable[Finding]) -> list[tuple[object, ...]]:
    mine = [finding for finding in found if finding.leak.table == table]
    if not mine:
        return [(table, CLEAN, "", pd.NaT, None)]
    furthest = max(mine, key=lambda finding: finding.leak.sessions_ahead)
    verdict = LEAK if any(finding.is_source for finding in mine) else FOLLOWS
    columns = dict.fromkeys(column for finding in mine for column in finding.leak.columns or ("",))
    leak = furthest.leak
    return [(table, verdict, column, leak.session, leak.sessions_ahead) for column in columns]


def caught_mutants(worlds: Sequence[World], mutants: Iterable[Mutant] = MUTANTS) -> pd.DataFrame:
    """One row a mutant of the stages that are there: caught or not, where, how far it looked, and in what time."""
    stages = {stage.name for stage in worlds[0].plan.stages}
    rows = [_caught(worlds, mutant) for mutant in mutants if mutant.stage in stages]
    return pd.DataFrame(rows, columns=list(CAUGHT)).astype({"sessions_ahead": "Int64"})


def _caught(worlds: Sequence[World], mutant: Mutant) -> tuple[object, ...]:
    begun = time.process_time()
    leaks = found_in(worlds, mutant)
    seconds = round(time.process_time() - begun, 2)
    if not leaks:
        return (mutant.name, False, mutant.table, mutant.column, pd.NaT, None, seconds)
    furthest = max(leaks, key=lambda leak: leak.sessions_ahead)
    where = (mutant.table, mutant.column, furthest.session, furthest.sessions_ahead)
    return (mutant.name, True, *where, seconds)


def found_in(worlds: Sequence[World], mutant: Mutant) -> list[Leak]:
    """Leaks in the mutant's own table and column; what else moves with them does not count."""
    found = leaks_of(mutant.of, worlds)
    return [leak for leak in found if leak.table == mutant.table and _names(leak, mutant.column)]


def _names(leak: Leak, column: str) -> bool:
    return column in leak.columns or (not column and not leak.columns)


def mutants_of(plan: Plan, asset: str | None) -> tuple[Mutant, ...]:
    """The mutants of the stage that makes `asset`, or of every stage of the plan."""
    stages = {stage.name for stage in (plan.stages if asset is None else plan.stages[-1:])}
    return tuple(mutant for mutant in MUTANTS if mutant.stage in stages)


def warm_up(settings: Settings, asset: str | None = None, progress: Progress = silent) -> pd.DataFrame:
    """One row a table: sessions of history that its stage declares, and those that its values follow from.

    The stage is made again with everything before a later and later start taken away. What it is given is right:
    a stage's need does not hold those of the stages before it.
    """
    plan = plan_up_to(settings, asset)
    market = market_of(settings, FIRST, LAST)
    world = _world(settings, plan, market, None, progress)
    longest = settings.burn_in_sessions
    judged = [need for stage in plan.stages for need in needs_of(world, stage, longest)]
    rows = [(need.table, need.declared, need.alike, need.exact, *_settling(need)) for need in judged]
    frame = pd.DataFrame(rows, columns=list(NEEDED)).astype({"exact": "Int64"})
    return frame[frame["asset"].isin(plan.stages[-1].makes)] if asset else frame


def _settling(need: Need) -> tuple[str, str]:
    if need.unsettled:
        return f"changes beyond {need.longest}", ", ".join(need.unsettled)
    if need.longest and need.longest < need.declared and need.alike == need.longest:
        return f"needs all {need.longest} that there were", ""
    return (WITHIN if need.alike <= need.declared else LONGER), ""
