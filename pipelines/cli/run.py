"""`fabline run`: the whole line over a range of sessions, with progress, a summary and a report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from models.forecasters.catalogue import expanded
from pipelines import environment, settings
from pipelines.cli.dates import say
from pipelines.cli.progress import progress_bars
from pipelines.ranges import Asked, Reach, sessions_asked
from pipelines.runs import run_range
from pipelines.settings import Settings
from pipelines.what_if import refuse_going_on
from pipelines.wiring import Workshop, plan_of, source_of
from resources import clock as wall
from resources.home import Home
from resources.open_home import source_facts
from resources.sources import AlpacaSource
from resources.store import store_at
from trading.errors import HomeError
from trading.ingest import ALL_SYMBOLS, require_history
from trading.interfaces import MarketDataSource
from trading.line import refuse_future
from trading.universe import INSTRUMENTS

_INDICES = frozenset(one.symbol for one in INSTRUMENTS if one.role == "index")


def run(
    path: Path,
    *,
    source: str | None,
    data: Path | None,
    sessions: int | None,
    first: str | None,
    last: str | None,
    seed: int | None,
    wait: bool,
    models: str | None = None,
    going_on: bool = False,
) -> None:
    """Run the line and write the report; a what-if copy ends with what was restated, unless `going_on`.

    Everything that can be wrong with the request is found before the home is touched.
    """
    asked = Asked(first, last, sessions)
    overrides = overrides_of(source, data, seed)
    if models is not None:
        overrides[settings.MODELS] = list(expanded(part.strip() for part in models.split(",")))
    wanted = settings.load(path, overrides).settings
    check_source(path, wanted)
    begin, end = checked_range(wanted, asked, reach_of(path))
    tell_of_lacking(source_of(wanted), ALL_SYMBOLS)
    home = environment.open_or_create(path)
    if going_on:
        home.continue_what_if()
    refuse_going_on(home, end)
    with home.writing(f"fabline run --from {begin:%Y-%m-%d} --to {end:%Y-%m-%d}", wait=wait):
        if wait:  # another run may have moved the head meanwhile
            begin, end = checked_range(wanted, asked, reach_of(path))
        home.fix_settings(wanted.digest())
        settings.set_values(path, overrides)
        make(Workshop.of(home, wanted), begin, end)


def make(workshop: Workshop, first: pd.Timestamp, last: pd.Timestamp, select: str | None = None) -> None:
    """One Dagster run over the range, then the report and the summary."""
    from pipelines.cli.report import conclude

    started = time.monotonic()
    with progress_bars(workshop.plan, simulated=source_of(workshop.settings).simulated) as progress:
        run_id = run_range(workshop, first, last, progress=progress, select=select)
    conclude(workshop, run_id=run_id, seconds=time.monotonic() - started)


def overrides_of(source: str | None, data: Path | None, seed: int | None) -> dict[str, object]:
    """The settings that the command line names."""
    named = {
        "source.name": source,
        "source.data": None if data is None else str(data.resolve()),
        "source.seed": seed,
    }
    return {name: value for name, value in named.items() if value is not None}


def tell_of_lacking(source: MarketDataSource, symbols: Sequence[str]) -> None:
    """Say which of the symbols that are wanted a vendor never has."""
    if isinstance(source, AlpacaSource) and any(symbol in _INDICES for symbol in symbols):
        say(
            "alpaca has no indices, so no VIX: regimes are told without it (status partial); "
            "`fabline config set source.indices DIR`, before the first load, takes it from files"
        )


def check_source(path: Path, wanted: Settings) -> None:
    """HomeError if the home at `path` holds another market than the settings name."""
    if (path / "home.json").exists() and _holds_rows(Home.open(path)):
        Home.open(path).check_source(source_facts(source_of(wanted)))


def _holds_rows(home: Home) -> bool:
    """Whether a run has begun the home, or bars were loaded into it before any run."""
    if home.inception is not None or not home.facts.source:
        return home.inception is not None
    database = environment.database_of(home)
    if isinstance(database, Path) and not database.exists():
        return False
    store = store_at(home.tables, database, home=home.facts.id)
    try:
        return len(store.commits()) > 0
    finally:
        store.close()


def checked_range(wanted: Settings, asked: Asked, reach: Reach) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The range that was asked for, once it is clear that it can be made.

    Raises
    ------
    UsageError, DataError, SourceUnavailableError
        If the dates, the source or its history forbid it.
    """
    source = source_of(wanted)
    first, last = sessions_asked(asked, reach, source, wall.now)
    refuse_future(last, wall.now())
    plan = plan_of(wanted)
    inception = reach.inception or first
    needed = plan.sessions("bars", inception, first, last)
    require_history(source, needed[0], needed[-1], plan.lead("bars"))
    source.bars(ALL_SYMBOLS, needed[-1], needed[-1])  # a symbol or a column may be missing: say so now
    return first, last


def reach_of(path: Path) -> Reach:
    """How far the home at `path` has come; nowhere if there is none."""
    try:
        home = Home.open(path)
    except HomeError:
        if (path / "home.json").exists():
            raise
        return Reach(None, None)
    if home.inception is None:
        return Reach(None, None)
    store = environment.open_store(path)
    try:
        listed = store.tables().set_index("table")["last_session"]
    finally:
        store.close()
    head = listed.get("performance")
    return Reach(home.inception, None if head is None or pd.isna(head) else head)
