"""Parquet files read with their columns checked: what is wrong is said with file and column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from trading.errors import SchemaError, SourceUnavailableError

Is = Callable[[pa.DataType], bool]
Layout = Mapping[str, tuple[str, Is]]


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)


def _is_date(kind: pa.DataType) -> bool:
    return pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None)


def _is_moment(kind: pa.DataType) -> bool:
    return pa.types.is_timestamp(kind) and kind.tz is not None


_STORED: dict[Is, pa.DataType] = {
    _is_text: pa.string(),
    _is_number: pa.float64(),
    _is_date: pa.timestamp("us"),
    _is_moment: pa.timestamp("us", tz="UTC"),
}
_TEXT, _NUMBER = ("text", _is_text), ("a number", _is_number)
_DATE, _MOMENT = ("a date", _is_date), ("a moment with a time zone", _is_moment)
_PRICES: Layout = dict.fromkeys(("open", "high", "low", "close"), _NUMBER)

INDEX: Layout = {"symbol": _TEXT, "session": _DATE, **_PRICES}
PANEL: Layout = {**INDEX, "volume": _NUMBER}
RAW_PANEL: Layout = {**PANEL, "div_cash": _NUMBER, "split_factor": _NUMBER}
INTRADAY: Layout = {"symbol": _TEXT, "ts": _MOMENT, **_PRICES, "volume": _NUMBER}
EARNINGS: Layout = {
    "symbol": _TEXT, "date": _DATE, "eps_est": _NUMBER, "eps": _NUMBER, "release_time": _TEXT,
}  # fmt: skip


def read(path: Path, layout: Layout) -> pd.DataFrame:
    """The columns of `layout` as a frame: dates as naive midnights, moments in UTC, numbers as float64.

    Raises
    ------
    SourceUnavailableError
        If there is no such file.
    SchemaError
        If it is no whole Parquet file, or a column is missing or has another type.
    """
    if not path.is_file():
        raise SourceUnavailableError(f"there is no file {path}")
    try:
        table = pq.ParquetFile(path)
        _check(path, table.schema_arrow, layout)
        rows = table.read(columns=list(layout))
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(
            f"{path} is not a whole Parquet file ({str(error).splitlines()[0]}); copy it again"
        ) from None
    return pd.DataFrame({name: _column(rows[name], is_a) for name, (_, is_a) in layout.items()})


def _check(path: Path, schema: pa.Schema, layout: Layout) -> None:
    for name, (word, is_a) in layout.items():
        if name not in schema.names:
            raise SchemaError(
                f"{path} lacks the column {name!r} ({word}); its columns are {', '.join(schema.names)}"
            )
        kind = schema.field(name).type
        if not is_a(kind):
            raise SchemaError(f"{path}: column {name!r} is {kind}, not {word}")


def _column(values: pa.ChunkedArray, is_a: Is) -> pd.Series:
    series = values.cast(_STORED[is_a]).to_pandas()
    return series.astype("str") if is_a is _is_text else series
