"""A variant of a line that was made already: only the stages that the variant changes are made again.

A stage is shared if it was told the same (`wiring.parts_of`), if it begins in the same session, and if
everything that it reads is shared. Versions of models are shared if every model's stage is.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from pipelines.in_memory import Made, Market, make_in_memory, trained_in_memory
from pipelines.settings import Settings
from pipelines.wiring import Part, parts_of
from trading.frames import FORECAST_PREFIX
from trading.line import Progress, Request, make_and_write, silent
from trading.plan import SOURCES, Plan


@dataclass(frozen=True)
class Line:
    """A line that was made in memory, ready to share what it holds.

    Attributes
    ----------
    first, last : traded sessions
    """

    settings: Settings
    plan: Plan
    made: Made
    first: pd.Timestamp
    last: pd.Timestamp


def plan_from(parts: tuple[Part, ...], settings: Settings) -> Plan:
    """The plan of parts."""
    return Plan.of((part.stage for part in parts), settings.burn_in_sessions)


def made_line(
    settings: Settings,
    market: Market,
    first: pd.Timestamp,
    last: pd.Timestamp,
    progress: Progress = silent,
) -> Line:
    """The whole line in memory."""
    plan = plan_from(parts_of(settings), settings)
    made = make_in_memory(settings, plan, market, first, last, progress=progress)
    return Line(settings, plan, made, first, last)


def changed_stages(base: Settings, variant: Settings) -> tuple[str, ...]:
    """Names of the stages of `variant` that cannot be taken from `base`, in causal order."""
    own, other = parts_of(variant), parts_of(base)
    plan, before = plan_from(own, variant), plan_from(other, base)
    told = {part.stage.name: part.told for part in other}
    alike = {part.stage.name for part in own if told.get(part.stage.name) == part.told}
    changed: list[str] = []
    for stage in plan.stages:
        makers = {plan.makers[read.table].name for read in stage.reads if read.table not in SOURCES}
        if stage.name in alike and not makers & {*changed} and _begins_alike(stage.name, plan, before):
            continue
        changed.append(stage.name)
    return tuple(changed)


def _begins_alike(name: str, plan: Plan, before: Plan) -> bool:
    """Whether the sessions that one plan makes are those of the other, or the last of them where nothing is kept."""
    one, other = plan.lead(name), before.lead(name)
    return one == other or (one < other and not plan.stage(name).keeps)


def made_variant(base: Line, variant: Settings, progress: Progress = silent) -> Line:
    """The line of `variant` on the market of `base`; every table has the bytes of one that was made alone.

    Tables that begin earlier in `base` than they would in a line of its own keep those sessions.
    """
    plan = plan_from(parts_of(variant), variant)
    changed = changed_stages(base.settings, variant)
    shared = [table for table, stage in plan.makers.items() if stage.name not in changed]
    store, models = base.made.store.sharing((*SOURCES, *shared)), base.made.models
    for name in changed:
        if name.startswith(FORECAST_PREFIX) and models is base.made.models:
            models = trained_in_memory(variant, plan, store, base.first, base.last)
        request = Request(base.first, base.first, base.last, models, progress)
        make_and_write(plan.stage(name), plan, store, request)
    return Line(variant, plan, Made(store, models), base.first, base.last)


def sessions_to_make(
    settings: Settings, first: pd.Timestamp, last: pd.Timestamp, base: Settings | None
) -> int:
    """Sessions of all stages that are made for a line, alone or beside its base, for a bar of progress."""
    plan = plan_from(parts_of(settings), settings)
    names = [stage.name for stage in plan.stages] if base is None else changed_stages(base, settings)
    return sum(len(plan.sessions(name, first, first, last)) for name in names)
