"""Frames as Arrow tables and back, by the declared schema, without loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trading import frames


def to_arrow(table: str, frame: pd.DataFrame) -> pa.Table:
    """A validated frame in the table's Arrow schema; NaN stays NaN, a missing session becomes null."""
    schema = frames.arrow_schema(table)
    arrays = [_array(frame[field.name], field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def from_arrow(table: str, rows: pa.Table) -> pd.DataFrame:
    """The frame of Arrow rows that hold every column of the table, with exactly its types."""
    schema = frames.arrow_schema(table)
    columns = {}
    for field in schema:
        values = rows[field.name].cast(field.type)
        if pa.types.is_floating(field.type):
            values = pc.fill_null(values, np.nan)
        columns[field.name] = _series(values, frames.table_of(table).dtypes[field.name])
    return pd.DataFrame(columns)


def _array(values: pd.Series[Any], kind: pa.DataType) -> pa.Array:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        values = values.dt.tz_convert(None)
    return pa.array(values.to_numpy(), type=kind, from_pandas=not pa.types.is_floating(kind))


def _series(values: pa.ChunkedArray, dtype: str) -> pd.Series[Any]:
    return values.to_pandas().astype(dtype)
