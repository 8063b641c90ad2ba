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
from pipelines.cli.dates import say, session_range
from pipelines.cli.run import check_source, overrides_of, tell_of_lacking
from pipelines.ingest import chunks
from pipelines.ingest.desk import Desk
from pipelines.ingest.loading import Failure, Outcome, Tell, check_timeframe, complaint
from pipelines.ingest.loading import ingest as load
from pipelines.ingest.restated import Restated, settled, watched
from pipelines.ingest.statements import load_statements
from pipelines.ingest.tally import as_frame
from pipelines.what_if import refuse_news
from pipelines.wiring import source_of
from resources import clock as wall
from resources.home import Home
from resources.open_home import source_facts
from resources.sources.holdings import Holdings, first_session_of, held_by
from resources.store import store_at
from trading import calendar
from trading.errors import MissingBarsError, UsageError
from trading.ingest import ALL_SYMBOLS
from trading.interfaces import MarketDataSource
from trading.universe import instrument

Range = tuple[pd.Timestamp | None, pd.Timestamp | None]
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


@dataclass(frozen=True)
class _Request:
    """What to load, once it is clear that it can be: `asked` is the range as typed, `held` what files hold."""

    market: MarketDataSource
    options: Options
    asked: Range
    symbols: Sequence[str]
    held: Holdings | None


def ingest(
    path: Path, options: Options, *, source: str | None, data: Path | None, format_: str, wait: bool
) -> None:
    """Load what is missing, print the counts of each table, and name what did not come.

    Everything that can be wrong with the request is found before the home is touched.

    Raises
    ------
    SourceUnavailableError
        If some of it did not come although it was asked for again.
    """
    overrides = overrides_of(source or ("files" if data is not None else None), data, None)
    wanted = settings.load(path, overrides).settings
    check_timeframe(options.timeframe)
    check_source(path, wanted)
    market = source_of(wanted)
    held = held_by(market, options.timeframe)
    symbols = symbols_of(options.symbols, market, options.timeframe, held)
    asked = session_range(options.first, options.last, now=wall.now())
    refuse_unreached(asked, market, options.timeframe, symbols, held)
    tell_of_lacking(market, symbols)
    home = environment.open_or_create(path)
    refuse_news(home)
    with home.writing("fabline ingest", wait=wait):
        settings.set_values(path, overrides)
        outcome, restated = _loaded(home, _Request(market, options, asked, symbols, held))
    heading = "market: SIMULATED" if market.simulated else ""
    counts = as_frame(outcome.tallies)
    if format_ == "json":
        counts["restated"] = counts["table"].map(restated.rows).fillna(0).astype("int64")
        counts["restated_sessions"] = [restated.named(str(table)) for table in counts["table"]]
    rendering.write(counts, format_, None, heading=heading)
    _tell_of_chunks(outcome)
    if restated.rows:
        command = f"fabline ingest --timeframe {options.timeframe} --refresh --home {path}"
        say(f"{restated}; to take that in: {command}")
    failed = complaint(outcome)
    if failed is not None:
        raise failed


def _loaded(home: Home, request: _Request) -> tuple[Outcome, Restated]:
    """Bind the home to its source and load, while this process alone may write to it; then look at changed files."""
    options, market, held = request.options, request.market, request.held
    store = store_at(home.tables, environment.database_of(home), home=home.facts.id)
    try:
        home.fix_source(source_facts(market), empty=not len(store.commits()))
        desk = Desk.of(store, market, wall.now, {"command": "ingest"})
        desk, changed = watched(desk, options.timeframe)
        first, last = range_of(request.asked, options.timeframe, desk, held)
        spans = chunks.spans_of(request.symbols, first, last, held)
        wanted = chunks.Wanted(options.timeframe, spans, last, options.refresh)
        with _progress(simulated=market.simulated) as tell:
            outcome = load(desk, wanted, tell)
        outcome.tallies.append(load_statements(desk, request.symbols, refresh=options.refresh))
        return outcome, settled(desk, options.timeframe, changed)
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


def refuse_unreached(
    asked: Range, source: MarketDataSource, timeframe: str, symbols: Sequence[str], held: Holdings | None
) -> None:
    """Refuse a range of which the source has nothing, before anything is touched: zeros would say less.

    Raises
    ------
    MissingBarsError
        Naming the first and last session of the data.
    """
    first, last = asked
    if first is None and last is None:
        return
    begins, ends = _reach(source, timeframe, symbols, held)
    if (first is not None and first > ends) or (last is not None and last < begins):
        said = " ".join(f"{word} {day:%Y-%m-%d}" for word, day in (("from", first), ("up to", last)) if day)
        whom = symbols[0] if len(symbols) == 1 else f"these {len(symbols)} symbols"
        raise MissingBarsError(
            f"the source {source.name} has {timeframe} bars of {whom} from {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, and "
            f"nothing {said}; choose --from and --to within, or another source"
        )


def _reach(
    source: MarketDataSource, timeframe: str, symbols: Sequence[str], held: Holdings | None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last session of which a source has bars of any of `symbols`."""
    mine = [held[symbol] for symbol in symbols] if held is not None else []
    begins = min((a for a, _ in mine), default=None) or first_session_of(source, timeframe)
    ends = max((b for _, b in mine), default=None) or source.last_session()
    return max(begins, min(chunks.listed(symbol) for symbol in symbols)), ends


def range_of(
    asked: Range, timeframe: str, desk: Desk, held: Holdings | None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last session to load.

    Without `--to` the newest that has closed, or the last of the files. Without `--from` all that the
    files hold; of any other source two years, and never less than what follows the last load. Never before the
    source's own beginning for the timeframe, which is said.
    """
    begin, end = asked
    newest = calendar.last_closed(wall.now(), max(desk.source.delay, calendar.DECISION_DELAY))
    if held is not None:
        days = [day for span in held.values() for day in span]
        sessions = calendar.sessions_between(min(days), min(max(days), newest))
        if not len(sessions):
            raise MissingBarsError(f"the files hold no session of XNYS between {min(days)} and {max(days)}")
        return begin or sessions[0], end or sessions[-1]
    end = end or min(newest, desk.source.last_session())
    begin = begin or _following(timeframe, desk, end)
    begin = _reached(begin, desk.source, timeframe)
    if begin > end:
        raise UsageError(f"--from {begin:%Y-%m-%d} lies after {end:%Y-%m-%d}, the last session that there is")
    return begin, end


def _following(timeframe: str, desk: Desk, end: pd.Timestamp) -> pd.Timestamp:
    """Where a load begins that nobody gave a beginning."""
    begin = max(calendar.near(end, 1 - HISTORY_SESSIONS), desk.source.first_session())
    before = desk.before["bars"]
    loaded = before.loc[before["timeframe"] == timeframe, "last"]
    return min(begin, loaded.max()) if len(loaded) else begin


def _reached(begin: pd.Timestamp, source: MarketDataSource, timeframe: str) -> pd.Timestamp:
    """`begin`, or the first session that the source still has of the timeframe, which is said."""
    reach = first_session_of(source, timeframe)
    if begin >= reach:
        return begin
    say(f"{source.name} has no {timeframe} bars before {reach:%Y-%m-%d}; loading from there")
    return reach


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
