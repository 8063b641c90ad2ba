"""The tables and indexes of a database, as statements that make those that are not there yet.

Every table is clustered by its key, so that a range of sessions is one contiguous read. Fine bars are
many: what else is asked of them, one symbol among them, is searched within the sessions asked for, and
indexes beside the key hold the coarse ones alone. So daily bars are read as if no others were there,
and five-minute bars are written as if there were no further index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from resources.sql_dialects import COMMIT_COLUMNS, COMMITS, Dialect
from trading import frames

FORMAT = 1
RECORDED = frames.names("recorded")


_FINE = frames.TIMEFRAMES[0]
_COARSE = f"timeframe <> '{_FINE}'"


def definitions(dialect: Dialect) -> dict[str, str]:
    """The statement that makes each table and index, by its name."""
    made = {
        "fabline": "CREATE TABLE IF NOT EXISTS fabline (format BIGINT PRIMARY KEY)",
        COMMITS: _table(dialect, COMMITS, COMMIT_COLUMNS, ("table", "version")),
    }
    for name in RECORDED:
        declared = frames.table_of(name)
        made[name] = _table(dialect, name, declared.dtypes, declared.key)
        made |= _indexes(name, declared)
    return made


def outgrown() -> list[str]:
    """Statements that drop indexes that earlier versions made and that only cost time today."""
    return [
        f'DROP INDEX IF EXISTS "{name}_by_symbol"'
        for name in RECORDED
        if "timeframe" in frames.table_of(name).dtypes
    ]


def narrowing(table: str, values: Mapping[str, str | None]) -> list[str]:
    """Conditions for the rows with these values, of columns that the table has; None narrows nothing.

    SQLite uses an index of coarse rows only where the condition repeats the words of the index, and
    walks the key without sorting only where no column behind its range is held equal.
    """
    wanted = {c: v for c, v in values.items() if v is not None and c in frames.table_of(table).dtypes}
    if wanted.get("timeframe", _FINE) != _FINE:
        return [*(f"{column} = {_quoted(value)}" for column, value in wanted.items()), _COARSE]
    return [f"{column} BETWEEN {_quoted(value)} AND {_quoted(value)}" for column, value in wanted.items()]


def _table(dialect: Dialect, name: str, dtypes: Mapping[str, str], key: Sequence[str]) -> str:
    columns = ", ".join(f'"{column}" {dialect.types[dtype]}' for column, dtype in dtypes.items())
    primary = ", ".join(f'"{column}"' for column in key)
    return f'CREATE TABLE IF NOT EXISTS "{name}" ({columns}, PRIMARY KEY ({primary})){dialect.suffix}'


def _indexes(table: str, declared: frames.Table) -> dict[str, str]:
    """One index a way in which the table is asked beside its key; of coarse rows only, where there are fine ones."""
    if "timeframe" not in declared.dtypes:
        ways = {f"{table}_by_symbol": "symbol, session"} if "symbol" in declared.dtypes else {}
        return {name: _index(name, table, columns) for name, columns in ways.items()}
    rest = ", ".join(f'"{column}"' for column in declared.key if column not in ("timeframe", "session"))
    by_timeframe, by_symbol = f"{table}_coarse_by_timeframe", f"{table}_coarse_by_symbol"
    made = {by_timeframe: f"{_index(by_timeframe, table, f'timeframe, session, {rest}')} WHERE {_COARSE}"}
    if "symbol" in declared.dtypes:
        made[by_symbol] = f"{_index(by_symbol, table, 'symbol, timeframe, session')} WHERE {_COARSE}"
    return made


def _index(name: str, table: str, columns: str) -> str:
    return f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" ({columns})'


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
