"""The order of the stages, and from when each must be made: both follow from the declarations."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import pandas as pd

from trading import calendar
from trading.errors import UsageError
from trading.stages.stage import Read, Stage

SOURCES: tuple[str, ...] = ("bars", "corporate_actions")
BURN_IN_SESSIONS = 300


@dataclass(frozen=True)
class Plan:
    """All stages in causal order, and how far before inception each begins.

    Attributes
    ----------
    stages : in an order in which every stage comes after what it reads
    burn_in_sessions : how long calibrators, weights and regimes walk before the first trade
    """

    stages: tuple[Stage, ...]
    burn_in_sessions: int = BURN_IN_SESSIONS

    @classmethod
    def of(cls, stages: Iterable[Stage], burn_in_sessions: int = BURN_IN_SESSIONS) -> Plan:
        """The plan of `stages` in any order.

        Raises
        ------
        UsageError
            If a table has two makers or none, if the stages read in a circle, or if one reads a
            table that begins later than itself.
        """
        plan = cls(_sorted(tuple(stages)), burn_in_sessions)
        plan.leads  # noqa: B018  # a plan that cannot be laid out must not exist
        return plan

    def stage(self, name: str) -> Stage:
        """The stage of that name."""
        for stage in self.stages:
            if stage.name == name:
                return stage
        raise UsageError(
            f"there is no stage {name!r}; the stages are {', '.join(s.name for s in self.stages)}"
        )

    def up_to(self, name: str) -> Plan:
        """The plan of stage `name` and of all that it follows from, and nothing else."""
        wanted = {name}
        for stage in reversed(self.stages):
            if stage.name in wanted:
                wanted |= {self.makers[read.table].name for read in stage.reads if read.table in self.makers}
        return Plan(tuple(stage for stage in self.stages if stage.name in wanted), self.burn_in_sessions)

    @functools.cached_property
    def makers(self) -> dict[str, Stage]:
        """The stage that makes each table."""
        return {table: stage for stage in self.stages for table in stage.makes}

    @functools.cached_property
    def tables(self) -> tuple[str, ...]:
        """Every table of the line in causal order, the sources first."""
        return (*SOURCES, *self.makers)

    @functools.cached_property
    def leads(self) -> dict[str, int]:
        """How many sessions before inception each table begins."""
        leads = dict.fromkeys(SOURCES, 0)
        fixed = {"inception": 0, "burn_in": self.burn_in_sessions, "window": 0}
        leads |= {table: fixed[stage.starts] for stage in self.stages for table in stage.makes}
        for stage in reversed(self.stages):
            own = max(leads[table] for table in stage.makes)
            leads |= dict.fromkeys(stage.makes, own)
            for read in stage.reads:
                self._extend(leads, read, stage, own)
        return leads

    def _extend(self, leads: dict[str, int], read: Read, stage: Stage, own: int) -> None:
        maker = self.makers.get(read.table)
        if maker is None or maker.starts == "window":
            leads[read.table] = max(leads[read.table], own + read.depth)
        elif leads[read.table] < own:
            raise UsageError(
                f"{stage.name} begins {own} sessions before inception, but reads {read.table}, which begins later"
            )

    def lead(self, name: str) -> int:
        """Sessions before inception at which stage or source `name` begins."""
        table = name if name in self.leads else self.stage(name).makes[0]
        return self.leads[table]

    def first_session(self, name: str, inception: pd.Timestamp) -> pd.Timestamp:
        """The first session that stage or source `name` is ever made for in a home."""
        return calendar.shift(inception, -self.lead(name))

    def sessions(
        self, name: str, inception: pd.Timestamp, first: pd.Timestamp, last: pd.Timestamp
    ) -> pd.DatetimeIndex:
        """Sessions to make when `first` to `last` are asked for: from inception on, what leads up to it as well.

        Raises
        ------
        UsageError
            If the range begins before inception.
        """
        if first < inception:
            raise UsageError(
                f"this home begins at {inception:%Y-%m-%d}; to begin at {first:%Y-%m-%d}, run again with --rebuild"
            )
        start = self.first_session(name, inception) if first == inception else first
        return calendar.sessions_between(start, last)


def _sorted(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    makers: dict[str, Stage] = {}
    for stage in stages:
        for table in stage.makes:
            if table in makers or table in SOURCES:
                raise UsageError(f"table {table!r} has two makers")
            makers[table] = stage
    wanted = {stage.name: [_maker(makers, stage, read) for read in stage.reads] for stage in stages}
    sorter = TopologicalSorter({name: [m for m in names if m] for name, names in wanted.items()})
    try:
        order = list(sorter.static_order())
    except CycleError as error:
        raise UsageError(f"the stages read in a circle: {' <- '.join(error.args[1])}") from None
    rank = {stage.name: place for place, stage in enumerate(stages)}
    return tuple(sorted(stages, key=lambda stage: (order.index(stage.name), rank[stage.name])))


def _maker(makers: dict[str, Stage], stage: Stage, read: Read) -> str | None:
    if read.table in SOURCES:
        return None
    if read.table not in makers:
        raise UsageError(f"stage {stage.name!r} reads {read.table!r}, which nothing makes")
    return makers[read.table].name
