"""A CSV or Parquet file of features as arrays, judged column by column for what it knows of the future."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.cli import rendering
from trading.errors import UsageError
from trading.interfaces import Floats
from trading.monitoring.feature_leaks import LEAK, REVERSED, leaks_in
from trading.monitoring.feature_views import FEWEST_ROWS, Series

CSV, PARQUET = (".csv", ".txt"), (".parquet", ".pq")
MOSTLY = 0.5  # a column of which more than this share is numbers was meant to be one
EARLIEST, LATEST = pd.Timestamp("1900-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")


@dataclass(frozen=True)
class FeatureFile:
    """A file as it was read; `first_row` is what a person calls the row at place 0 (a CSV has a heading)."""

    path: Path
    frame: pd.DataFrame
    first_row: int

    def where(self, column: str, place: int) -> str:
        """File, column and row as a person finds them."""
        kind = "line" if self.first_row > 1 else "row"
        return f"{self.path}, column {column!r}, {kind} {place + self.first_row}"


def judge(path: Path, time: str, price: str, symbol: str | None, format_: str) -> bool:
    """Write the verdict on each column; True if none knows the future.

    Raises
    ------
    UsageError
        Naming file, column and row: what is no file of features cannot be judged.
    """
    file = read(path)
    names, series = series_of(file, time, price, symbol)
    verdicts = leaks_in(series, names)
    accused = verdicts[verdicts["verdict"].isin([LEAK, REVERSED])]
    rendering.write(verdicts, format_, None)
    if format_ == "table":
        sys.stdout.flush()
        sys.stderr.write(_sentence(accused, len(verdicts)) + "\n")
    return accused.empty


def _sentence(accused: pd.DataFrame, columns: int) -> str:
    counts = accused["verdict"].value_counts()
    leaks, turned = int(counts.get(LEAK, 0)), int(counts.get(REVERSED, 0))
    said = f"{leaks} of {columns} columns look ahead"
    if turned:
        said += f"; {turned} more go with the price only if their time runs backwards"
    return said


def read(path: Path) -> FeatureFile:
    """The file's table.

    Raises
    ------
    UsageError
        If it is not there, is neither CSV nor Parquet, cannot be read or holds no row.
    """
    suffix = path.suffix.lower()
    if suffix not in (*CSV, *PARQUET):
        raise UsageError(
            f"{path} is neither .csv nor .parquet; give a file of features of one of these kinds"
        )
    try:
        frame = pd.read_csv(path) if suffix in CSV else pd.read_parquet(path)
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except (OSError, ValueError, pa.ArrowException) as error:
        told = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} cannot be read as {suffix[1:]}: {told}") from None
    frame.columns = [str(name) for name in frame.columns]
    repeated = frame.columns[frame.columns.duplicated()]
    if len(repeated):
        raise UsageError(f"{path} has the column {repeated[0]!r} more than once; name each column once")
    if frame.empty:
        raise UsageError(f"{path} holds no row")
    return FeatureFile(path, frame.reset_index(drop=True), 2 if suffix in CSV else 1)


def series_of(file: FeatureFile, time: str, price: str, symbol: str | None) -> tuple[list[str], list[Series]]:
    """Names of the features, and the rows of each symbol in order of time.

    Raises
    ------
    UsageError
        If a column is missing, a time or price is none, or a time repeats.
    """
    _require(file, [time, price, *([] if symbol is None else [symbol])])
    times, prices = _times(file, time), _prices(file, price)
    owners = pd.Series("", index=file.frame.index) if symbol is None else _owners(file, symbol)
    names = [name for name in file.frame.columns if name not in (time, price, symbol)]
    if not names:
        raise UsageError(
            f"{file.path} has no column beside {time!r} and {price!r}: there is nothing to judge"
        )
    values = np.column_stack([_numbers(file, name) for name in names])
    _refuse_repeats(file, time, times, owners)
    codes = np.unique(times, return_inverse=True)[1]
    groups = [np.asarray(rows) for _, rows in sorted(owners.groupby(owners, sort=True).indices.items())]
    ordered = [rows[np.argsort(codes[rows], kind="stable")] for rows in groups]
    long_enough = [rows for rows in ordered if len(rows) >= FEWEST_ROWS]
    if not long_enough:
        raise UsageError(_too_short(file, max(len(rows) for rows in ordered), symbol))
    return names, [Series(codes[rows], prices[rows], values[rows]) for rows in long_enough]


def _too_short(file: FeatureFile, longest: int, symbol: str | None) -> str:
    of_whom = " of a symbol at most" if symbol else ""
    mixed = symbol is None and longest != len(file.frame)
    remedy = "; if it holds several instruments, name their column with --symbol" if mixed else ""
    return f"{file.path} holds {longest} rows{of_whom}; below {FEWEST_ROWS} nothing can be told from chance{remedy}"


def _require(file: FeatureFile, wanted: list[str]) -> None:
    missing = [name for name in wanted if name not in file.frame]
    if missing:
        known = ", ".join(map(str, file.frame.columns[:12]))
        more = ", ..." if file.frame.shape[1] > 12 else ""  # noqa: PLR2004 - a line's worth
        raise UsageError(f"{file.path} has no column {missing[0]!r}; it has {known}{more}")


def _times(file: FeatureFile, name: str) -> np.ndarray:
    """(n,) moments; dates and times in any usual spelling, or numbers that rise with time."""
    column = file.frame[name]
    if pd.api.types.is_numeric_dtype(column) and not column.isna().any():
        return column.to_numpy(dtype=float)
    moments = pd.to_datetime(
        column, errors="coerce", utc=True, format="ISO8601" if column.dtype == "str" else None
    )
    if column.dtype == "str" and moments.isna().mean() > MOSTLY:
        moments = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    bad = moments.isna() | (moments < EARLIEST) | (moments > LATEST)
    if bad.any():
        place = int(bad.to_numpy().argmax())
        raise UsageError(
            f"{file.where(name, place)}: {str(column[place])!r} is no time; write it as 2024-01-02 or 2024-01-02T14:30Z"
        )
    return moments.dt.as_unit("us").astype("int64").to_numpy()


def _prices(file: FeatureFile, name: str) -> Floats:
    prices = pd.to_numeric(file.frame[name], errors="coerce").to_numpy(dtype=float)
    bad = ~(np.isfinite(prices) & (prices > 0))
    if bad.any():
        place = int(bad.argmax())
        raise UsageError(
            f"{file.where(name, place)}: {str(file.frame[name][place])!r} is no price; it must be a number above 0"
        )
    return prices


def _owners(file: FeatureFile, name: str) -> pd.Series:
    empty = file.frame[name].isna().to_numpy()
    if empty.any():
        raise UsageError(f"{file.where(name, int(empty.argmax()))}: the symbol is empty")
    return file.frame[name].astype(str)


def _numbers(file: FeatureFile, name: str) -> Floats:
    """(n,) values of a feature, NaN where empty; all NaN for a column of words or moments.

    Raises
    ------
    UsageError
        If a column of numbers holds a word.
    """
    column = file.frame[name]
    if pd.api.types.is_datetime64_any_dtype(column):
        return np.full(len(column), np.nan)
    values = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)
    words = np.isnan(values) & column.notna().to_numpy()
    if words.any() and np.isfinite(values).mean() > MOSTLY:
        place = int(words.argmax())
        raise UsageError(
            f"{file.where(name, place)}: {str(column[place])!r} is no number, and most of the column is"
        )
    return np.where(np.isfinite(values), values, np.nan)


def _refuse_repeats(file: FeatureFile, time: str, times: np.ndarray, owners: pd.Series) -> None:
    again = pd.DataFrame({"time": times, "owner": owners}).duplicated().to_numpy()
    if not again.any():
        return
    place = int(again.argmax())
    whose = f" for {owners[place]}" if owners[place] else ""
    raise UsageError(
        f"{file.where(time, place)}: {file.frame[time][place]} comes twice{whose}; keep one row a time"
        + ("" if owners[place] else ", or name the column of the instruments with --symbol")
    )
