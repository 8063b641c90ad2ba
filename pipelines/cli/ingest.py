"""`fabline ingest`: load market data into a home, and say what became of every row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipelines import environment, settings
from pipelines.cli import rendering
from pipelines.cli.dates import session_range
from pipelines.cli.run import check_source, overrides_of
from pipelines.ingest import chunks
from pipelines.ingest.desk import Desk
from pipelines.ingest.loading import Failure, Outcome, Tell, check_timeframe, complaint
from pipelines.ingest.loading import ingest as load
from pipelines.ingest.statements import load_statements
from pipelines.ingest.tally import as_frame
from pipelines.what_if import refuse_news
from pipelines.wiring import source_of
from resources import clock as wall
from resources.home import Home
from resources.open_home import source_facts
from resources.sources.holdings import Holdings, held_by
from resources.store import store_at
from trading import calendar
from trading.errors import MissingBarsError, UsageError
from trading.ingest import ALL_SYMBOLS
from trading.interfaces import MarketDataSource
from trading.universe import instrument

HISTORY_SESSIONS = 504  # two years
_NAMED = 8


@dataclass(frozen=True)
class Options:
    """What the command line says about the bars to load."""

    timeframe: str = "1D"
    first: str | None = None
    last: str | None = None
    symbols: str | None = None
    refresh: bool = False


def ingest(
    path: Path, options: Options, *, source: str | None, data: Path | None, format_: str, wait: bool
) -> None:
    """Load what is missing, print the counts of each table, and name what did not come.

    Everything that can be wrong with the request is found before the home is touched.

    Raises
    ------
    SourceUnavailableError
        If some of it did not come although it was asked for again; everything else is stored.
    """
    overrides = overrides_of(source or ("files" if data is not None else None), data, None)
    wanted = settings.load(path, overrides).settings
    check_timeframe(options.timeframe)
    check_source(path, wanted)
    market = source_of(wanted)
    held = held_by(market, options.timeframe)
    symbols = symbols_of(options.symbols, market, options.timeframe, held)
    session_range(options.first, options.last, now=wall.now())
    home = environment.open_or_create(path)
    refuse_news(home)
    with home.writing("fabline ingest", wait=wait):
        settings.set_values(path, overrides)
        outcome = _loaded(home, market, options, symbols, held)
    heading = "market: SIMULATED" if market.simulated else ""
    rendering.write(as_frame(outcome.tallies), format_, None, heading=heading)
    _tell_of_chunks(outcome)
    failed = complaint(outcome)
    if failed is not None:
        raise failed


def _loaded(
    home: Home, market: MarketDataSource, options: Options, symbols: Sequence[str], held: Holdings | None
) -> Outcome:
    """Bind the home to its source and load, while this process alone may write to it."""
    store = store_at(home.tables, environment.database_of(home), home=home.facts.id)
    try:
        home.fix_source(source_facts(market), empty=not len(store.commits()))
        desk = Desk.of(store, market, wall.now, {"command": "ingest"})
        first, last = range_of(options, desk, held)
        spans = chunks.spans_of(symbols, first, last, held)
        asked = chunks.Wanted(options.timeframe, spans, last, options.refresh)
        with _progress(simulated=market.simulated) as tell:
            outcome = load(desk, asked, tell)
        outcome.tallies.append(load_statements(desk, symbols))
        return outcome
    finally:
        store.close()


def symbols_of(
    text: str | None, source: MarketDataSource, timeframe: str, held: Holdings | None
) -> tuple[str, ...]:
    """The symbols to load: those named, or all that the source is known to hold, or the universe.

    Raises
    ------
    UsageError
        If one is neither in the universe nor in the files.
    MissingBarsError
        If the files hold no bars of the timeframe.
    """
    if held is not None and not held:
        raise MissingBarsError(
            f"source {source.name} holds no {timeframe} bars; try another --timeframe or --data"
        )
    if text is None:
        return ALL_SYMBOLS if held is None else tuple(held)
    named = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not named:
        raise UsageError("--symbols names none; write them as NVDA,AMD")
    for symbol in named:
        if held is None:
            instrument(symbol)
        elif symbol not in held:
            raise UsageError(f"the files hold no {timeframe} bars of {symbol!r}; they hold {', '.join(held)}")
    return named


def range_of(options: Options, desk: Desk, held: Holdings | None) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last session to load.

    Without `--to` the newest that has closed, or the last of the files. Without `--from` all that the
    files hold; of any other source two years, and never less than what follows the last load.
    """
    begin, end = session_range(options.first, options.last)
    newest = calendar.last_closed(wall.now(), max(desk.source.delay, calendar.DECISION_DELAY))
    if held is not None:
        days = [day for span in held.values() for day in span]
        sessions = calendar.sessions_between(min(days), min(max(days), newest))
        if not len(sessions):
            raise MissingBarsError(f"the files hold no session of XNYS between {min(days)} and {max(days)}")
        return begin or sessions[0], end or sessions[-1]
    end = end or min(newest, desk.source.last_session())
    if begin is None:
        begin = max(calendar.near(end, 1 - HISTORY_SESSIONS), desk.source.first_session())
        before = desk.before["bars"]
        loaded = before.loc[before["timeframe"] == options.timeframe, "last"]
        begin = min(begin, loaded.max()) if len(loaded) else begin
    if begin > end:
        raise UsageError(f"--from {begin:%Y-%m-%d} lies after {end:%Y-%m-%d}, the last session that there is")
    return begin, end


def _tell_of_chunks(outcome: Outcome) -> None:
    """Name what did not come, on standard error."""
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    for what, chosen in (("nothing there", outcome.absent), ("failed", outcome.failures)):
        for failure in _shortened(chosen):
            out.print(f"{what}: {' '.join(str(failure).split())}", markup=False)


def _shortened(failures: Sequence[Failure]) -> Iterator[Failure | str]:
    yield from failures[:_NAMED]
    if len(failures) > _NAMED:
        yield f"and {len(failures) - _NAMED} more chunks"


@contextmanager
def _progress(*, simulated: bool) -> Iterator[Tell]:
    """Draws how many chunks are stored, where there is a terminal."""
    out = Console(stderr=True)
    if simulated:
        out.print("market: SIMULATED", style="bold yellow")
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rows]} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=out, disable=not out.is_terminal) as bars:
        task = bars.add_task("chunks", total=None, rows=0)
        yield lambda done, total, rows: bars.update(task, completed=done, total=total, rows=rows)
