"""The work of `fabline reconcile`: open the second vendor, compare, print, and show it in Dagster's UI."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pipelines import environment, settings
from pipelines.cli import rendering
from pipelines.cli.dates import session_range
from pipelines.ingest.loading import told
from pipelines.ingest.second_opinion import Opinions, SecondOpinion, Tell, symbols_held
from pipelines.settings import Settings
from pipelines.what_if import refuse_news
from pipelines.wiring import source_of
from resources import clock as wall
from resources.home import Home
from resources.open_home import source_facts
from resources.sources.holdings import held_by
from resources.store import HomeStore, store_at
from trading.errors import HomeError, MissingBarsError, SourceUnavailableError, UsageError
from trading.ingest import ALL_SYMBOLS
from trading.interfaces import MarketDataSource
from trading.monitoring.vendors import Sides

PARTIAL_FEEDS = ("iex",)  # one exchange: its bars are of what traded there
_NAMED = 8


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    against: Literal["yahoo", "alpaca", "files"]
    data: Path | None = None
    basis: Literal["raw", "fully_adjusted"] | None = None
    timeframe: str = "1D"
    first: str | None = None
    last: str | None = None
    symbols: str | None = None


def reconcile(path: Path, asked: Asked, *, format_: str, wait: bool) -> None:
    """Compare the bars that a home holds with those of another vendor, and print what was found.

    Raises
    ------
    UsageError
        If the other is the home's own source, or no bar of what is asked is held.
    HomeError
        If the home's market is simulated.
    SourceUnavailableError
        If some of it did not come; the rest was compared.
    """
    home = Home.open(path)
    refuse_news(home)
    other = _other(settings.load(path).settings, asked)
    sides = sides_of(home.facts.source, source_facts(other))
    first, last = session_range(asked.first, asked.last, now=wall.now())
    with home.writing("fabline reconcile", wait=wait), closing(_store(home)) as store:
        first, last = _held_range(store, first, last)
        symbols = _symbols(store, other, asked, first, last)
        opinion = SecondOpinion(store, other, sides, wall.now)
        with _progress() as tell:
            found = opinion.ask(asked.timeframe, symbols, first, last, tell)
    table = found.as_frame()
    shown = table.drop(columns=["timeframe", "left", "right"]) if format_ == "table" else table
    rendering.write(shown, format_, None, heading=_heading(found, sides))
    _show(home, found, sides)
    _complain(found)


def _other(wanted: Settings, asked: Asked) -> MarketDataSource:
    """The second vendor, by the home's settings where they are of vendors in general."""
    source = wanted.source
    if asked.against == "files" and asked.data is None:
        raise UsageError("--against files reads a folder: name it with --data DIR")
    if asked.against != "files" and (asked.data is not None or asked.basis is not None):
        raise UsageError("--data and --basis are of --against files")
    chosen = replace(
        source,
        name=asked.against,
        data="" if asked.data is None else str(asked.data.resolve()),
        basis=asked.basis or source.basis,
        url=source.against_url,
        indices="",
    )
    return source_of(replace(wanted, source=chosen))


def sides_of(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Sides:
    """How the home's source and the other are called; two of one name by what tells them apart.

    Raises
    ------
    HomeError
        If the home holds no bars yet, or simulated ones.
    UsageError
        If both are the same.
    """
    if not ours:
        raise HomeError("this home holds no bars yet to compare; fabline ingest loads them")
    if ours.get("simulated") == "true":
        raise HomeError(
            "the market of this home is SIMULATED: no vendor has bars of it; nothing can be compared"
        )
    apart = [name for name in ("folder", "feed", "basis") if ours.get(name) != theirs.get(name)]
    if ours["name"] == theirs["name"] and not apart:
        raise UsageError(
            f"{ours['name']} is the home's own source; --against takes another vendor, folder or --basis"
        )
    partial = any(facts.get("feed") in PARTIAL_FEEDS for facts in (ours, theirs))
    if ours["name"] != theirs["name"]:
        return Sides(ours["name"], theirs["name"], partial)
    said = Path(theirs[apart[0]]).name
    return Sides(ours["name"], f"{theirs['name']}:{said}", partial)


def _store(home: Home) -> HomeStore:
    return store_at(home.tables, environment.database_of(home), home=home.facts.id)


def _held_range(
    store: HomeStore, first: pd.Timestamp | None, last: pd.Timestamp | None
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last session to compare: of what is asked, those that the home has bars of."""
    listed = store.tables().set_index("table")
    if "bars" not in listed.index or pd.isna(listed.loc["bars", "first_session"]):
        raise MissingBarsError("this home holds no bars yet to compare; fabline ingest loads them")
    begins, ends = listed.loc["bars", ["first_session", "last_session"]]
    first, last = max(first or begins, begins), min(last or ends, ends)
    if first > last:
        raise MissingBarsError(
            f"this home holds bars of {begins:%Y-%m-%d} to {ends:%Y-%m-%d}, none of those asked"
        )
    return first, last


def _symbols(
    store: HomeStore, other: MarketDataSource, asked: Asked, first: pd.Timestamp, last: pd.Timestamp
) -> Sequence[str]:
    """The symbols to compare: those named, or all that are held and that the other may know."""
    held = list(symbols_held(store, asked.timeframe, first, last))
    if not held:
        raise MissingBarsError(
            f"this home holds no {asked.timeframe} bars of {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        )
    if asked.symbols is not None:
        named = list(dict.fromkeys(part.strip() for part in asked.symbols.split(",") if part.strip()))
        absent = [symbol for symbol in named if symbol not in held]
        if absent or not named:
            raise UsageError(
                f"no {asked.timeframe} bars of {', '.join(absent) or 'nothing'} are held; held are {', '.join(held)}"
            )
        return named
    theirs = held_by(other, asked.timeframe)
    return [symbol for symbol in held if symbol in (ALL_SYMBOLS if theirs is None else theirs)]


def _heading(found: Opinions, sides: Sides) -> str:
    rows = found.reconciliation
    bad = int((~rows["agrees"]).sum())
    counted = f"{len(rows):,} values compared, {len(rows) - bad:,} agree, {bad:,} do not"
    return (
        f"{sides.left} (left) against {sides.right} (right): {counted}; fabline show reconciliation has each"
    )


def _show(home: Home, found: Opinions, sides: Sides) -> None:
    """An observation of the asset `bars`, so that the UI shows what was found; it is no run."""
    rows = found.reconciliation
    if rows.empty:
        return
    import dagster as dg

    from assets.market import agreement

    metadata = agreement(rows, simulated=False)
    with environment.dagster_of(home) as instance:
        said = f"{sides.left} against {sides.right}"
        event = dg.AssetObservation("bars", description=said, metadata=metadata)
        instance.report_runless_asset_event(event)


def _complain(found: Opinions) -> None:
    """Name what did not come, on standard error.

    Raises
    ------
    SourceUnavailableError
        If anything did not come.
    """
    out = Console(stderr=True, highlight=False, soft_wrap=True)
    for load, error in found.failures[:_NAMED]:
        out.print(f"failed: {told(load)}: {' '.join(str(error).split())}", markup=False)
    if found.failures:
        raise SourceUnavailableError(
            f"{len(found.failures)} of the answers did not come (named above); everything else is compared: run the same "
            f"command again"
        )


@contextmanager
def _progress() -> Iterator[Tell]:
    """Draws how much is compared, where there is a terminal."""
    out = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=out, disable=not out.is_terminal) as bars:
        task = bars.add_task("answers", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
