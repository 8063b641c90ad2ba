"""Load what is missing: plan it, let producers fetch it and one consumer store it, and say what became of it.

A history of years, the sessions since the last evening and a second look at what is there are the same
load with other ranges. Each chunk is stored whole or not at all, and its commit says what it was; so a
load that was interrupted, however it was, goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from pipelines.ingest import chunks
from pipelines.ingest.chunks import Wanted
from pipelines.ingest.desk import TABLES, Desk
from pipelines.ingest.flow import Arrived, Limits, Producers
from pipelines.ingest.tally import Tally, summed
from resources.arrivals import check_same_basis
from resources.sources.holdings import extent_of, held_by
from trading import calendar
from trading.errors import FablineError, MissingBarsError, SourceUnavailableError, UsageError
from trading.ingest import ALL_SYMBOLS, OVERLAP_SESSIONS, UNSETTLED_SESSIONS, Load, unloaded
from trading.stages.layout import DAILY
from trading.universe import SYMBOLS, instrument

ROUNDS = 2  # what failed for a reason that passes is tried once more after all the rest
Tell = Callable[[int, int, int], None]


def silent(_done: int, _total: int, _rows: int) -> None:
    """Report progress to nobody."""


@dataclass(frozen=True)
class Failure:
    """A chunk that did not come, and why."""

    load: Load
    error: FablineError

    def __str__(self) -> str:
        return f"{told(self.load)}: {self.error}"


@dataclass
class Outcome:
    """What a load came to.

    Attributes
    ----------
    tallies : one a table, of what was stored
    failures : chunks that did not come; everything else is stored
    absent : chunks of which the source says that it has nothing, and why
    """

    tallies: list[Tally] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    absent: list[Failure] = field(default_factory=list)


def told(load: Load) -> str:
    """A load in words: what of whom, from when to when."""
    what = f"{load.timeframe} bars" if load.table == "bars" else load.table.replace("_", " ")
    return f"{what} of {', '.join(load.symbols)}, {load.first:%Y-%m-%d} to {load.last:%Y-%m-%d}"


def ingest(desk: Desk, wanted: Wanted, tell: Tell = silent, limits: Limits | None = None) -> Outcome:
    """Load what is missing of `wanted`, or all of it with `refresh`.

    Parameters
    ----------
    tell : called after each chunk with chunks done, chunks in all, and rows that came

    Raises
    ------
    FablineError
        If the store cannot be written: then nothing more is fetched, and what is stored stays.
    """
    loads = planned(desk, wanted)
    run = _Run(desk, tell, len(loads))
    for attempt in range(ROUNDS):
        last = attempt == ROUNDS - 1
        loads = run.through(loads, limits, give_up=last)
        if not loads:
            break
    run.outcome.tallies = summed(run.outcome.tallies, TABLES)
    return run.outcome


def planned(desk: Desk, wanted: Wanted) -> list[Load]:
    """Every chunk to fetch, oldest first: bars, then corporate actions, then earnings."""
    together = desk.source.simulated or held_by(desk.source, wanted.timeframe) is not None
    loads = []
    for table, holders in (("bars", None), ("corporate_actions", _pays), ("earnings", _reports)):
        spans = {s: span for s, span in wanted.spans.items() if holders is None or holders(s)}
        narrowed = Wanted(wanted.timeframe, spans, wanted.last, wanted.refresh)
        tail = _tail(desk, narrowed) if table == "bars" else {}
        asked = chunks.missing(narrowed, table, desk.before[table], tail, desk.source.delay)
        at_once = together or table != "bars"  # few rows; a chunk costs a tenth of a second
        loads += chunks.cut(asked, table, wanted.timeframe, desk.source.name, together=at_once)
    return loads


def _tail(desk: Desk, wanted: Wanted) -> dict[str, pd.Timestamp]:
    """The newest session with a bar of each symbol, of the last few sessions."""
    if desk.before["bars"].empty or not wanted.spans:
        return {}
    first = calendar.near(wanted.last, 1 - UNSETTLED_SESSIONS)
    bars = desk.store.read("bars", first, wanted.last, timeframe=wanted.timeframe)
    return {str(symbol): newest for symbol, newest in bars.groupby("symbol")["session"].max().items()}


def _pays(symbol: str) -> bool:
    return symbol not in ALL_SYMBOLS or instrument(symbol).role != "index"


def _reports(symbol: str) -> bool:
    return symbol not in ALL_SYMBOLS or symbol in SYMBOLS


class _Run:
    """One load under way: what was done, what became of it."""

    def __init__(self, desk: Desk, tell: Tell, total: int) -> None:
        self.desk = desk
        self.outcome = Outcome()
        self._tell, self._total, self._done, self._rows = tell, total, 0, 0

    def through(self, loads: Sequence[Load], limits: Limits | None, *, give_up: bool) -> list[Load]:
        """Fetch and store every chunk; those that may come when asked again are returned unless we `give_up`.

        Symbols that failed together are then asked for one by one. Chunks of the same sessions that came one
        after the other are stored together: a transaction and the judgement of its rows cost a tenth of a second.
        """
        again: list[Load] = []
        came: list[tuple[Load, pd.DataFrame]] = []
        with Producers(loads, self._fetch, limits) as arriving:
            for arrived in arriving:
                if arrived.answer is None:
                    again += self._unanswered(arrived, give_up=give_up)
                    continue
                if came and not _fits(came, arrived.chunk, arrived.answer):
                    self._store(came)
                    came = []
                came.append((arrived.chunk, arrived.answer))
            if came:
                self._store(came)
        self._total = self._done + len(again)
        return again

    def _unanswered(self, arrived: Arrived[Load, pd.DataFrame], *, give_up: bool) -> list[Load]:
        """Note why a chunk did not come; or what to ask for again."""
        load, error = arrived.chunk, arrived.error
        if not isinstance(error, FablineError):
            raise error or MissingBarsError("the source gave no answer")
        if not give_up and (error.transient or len(load.symbols) > 1):
            return [replace(load, symbols=(symbol,)) for symbol in load.symbols]
        absent = isinstance(error, MissingBarsError)
        (self.outcome.absent if absent else self.outcome.failures).append(Failure(load, error))
        self._count(1, 0)
        return []

    def _store(self, came: Sequence[tuple[Load, pd.DataFrame]]) -> None:
        """Store chunks of the same sessions in one transaction; each alone if they cannot be taken apart together."""
        loads, parts = [load for load, _ in came], [rows for _, rows in came if len(rows)]
        whole = replace(loads[0], symbols=tuple(symbol for load in loads for symbol in load.symbols))
        rows = pd.concat(parts, ignore_index=True) if len(parts) > 1 else (parts or [came[0][1]])[0]
        try:
            taken = self.desk.take_apart(whole, rows)
        except FablineError as failure:
            if len(came) > 1:
                for one in came:
                    self._store([one])
                return
            self.outcome.failures.append(Failure(whole, failure))
            self._count(1, 0)
            return
        self.outcome.tallies += self.desk.store_all(taken)
        self._count(len(came), len(rows))

    def _count(self, chunks_done: int, rows: int) -> None:
        self._done += chunks_done
        self._rows += rows
        self._tell(self._done, self._total, self._rows)

    def _fetch(self, load: Load) -> pd.DataFrame:
        source = self.desk.source
        if load.table == "corporate_actions":
            return source.actions(load.symbols, load.first, load.last)
        if load.table == "earnings":
            return source.earnings(load.symbols, load.first, load.last)
        for edge in self._edges(load):
            check_same_basis(source, self.desk.store, load.symbols, edge)
        parts = [
            source.bars(tuple(symbols), first, last, load.timeframe)
            for (first, last), symbols in self._days(load).items()
        ]
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def _days(self, load: Load) -> dict[tuple[pd.Timestamp, pd.Timestamp], list[str]]:
        """First and last day to ask for, and of whom.

        Files may hold rows of days that are no sessions, and rows dated before a symbol began or after
        today. None is to be lost: they come with the sessions beside them, and the rules judge them.
        """
        extent, held = extent_of(self.desk.source, load.timeframe), held_by(self.desk.source, load.timeframe)
        if extent is None or not held:
            return {(load.first, load.last): list(load.symbols)}
        newest = calendar.last_closed(self.desk.clock(), max(self.desk.source.delay, calendar.DECISION_DELAY))
        before, after = calendar.near(load.first, -1), calendar.near(load.last, 1)
        days: dict[tuple[pd.Timestamp, pd.Timestamp], list[str]] = {}
        for symbol in load.symbols:
            begins, ends = held.get(symbol, extent)
            first = (
                extent[0]
                if before < max(begins, chunks.listed(symbol))
                else max(extent[0], min(load.first, before + pd.Timedelta(days=1)))
            )
            last = extent[1] if after > min(ends, newest) else load.last
            days.setdefault((first, last), []).append(symbol)
        return days

    def _edges(self, load: Load) -> Iterator[pd.Timestamp]:
        """The sessions after those stored earlier beside a load of adjusted daily bars, on either side."""
        if load.timeframe != DAILY or self.desk.source.basis == "raw":
            return
        for neighbour, edge in (
            (calendar.near(load.first, -1), load.first),
            (calendar.near(load.last, 1), calendar.near(load.last, 1 + OVERLAP_SESSIONS)),
        ):
            one = pd.DatetimeIndex([neighbour])
            before = self.desk.before["bars"]
            if any(not len(unloaded(before, DAILY, s, one, self.desk.source.delay)) for s in load.symbols):
                yield edge


def _fits(came: Sequence[tuple[Load, pd.DataFrame]], load: Load, rows: pd.DataFrame) -> bool:
    """Whether a chunk may be stored in one transaction with those that came before it."""
    first, others = came[0]
    if list(others.columns) != list(rows.columns):
        return False  # joined, a column that one lacks would look like missing values
    same = (first.table, first.first, first.last) == (load.table, load.first, load.last)
    return same and sum(len(part) for _, part in came) + len(rows) <= chunks.MOST_ROWS


def complaint(outcome: Outcome) -> SourceUnavailableError | None:
    """What to say of the chunks that failed, None if none did."""
    if not outcome.failures:
        return None
    return SourceUnavailableError(
        f"{len(outcome.failures)} chunks did not come (named above); everything else is stored: run the same "
        f"command again, and it asks only for what is missing"
    )


def check_timeframe(timeframe: str) -> None:
    """UsageError if no chunk of the timeframe can be made."""
    if timeframe not in chunks.BARS_A_SESSION:
        known = ", ".join(chunks.BARS_A_SESSION)
        raise UsageError(f"the timeframes are {known}, not {timeframe!r}; aggregate finer bars first")
