"""Frames as Arrow tables and back, by the declared schema, without loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trading import calendar, frames
from trading.errors import HomeError


def to_arrow(table: str, frame: pd.DataFrame) -> pa.Table:
    """A validated frame in the table's Arrow schema; NaN stays NaN, a missing session becomes null."""
    return as_arrow(frame, frames.arrow_schema(table))


def as_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """The columns of `frame` that `schema` names, with its types."""
    arrays = [_array(frame[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def from_arrow(table: str, rows: pa.Table) -> pd.DataFrame:
    """The frame of Arrow rows that hold every column of the table, with exactly its types.

    Raises
    ------
    HomeError
        If they lack a column: an earlier release wrote them.
    """
    dtypes = frames.table_of(table).dtypes
    absent = [field.name for field in frames.arrow_schema(table) if field.name not in rows.schema.names]
    if absent:
        raise HomeError(
            f"table {table} lacks {', '.join(absent)}: an earlier release of Fabline made it; begin a new home, "
            f"with the same source and settings: fabline run --home DIR"
        )
    columns = {}
    for field in frames.arrow_schema(table):
        values = rows[field.name]
        if values.type != field.type:
            values = values.cast(field.type)
        if values.null_count and pa.types.is_floating(field.type):
            values = pc.fill_null(values, np.nan)
        columns[field.name] = _series(values, dtypes[field.name])
    return pd.DataFrame(columns, copy=False)


def completed(table: str, rows: pa.Table) -> pa.Table:
    """Rows with the columns that their table has got since they were written, when all bars were daily and observed."""
    opened: dict[str, Callable[[pa.Table], Any]] = {
        "ts": _opens,
        "filled": lambda _: pa.scalar(value=False),
        "fallback": lambda _: pa.scalar(""),
    }
    for field in frames.arrow_schema(table):
        if field.name not in opened:
            continue
        if field.name not in rows.schema.names:
            rows = rows.append_column(field, pa.nulls(rows.num_rows, field.type))
        if rows[field.name].null_count:
            place = rows.schema.get_field_index(field.name)
            rows = rows.set_column(place, field, pc.fill_null(rows[field.name], opened[field.name](rows)))
    return rows


def _opens(rows: pa.Table) -> pa.Array:
    """(n,) open of the session of each row."""
    opens = calendar.open_each(pd.DatetimeIndex(rows["session"].to_numpy()))
    return pa.array(opens.tz_localize(None).to_numpy(), type=pa.timestamp("us", tz="UTC"))


def _array(values: pd.Series[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        held = pa.array(values.array)  # as pandas keeps them: no Python string is made
        return (held.combine_chunks() if isinstance(held, pa.ChunkedArray) else held).cast(kind)
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert(None)
    return pa.array(values.to_numpy(), type=kind, from_pandas=not pa.types.is_floating(kind))


def _series(values: pa.ChunkedArray, dtype: str) -> pd.Series[Any]:
    """One column. Every session reads dozens of small tables, and pandas' own conversion takes twice as long."""
    if dtype == "str" or (values.null_count and not pa.types.is_temporal(values.type)):
        return values.to_pandas().astype(dtype)
    plain = pd.Series(values.to_numpy())
    return plain.dt.tz_localize("UTC") if dtype.endswith("UTC]") else plain
