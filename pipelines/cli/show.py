"""`fabline show`: the tables of a home, or the rows of one."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from pipelines.cli import dates, journal_view, rendering
from pipelines.cli.bars_view import Extent, Wanted, bars_of, check, note_on
from pipelines.environment import market_line, open_store
from resources.clock import now
from resources.store import HomeStore
from trading import frames
from trading.errors import UsageError
from trading.evaluation import attribution, comparison, interval_report, regime_report, scoreboard
from trading.universe import instrument

EVIDENCE = {
    "comparison": comparison.COLUMNS,
    "coverage": interval_report.COLUMNS,
    "regime_transitions": regime_report.COLUMNS,
    "model_attribution": attribution.COLUMNS,
    "scoreboard": scoreboard.COLUMNS,
    **{
        table: tuple(name for name in frames.columns(table) if name not in ("session", "known_at"))
        for table in ("frontier", "stress")
    },
}
ALIASES = {"weights": "ensemble_weights"}  # how people call a table
_DECLARED = {*frames.names("recorded"), *frames.names("computed")}


@dataclass(frozen=True)
class View:
    """Which rows of a table are wanted, as the person typed it."""

    table: str
    first: str | None = None
    last: str | None = None
    symbol: str | None = None
    as_of: str | None = None
    version: int | None = None
    bars: Wanted = field(default_factory=Wanted)


def show_tables(home: Path, format_: str, output: Path | None, *, narrowed: bool = False) -> None:
    """Write the list of all tables: table, rows, first_session, last_session, version.

    Raises
    ------
    UsageError
        If the request was `narrowed` by an option that needs a table.
    """
    if narrowed:
        raise UsageError(
            "--from, --to, --symbol, --as-of, --version and the options of bars need a table: fabline show TABLE ..."
        )
    with closing(open_store(home)) as store:
        tables = store.tables()
    rendering.write(tables, format_, output, heading=market_line(home))


def show_table(home: Path, view: View, format_: str, output: Path | None) -> None:
    """Write the rows of a view; a table may be called by its alias."""
    view = replace(view, table=ALIASES.get(view.table, view.table))
    if view.table in journal_view.TABLES:
        rows = journal_view.rows_of(home, view.table, view.symbol)
        rendering.write(rows, format_, output, heading=f"{view.table}: {len(rows)} rows")
        return
    with closing(open_store(home)) as store:
        rows = rows_of(store, view, now())
        note = note_on(store, rows) if view.bars.adjusted and view.as_of is not None else ""
    if view.table in EVIDENCE:
        rows = rows[list(EVIDENCE[view.table])]  # its session and its moment are the same on every row
    if note:
        sys.stderr.write(note + "\n")
    rendering.write(rows, format_, output, heading=market_line(home))


def rows_of(store: HomeStore, view: View, now: pd.Timestamp) -> pd.DataFrame:
    """The rows that a view asks for.

    Raises
    ------
    UsageError
        If the table or symbol is unknown, a date is no closed session, the range lies outside the
        home's sessions, or the table has no such version or view.
    """
    tables = store.tables()
    _refuse_unknown(tables, view.table)
    first, last = dates.session_range(view.first, view.last, now=now)
    _refuse_outside(tables, first, last)
    as_of = None if view.as_of is None else dates.moment(view.as_of)
    check(view.bars, view.table)
    if view.table == "bars" and not view.bars.is_plain:
        return _bars_of(store, view, Extent(first, last, view.symbol, as_of), now)
    frame = store.read(
        view.table, first, last, as_of=as_of, version=view.version, timeframe=view.bars.timeframe
    )
    return frame if view.symbol is None else _of_symbol(view.table, frame, view.symbol)


def _bars_of(store: HomeStore, view: View, extent: Extent, now: pd.Timestamp) -> pd.DataFrame:
    if view.version is not None:
        raise UsageError("table bars is recorded and keeps no versions; ask with an as_of instead")
    bars = bars_of(store, view.bars, extent, now)
    if bars.empty and view.symbol is not None:
        instrument(view.symbol)  # files may hold symbols that the universe lacks
    return bars


def _refuse_unknown(tables: pd.DataFrame, table: str) -> None:
    """A declared table may be shown before it was ever written; a forecast must have been."""
    if table in set(tables["table"]) or (table in _DECLARED and not table.startswith(frames.FORECAST_PREFIX)):
        return
    known = ", ".join(tables["table"]) or "none yet"
    raise UsageError(f"there is no table {table!r} in this home; it has {known}")


def _refuse_outside(tables: pd.DataFrame, first: pd.Timestamp | None, last: pd.Timestamp | None) -> None:
    """A session of the home may have no rows in a table; one outside the home has none in any."""
    oldest, newest = tables["first_session"].min(), tables["last_session"].max()
    if (first is not None and first > newest) or (last is not None and last < oldest):
        raise UsageError(
            f"this home has the sessions {oldest:%Y-%m-%d} to {newest:%Y-%m-%d}, none of those asked"
        )


def _of_symbol(table: str, frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    if "symbol" not in frame:
        raise UsageError(f"table {table} has no symbols; leave --symbol out")
    chosen = frame[frame["symbol"] == symbol]
    if chosen.empty:
        instrument(symbol)  # an unknown one is an error, a known one without rows is an answer
    return chosen.reset_index(drop=True)
