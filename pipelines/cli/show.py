"""`fabline show`: the tables of a home, or the rows of one."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines.cli import dates, rendering
from pipelines.environment import open_store
from resources.clock import now
from resources.store import HomeStore
from trading import frames
from trading.errors import SchemaError, UsageError
from trading.universe import instrument


@dataclass(frozen=True)
class View:
    """Which rows of a table are wanted, as the person typed it."""

    table: str
    first: str | None = None
    last: str | None = None
    symbol: str | None = None
    as_of: str | None = None
    version: int | None = None


def show_tables(home: Path, format_: str, output: Path | None, *, narrowed: bool = False) -> None:
    """Write the list of all tables: table, rows, first_session, last_session, version.

    Raises
    ------
    UsageError
        If the request was `narrowed` by an option that needs a table.
    """
    if narrowed:
        raise UsageError("--from, --to, --symbol, --as-of and --version need a table: fabline show TABLE ...")
    with closing(open_store(home)) as store:
        tables = store.tables()
    rendering.write(tables, format_, output)


def show_table(home: Path, view: View, format_: str, output: Path | None) -> None:
    """Write the rows of a view."""
    with closing(open_store(home)) as store:
        rows = rows_of(store, view, now())
    rendering.write(rows, format_, output)


def rows_of(store: HomeStore, view: View, now: pd.Timestamp) -> pd.DataFrame:
    """The rows that a view asks for.

    Raises
    ------
    UsageError
        If the table or symbol is unknown, a date is no closed session, the range lies outside the
        table's sessions, or the table has no such version.
    """
    listed = _listed(store, view.table)
    first, last = dates.session_range(view.first, view.last, now=now)
    _refuse_outside(view.table, listed, first, last)
    as_of = None if view.as_of is None else dates.moment(view.as_of)
    frame = store.read(view.table, first, last, as_of=as_of, version=view.version)
    return frame if view.symbol is None else _of_symbol(view.table, frame, view.symbol)


def _listed(store: HomeStore, table: str) -> pd.Series | None:
    """The table's row of the list, None if it is declared but was never written."""
    tables = store.tables().set_index("table")
    if table in tables.index:
        return tables.loc[table]
    try:
        frames.table_of(table)
    except SchemaError:
        pass
    else:
        if not table.startswith(frames.FORECAST_PREFIX):
            return None
    raise UsageError(
        f"there is no table {table!r} in this home; it has {', '.join(tables.index) or 'none yet'}"
    )


def _refuse_outside(
    table: str, listed: pd.Series | None, first: pd.Timestamp | None, last: pd.Timestamp | None
) -> None:
    if listed is None or pd.isna(listed["first_session"]):
        return
    oldest, newest = listed["first_session"], listed["last_session"]
    if (first is not None and first > newest) or (last is not None and last < oldest):
        raise UsageError(
            f"table {table} has the sessions {oldest:%Y-%m-%d} to {newest:%Y-%m-%d}, none of those asked"
        )


def _of_symbol(table: str, frame: pd.DataFrame, symbol: str) -> pd.DataFrame:
    if "symbol" not in frame:
        raise UsageError(f"table {table} has no symbols; leave --symbol out")
    chosen = frame[frame["symbol"] == symbol]
    if chosen.empty:
        instrument(symbol)  # an unknown one is an error, a known one without rows is an answer
    return chosen.reset_index(drop=True)
