"""Ask a second vendor for the bars that a home holds, and keep what both say beside each other.

Nothing of the second vendor enters `bars`, `corporate_actions` or quarantine: its rows are judged by the same rules,
those that break one are left out, and what remains is compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from pipelines.ingest import chunks
from resources import assessment
from resources.store import HomeStore
from trading import calendar, frames, market_hours
from trading.errors import FablineError, UsageError
from trading.ingest import ALL_SYMBOLS, Load
from trading.interfaces import Clock, MarketDataSource
from trading.monitoring import bar_rules
from trading.monitoring.vendors import BAR, Known, Sides, between_vendors
from trading.stages.layout import DAILY

COLUMNS = (
    *("symbol", "timeframe", "left", "right", "compared_by", "bars", "values", "agreed", "disagreed"),
    *("only_left", "only_right", "kept_out"),
)
Row = dict[str, str | int]
Tell = Callable[[int, int], None]


def silent(_done: int, _total: int) -> None:
    """Report progress to nobody."""


@dataclass
class Opinions:
    """What a comparison came to.

    Attributes
    ----------
    rows : one a symbol, with `COLUMNS`
    compared : rows of `reconciliation`, as they were written
    failures : what did not come, and why, by what was asked for
    """

    rows: list[Row] = field(default_factory=list)
    compared: list[pd.DataFrame] = field(default_factory=list)
    failures: list[tuple[Load, FablineError]] = field(default_factory=list)

    @property
    def reconciliation(self) -> pd.DataFrame:
        """All that was compared."""
        some = [part for part in self.compared if len(part)]
        return pd.concat(some, ignore_index=True) if some else frames.empty("reconciliation")

    def as_frame(self) -> pd.DataFrame:
        """One row a symbol, its chunks together."""
        listed = pd.DataFrame(self.rows, columns=list(COLUMNS))
        counts = listed.groupby(list(COLUMNS[:5]), sort=False, as_index=False).sum()
        return counts[list(COLUMNS)]


@dataclass(frozen=True)
class SecondOpinion:
    """A home's bars, and the vendor that is asked about them.

    Attributes
    ----------
    store : of the home
    other : the second vendor
    sides : how both are called
    clock : says when the answers came in
    """

    store: HomeStore
    other: MarketDataSource
    sides: Sides
    clock: Clock

    def ask(
        self,
        timeframe: str,
        symbols: Sequence[str],
        first: pd.Timestamp,
        last: pd.Timestamp,
        tell: Tell = silent,
    ) -> Opinions:
        """Compare what is held of a range, and write what was found, one symbol and chunk after the other.

        What does not come is noted, and the rest is compared.
        """
        sessions = calendar.sessions_between(first, last)
        asked = dict.fromkeys(symbols, sessions)
        loads = chunks.cut(asked, "bars", timeframe, self.sides.right, together=False)
        opinions = Opinions()
        for done, load in enumerate(loads, start=1):
            try:
                self._compare(load, opinions)
            except (
                UsageError
            ):  # no credentials, or an extra that is not installed: the next answer is the same
                raise
            except FablineError as error:
                opinions.failures.append((load, error))
            tell(done, len(loads))
        return opinions

    def _compare(self, load: Load, opinions: Opinions) -> None:
        (symbol,) = load.symbols
        held = self.store.read("bars", load.first, load.last, timeframe=load.timeframe, symbol=symbol)
        if held.empty:
            return
        load = replace(load, first=held["session"].min(), last=held["session"].max())
        came, kept_out = self._bars(load)
        known = self._known(load, held, came)
        rows = between_vendors(held, came, self.sides, known)
        made = assessment.reassessed(load, rows, self.store)
        commit = {"command": "reconcile", "against": self.sides.right, **load.facts()}
        if len(rows):
            self.store.write(made, load.first, load.last, commit=commit)
        opinions.compared.append(rows)
        opinions.rows.append(self._row(load, held, came, rows) | {"kept_out": kept_out})

    def _bars(self, load: Load, timeframe: str | None = None) -> tuple[pd.DataFrame, int]:
        """The other's bars that break no rule, of each the newest, and how many others came."""
        rows = self.other.bars(load.symbols, load.first, load.last, timeframe or load.timeframe)
        regular, _ = market_hours.by_phase(rows)
        judged = bar_rules.separate_bars(regular, symbols=load.symbols, now=self.clock())
        newest = judged.accepted.sort_values("known_at", kind="stable").drop_duplicates(BAR, keep="last")
        inside = newest["session"].between(load.first, load.last).to_numpy()
        return newest[inside].reset_index(drop=True), len(judged.quarantined)

    def _known(self, load: Load, held: pd.DataFrame, came: pd.DataFrame) -> Known:
        """The actions and raw daily closes of the side that is raw, where the other is not."""
        bases = held["basis"].iloc[0], came["basis"].iloc[0] if len(came) else "raw"
        now, (symbol,) = self.clock(), load.symbols
        nothing = Known(now, frames.empty("corporate_actions"), frames.empty("bars"))
        if bases.count("raw") != 1 or load.timeframe == "5min":
            return nothing
        if bases[0] == "raw":
            actions = self.store.read("corporate_actions", load.first, load.last, symbol=symbol)
            daily = self.store.read("bars", load.first, load.last, timeframe=DAILY, symbol=symbol)
            return Known(now, actions, _raw(daily))
        told = self.other.actions(load.symbols, load.first, load.last)
        judged = bar_rules.separate_actions(told, symbols=load.symbols).accepted
        daily = came if load.timeframe == DAILY else self._bars(load, DAILY)[0]
        return Known(now, judged, _raw(daily))

    def _row(self, load: Load, held: pd.DataFrame, came: pd.DataFrame, rows: pd.DataFrame) -> Row:
        both = held[BAR].merge(came[BAR], on=BAR)
        agreed = int(rows["agrees"].sum())
        return {
            "symbol": load.symbols[0],
            "timeframe": load.timeframe,
            "left": self.sides.left,
            "right": self.sides.right,
            "compared_by": _compared_by(rows),
            "bars": len(both),
            "values": len(rows),
            "agreed": agreed,
            "disagreed": len(rows) - agreed,
            "only_left": len(held) - len(both),
            "only_right": len(came) - len(both),
        }


def _raw(bars: pd.DataFrame) -> pd.DataFrame:
    return bars[bars["basis"].eq("raw").to_numpy()]


def _compared_by(rows: pd.DataFrame) -> str:
    """How a symbol's bars were compared, in a word or two."""
    fields = set(rows["field"])
    if "close" in fields:
        return "prices"
    names: Mapping[str, str] = {"open": "shape", "close_return": "returns"}
    return " and ".join(word for name, word in names.items() if name in fields) or "nothing"


def symbols_held(store: HomeStore, timeframe: str, first: pd.Timestamp, last: pd.Timestamp) -> Iterator[str]:
    """Symbols of which a home has bars of a range, in the order of the universe and then of the alphabet."""
    held = set(store.read("bars", first, last, timeframe=timeframe)["symbol"])
    yield from (symbol for symbol in ALL_SYMBOLS if symbol in held)
    yield from sorted(held.difference(ALL_SYMBOLS))
