"""Where answers are taken in: the one writer of a load, which separates, dates and stores chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from pipelines.ingest.tally import Tally, tally_of
from resources import arrivals
from resources.store import HomeStore
from trading import calendar, frames, market_hours
from trading.features.filling import count_filled
from trading.ingest import Load, dated_by_arrival, loads_of
from trading.interfaces import Clock, MarketDataSource
from trading.monitoring import bar_rules
from trading.monitoring.separation import Separation
from trading.revisions import additions
from trading.stages.layout import DAILY

TABLES: tuple[str, ...] = ("bars", "extended_bars", "corporate_actions", "earnings")
NEIGHBOURS = 10  # sessions before a load whose dividends may be listed a second time in it
_EARLIEST, _LATEST = pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1)


@dataclass(frozen=True)
class Taken:
    """One chunk taken apart: the valid rows of each table, and those for quarantine."""

    load: Load
    accepted: Mapping[str, pd.DataFrame]
    bad: pd.DataFrame


@dataclass(frozen=True)
class Desk:
    """The store and source of a home while a load lasts.

    Attributes
    ----------
    clock : says when rows came in
    commit : what each commit tells beside its load
    before : of each table, what was loaded before this load began; its own chunks never overlap
    """

    store: HomeStore
    source: MarketDataSource
    clock: Clock
    commit: Mapping[str, str] = field(default_factory=dict)
    before: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(cls, store: HomeStore, source: MarketDataSource, clock: Clock, commit: Mapping[str, str]) -> Desk:
        """The desk of a home as it is now."""
        commits = store.commits()
        before = {table: loads_of(table, commits, _EARLIEST, _LATEST) for table in TABLES}
        return cls(store, source, clock, commit, before)

    def take_apart(self, load: Load, rows: pd.DataFrame) -> Taken:
        """Valid rows and bad ones. Valid rows of other sessions than were asked for are left to their own load.

        Raises
        ------
        DataError
            If the rows are not what their table is made of.
        """
        parts = {
            "bars": self._bars,
            "corporate_actions": self._actions,
            "earnings": self._earnings,
        }[load.table](load, rows)
        asked = {
            table: part.accepted[part.accepted["session"].between(load.first, load.last).to_numpy()]
            for table, part in parts.items()
        }
        bad = [part.quarantined for part in parts.values() if len(part.quarantined)]
        return Taken(load, asked, pd.concat(bad) if bad else frames.empty("quarantine"))

    def store_all(self, taken: Taken) -> list[Tally]:
        """Write a chunk in one transaction, and count what became of its rows."""
        now, tallies, dated = self.clock(), [], {}
        for table, accepted in taken.accepted.items():
            stored = arrivals.stored_before(taken.load, table, accepted, self.store, self.before[table])
            dated[table] = dated_by_arrival(table, accepted, stored, self.before[table], now)
            new = additions(table, stored, dated[table], lambda: now)
            bad = taken.bad[(taken.bad["table"] == table).to_numpy()]
            kept = self._unseen(bad)
            tallies.append(tally_of(table, accepted, new, stored, kept))
            tallies.append(Tally(table, duplicates=len(bad) - len(kept)))
        arrivals.record(taken.load, dated, taken.bad, self.store, self.commit, now=now)
        if "bars" in taken.accepted:
            filled = int(count_filled(taken.accepted["bars"])["filled"].sum())
            tallies.append(Tally("bars", filled=filled))
        return tallies

    def _unseen(self, bad: pd.DataFrame) -> pd.DataFrame:
        """The rows for quarantine that are not in it already: one that comes again is no second one."""
        if bad.empty:
            return bad
        known = self.store.read("quarantine", bad["session"].min(), bad["session"].max())
        return additions("quarantine", known, bad)

    def _bars(self, load: Load, rows: pd.DataFrame) -> dict[str, Separation]:
        regular, extended = market_hours.by_phase(rows)
        basis = self.source.basis if load.timeframe == DAILY else None
        bounds = {"symbols": load.symbols, "now": self.clock()}
        return {
            "bars": bar_rules.separate_bars(regular, basis=basis, **bounds),
            "extended_bars": bar_rules.separate_extended_bars(extended, **bounds),
        }

    def _actions(self, load: Load, rows: pd.DataFrame) -> dict[str, Separation]:
        before = calendar.near(load.first, -1)
        known = self.store.read("corporate_actions", calendar.near(before, -NEIGHBOURS), before)
        return {"corporate_actions": bar_rules.separate_actions(rows, known, symbols=load.symbols)}

    def _earnings(self, _load: Load, rows: pd.DataFrame) -> dict[str, Separation]:
        """A source may tell no more than the surprise."""
        declared = frames.table_of("earnings").dtypes
        usual = {"release": "unknown", "estimate": float("nan"), "actual": float("nan")}
        whole = rows.assign(**{name: value for name, value in usual.items() if name not in rows})
        whole = whole.assign(source=self.source.name) if "source" not in whole else whole
        trading = whole["session"].map(calendar.is_session).astype(bool)
        typed = whole.loc[trading, list(declared)].astype(declared)
        return {"earnings": Separation(frames.validated("earnings", typed), frames.empty("quarantine"))}
