"""Rows of a CSV or Parquet file, each with the place where it stands; a line that is no row is kept, too."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import IO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from resources.sources.mapping import Layout
from trading.errors import SchemaError

PLACE, BROKEN = "_place", "_broken"


def read_rows(path: Path, layout: Layout) -> pd.DataFrame:
    """The columns that `layout` reads, as they stand in the file; of CSV all are text.

    Returns
    -------
    Their columns, `_place` (file and line) and `_broken`: the whole line where it has too few or too
    many fields, else empty.

    Raises
    ------
    SchemaError
        If the file cannot be read at all, or lacks a column that the mapping names.
    """
    parquet = path.suffix in (".parquet", ".pq")
    rows = _parquet_rows(path, layout) if parquet else _csv_rows(path, layout)
    return rows.reset_index(drop=True)


def _parquet_rows(path: Path, layout: Layout) -> pd.DataFrame:
    try:
        file = pq.ParquetFile(path)
        _check_columns(path, file.schema_arrow.names, layout)
        rows = file.read(columns=list(dict.fromkeys(layout.theirs))).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise SchemaError(
            f"{path} is not a whole Parquet file ({str(error).splitlines()[0]}); copy it again"
        ) from None
    places = [f"{path.name}, row {number}" for number in range(1, len(rows) + 1)]
    return rows.assign(**{PLACE: places, BROKEN: ""})


def _csv_rows(path: Path, layout: Layout) -> pd.DataFrame:
    try:
        with _opened(path) as file:
            return _records(path, file, layout)
    except (UnicodeDecodeError, csv.Error, EOFError, OSError) as error:
        raise SchemaError(f"{path} cannot be read as CSV in UTF-8 ({error}); save it so") from None


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _records(path: Path, file: IO[str], layout: Layout) -> pd.DataFrame:
    header = [name.strip() for name in _fields(next(file, ""), layout.separator)]
    _check_columns(path, header, layout)
    wanted = {name: header.index(name) for name in layout.theirs}
    columns: dict[str, list[str]] = {name: [] for name in (*wanted, PLACE, BROKEN)}
    for number, line in enumerate(file, 2):
        fields = _fields(line, layout.separator)
        if not any(fields):
            continue
        whole = len(fields) == len(header)
        for name, at in wanted.items():
            columns[name].append(fields[at].strip() if whole else "")
        columns[PLACE].append(f"{path.name}, line {number}")
        columns[BROKEN].append("" if whole else layout.separator.join(fields))
    return pd.DataFrame(columns, dtype=object)


def _fields(line: str, separator: str) -> list[str]:
    """The fields of one line, or the whole line as one if its quotes do not match: it swallows no other line."""
    plain = line.rstrip("\r\n")
    if '"' not in plain:
        return plain.split(separator)
    try:
        return next(csv.reader([plain], delimiter=separator, strict=True))
    except csv.Error:
        return [plain]


def _check_columns(path: Path, present: list[str], layout: Layout) -> None:
    for name in layout.theirs:
        if name not in present:
            raise SchemaError(
                f"{path} lacks the column {name!r}, which fabline-mapping.toml names; its columns are "
                f"{', '.join(present) or 'none'}: correct the mapping, or the separator in it"
            )
