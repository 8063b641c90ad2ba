"""The leak canary over worlds: markets that agree up to a cut, what the line made of each, and what moved.

A world holds every table, so a stage that is suspected (or spoiled on purpose) is made again alone, on what
the honest line had made before it, and not the whole line with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from trading import calendar
from trading.interfaces import Store
from trading.line import Request, make_range
from trading.monitoring.leaks import Leak, Market, moved_before
from trading.plan import Plan
from trading.stages.stage import ModelBook, Stage

FILLED, PRICED = "fills", "price"


@dataclass(frozen=True)
class World:
    """A market, and what the line made of it over `first` to `last`.

    Attributes
    ----------
    market : bars and corporate actions, everything that is ever known of them
    store : every table that `plan` makes, with what leads up to `first`
    models : the versions trained on the way
    cut : up to `as_of` of this session the world is like the one before; None for that one itself
    """

    market: Market
    plan: Plan
    store: Store
    models: ModelBook
    first: pd.Timestamp
    last: pd.Timestamp
    cut: pd.Timestamp | None = None

    def table(self, name: str) -> pd.DataFrame:
        """Every row of a table."""
        return self.store.read(name)

    def again(self, stage: Stage) -> dict[str, pd.DataFrame]:
        """What `stage` makes in each session after `first`, of the tables that are there."""
        start = calendar.shift(self.first, 1)  # the first session itself would ask for the whole burn-in
        stages = [stage if honest.name == stage.name else honest for honest in self.plan.stages]
        plan = Plan.of(stages, self.plan.burn_in_sessions)
        return make_range(stage, plan, self.store, Request(self.first, start, self.last, self.models))


@dataclass(frozen=True)
class Finding:
    """A leak, and whether it is where the future came in or only what follows from there."""

    leak: Leak
    is_source: bool


def leaks_between(one: World, other: World) -> list[Finding]:
    """Every table of which a row up to `other.cut` moved, in causal order; a source reads nothing that moved."""
    cut = _cut(other)
    moved = {
        table: leak
        for table in one.plan.makers
        if (leak := judged(table, one.table(table), other.table(table), cut)) is not None
    }
    return [Finding(leak, not _follows(one.plan, leak, moved)) for leak in moved.values()]


def _follows(plan: Plan, leak: Leak, moved: Mapping[str, Leak]) -> bool:
    """Whether a table that this one is made of moved too, of its own stage's memory one that moved before."""
    stage = plan.makers[leak.table]
    earlier = {read.table for read in stage.keeps if read.table in moved and _before(moved[read.table], leak)}
    return bool(set(stage.causes_of(leak.table)) & set(moved) or earlier)


def _before(one: Leak, other: Leak) -> bool:
    return one.table != other.table and one.session < other.session


def leaks_of(stage_in: Callable[[World], Stage], worlds: Sequence[World]) -> list[Leak]:
    """Where a stage, put in the place of the one of its name, sees past a cut of the worlds after the first.

    `stage_in` gives it in each world: what cheats may know the world's whole market.
    """
    before = worlds[0].again(stage_in(worlds[0]))
    found = []
    for other in worlds[1:]:
        after = other.again(stage_in(other))
        leaks = (judged(table, before[table], after[table], _cut(other)) for table in before)
        found += [leak for leak in leaks if leak is not None]
    return found


def judged(table: str, one: pd.DataFrame, other: pd.DataFrame, cut: pd.Timestamp) -> Leak | None:
    """What moved up to the cut; of fills also what did not move after it, and had to."""
    leak = moved_before(table, one, other, cut)
    return known_prices(one, other, cut) if leak is None and table == FILLED else leak


def known_prices(one: pd.DataFrame, other: pd.DataFrame, cut: pd.Timestamp) -> Leak | None:
    """Fills of the session after the cut at prices of before it: nobody trades at what was known when deciding.

    Every bar after the cut is another one in the two worlds, so a price of one of them cannot be the same.
    """
    due = calendar.shift(cut, 1)
    prices = [
        frame[(frame["session"] == due).to_numpy()].set_index("order_id")[PRICED] for frame in (one, other)
    ]
    both = pd.concat(prices, axis=1, join="inner").to_numpy()
    return Leak(FILLED, (PRICED,), due, 1) if (both[:, 0] == both[:, 1]).any() else None


def _cut(world: World) -> pd.Timestamp:
    if world.cut is None:
        raise ValueError("the first world has no cut")
    return world.cut
