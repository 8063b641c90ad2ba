"""Frames of every table: their types, their check, and their Arrow schema.

Long frames. `session` is a naive midnight, every moment (`ts`, `known_at`) is aware UTC in
microseconds. Returns are log returns, weights are fractions of equity, money is USD (integer cents
where the column says `_cents`), costs carry `_bps`. `known_at` of a computed row is `as_of(session)`.
The columns are declared in `trading.schemas`.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from trading.errors import SchemaError
from trading.schemas import book, evidence, live, market, quality, reference, research
from trading.schemas.ordering import places
from trading.schemas.quick import keeps
from trading.schemas.table import (
    BASES,
    FORECAST_PREFIX,
    HORIZONS,
    LEVELS,
    QUANTILES,
    REGIMES,
    TABLES,
    TIMEFRAMES,
    Storage,
    Table,
)

__all__ = [
    "BASES",
    "FORECAST_PREFIX",
    "HORIZONS",
    "LEVELS",
    "QUANTILES",
    "REGIMES",
    "TIMEFRAMES",
    "Storage",
    "Table",
    "arrow_schema",
    "book",
    "columns",
    "empty",
    "evidence",
    "live",
    "market",
    "names",
    "quality",
    "reference",
    "research",
    "table_of",
    "validated",
]


_SMALL_ROWS = 1000


def table_of(name: str) -> Table:
    """The declaration of table `name`; every `forecast_<model>` shares one.

    Raises
    ------
    SchemaError
        If there is no such table.
    """
    shared = "forecast_<model>" if name.startswith(FORECAST_PREFIX) else name
    try:
        return TABLES[shared]
    except KeyError:
        raise SchemaError(f"there is no table {name!r}; the tables are {', '.join(sorted(TABLES))}") from None


def names(storage: Storage) -> tuple[str, ...]:
    """Tables that are stored so, in the order of their declaration; `forecast_<model>` stands for many."""
    return tuple(name for name, declared in TABLES.items() if declared.storage == storage)


def columns(name: str) -> list[str]:
    """Column names of a table: the key first, then the rest as declared."""
    return list(table_of(name).dtypes)


def arrow_schema(name: str) -> pa.Schema:
    """Arrow types of a table (microseconds, UTC; sessions without a zone)."""
    return pa.schema([pa.field(column, _ARROW[dtype]) for column, dtype in table_of(name).dtypes.items()])


_ARROW: dict[str, pa.DataType] = {
    "datetime64[us]": pa.timestamp("us"),
    "datetime64[us, UTC]": pa.timestamp("us", tz="UTC"),
    "float64": pa.float64(),
    "int64": pa.int64(),
    "bool": pa.bool_(),
    "str": pa.string(),
}


def empty(name: str) -> pd.DataFrame:
    """A frame of a table with its types and no rows."""
    return _empty(name).copy()


@functools.cache
def _empty(name: str) -> pd.DataFrame:
    return pd.DataFrame({column: pd.Series(dtype=dtype) for column, dtype in table_of(name).dtypes.items()})


def validated(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """`frame` with its columns in order, sorted by key, checked against the schema of table `name`.

    Raises
    ------
    SchemaError
        Naming table, column, check and the first offending row; also if a key repeats.
    """
    declared = table_of(name)
    _check_types(declared, frame)
    if not keeps(declared, frame):
        try:
            declared.model.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            raise SchemaError(_explain(name, frame, error)) from None
    chosen = frame[columns(name)]
    if _rises(chosen, declared.key):
        return chosen.reset_index(drop=True)
    return _sorted(declared, chosen)


def _rises(frame: pd.DataFrame, key: tuple[str, ...]) -> bool:
    """Whether a small frame is in the order of its key already, and no key repeats: most are, and sorting takes longer."""
    if len(frame) > _SMALL_ROWS:
        return False
    keys = list(zip(*(frame[column].tolist() for column in key), strict=True))
    return all(one < other for one, other in itertools.pairwise(keys))


def _sorted(declared: Table, frame: pd.DataFrame) -> pd.DataFrame:
    key = list(declared.key)
    place = places(frame, key)
    if place is None:
        ordered = frame.sort_values(key, kind="stable", ignore_index=True)
        repeated = ordered.duplicated(subset=key).to_numpy()
    else:
        order = np.argsort(place, kind="stable")
        ordered = frame.take(order).reset_index(drop=True)
        repeated = np.diff(place[order], prepend=-1) == 0
    if repeated.any():
        row = ordered.loc[repeated, key].iloc[0].to_dict()
        raise SchemaError(
            f"table {declared.name}: {int(repeated.sum())} rows repeat a key, the first is {row}"
        )
    return ordered


def _check_types(declared: Table, frame: pd.DataFrame) -> None:
    missing = [column for column in declared.dtypes if column not in frame]
    if missing:
        raise SchemaError(f"table {declared.name}: the columns {missing} are missing")
    found = dict(zip(frame.columns, map(str, frame.dtypes), strict=True))
    for column, dtype in declared.dtypes.items():
        if found[column] != dtype:
            raise SchemaError(f"table {declared.name}: column {column} is {found[column]}, not {dtype}")


def _explain(name: str, frame: pd.DataFrame, error: pandera.errors.SchemaErrors) -> str:
    cases = error.failure_cases
    first = cases.iloc[0]
    column, check, value = (first.get(part) for part in ("column", "check", "failure_case"))
    row = frame.loc[first["index"]] if pd.notna(first.get("index")) else None
    where = "" if row is None else f" (symbol {row.get('symbol', '-')}, session {row['session']:%Y-%m-%d})"
    return f"table {name}: column {column} fails {check} with {value!r}{where}; {len(cases)} failures in all"
