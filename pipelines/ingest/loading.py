"""Load what is missing: plan it, let producers fetch it and one consumer store it, and say what became of it.

A history of years, the sessions since the last evening and a second look at what is there are the same
load with other ranges. Each chunk is stored whole or not at all, and its commit says what it was; so a
load that was interrupted, however it was, goes on where it ended.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from pipelines.ingest import chunks
from pipelines.ingest.chunks import Wanted
from pipelines.ingest.desk import TABLES, Desk
from pipelines.ingest.fetching import offered, refuse_another_basis
from pipelines.ingest.flow import Arrived, Limits, Producers
from pipelines.ingest.tally import Tally, summed
from resources.sources.holdings import held_by
from trading import calendar
from trading.errors import FablineError, MissingBarsError, SourceUnavailableError, UsageError
from trading.ingest import ALL_SYMBOLS, UNSETTLED_SESSIONS, Load
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
        refuse_another_basis(self.desk, load)
        return offered(self.desk, load)


def _fits(came: Sequence[tuple[Load, pd.DataFrame]], load: Load, rows: pd.DataFrame) -> bool:
    """Whether a chunk may be stored in one transaction with those that came before it."""
    first, others = came[0]
    if list(others.columns) != list(rows.columns):
        return False  # joined, a column that one lacks would look like missing values
    same = (first.table, first.first, first.last) == (load.table, load.first, load.last)
    return same and sum(len(part) for _, part in came) + len(rows) <= chunks.MOST_ROWS


def complaint(outcome: Outcome) -> SourceUnavailableError | None:
    """What to say of the chunks that failed, None if none did."""
    failed = len(outcome.failures)
    if not failed:
        return None
    stored = any(tally.came for tally in outcome.tallies)
    kept = "everything else that came is stored" if stored else "nothing came that was not stored before"
    again = "run the same command again, and it asks only for what is missing"
    if not all(failure.error.transient for failure in outcome.failures):
        again = f"put right what is said there, then {again}"
    chunks_ = f"{failed} chunks" if failed > 1 else "a chunk"
    return SourceUnavailableError(f"{chunks_} did not come (why is said above); {kept}: {again}")


def check_timeframe(timeframe: str) -> None:
    """UsageError if no chunk of the timeframe can be made."""
    if timeframe not in chunks.BARS_A_SESSION:
        known = ", ".join(chunks.BARS_A_SESSION)
        raise UsageError(f"the timeframes are {known}, not {timeframe!r}; aggregate finer bars first")
