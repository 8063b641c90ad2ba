"""Columns of a vendor read as the types of a table, value by value where that is needed.

A column that has its type already is taken as it is. In any other each value is judged by itself: what
cannot be read is marked and becomes a missing value, so that one word among numbers costs one row.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_NEVER = np.datetime64("NaT", "us")


class UnreadableError(ValueError):
    """A value has no meaning as the type of its column."""


@dataclass(frozen=True)
class Column:
    """A column as its table's type.

    Attributes
    ----------
    values : NaN, NaT or missing where nothing came, or nothing that can be read
    naive : True where a moment came without a time zone (read as if it were UTC)
    unreadable : True where something came that cannot be read
    """

    values: pd.Series
    naive: NDArray[np.bool_]
    unreadable: NDArray[np.bool_]


def column_of(values: pd.Series, kind: str) -> Column:
    """`values` as `kind`, a type of `trading.frames`."""
    nothing = np.zeros(len(values), dtype=bool)
    ready = _READY[kind](values)
    if ready is not None:
        naive = nothing if kind != _MOMENT or _has_zone(values) else values.notna().to_numpy()
        return Column(ready, naive, nothing)
    read, unreadable = _each(values, _READERS[kind])
    naive = np.array([_is_naive(value) for value in values], dtype=bool) if kind == _MOMENT else nothing
    return Column(_joined(read, values.index, kind), naive & ~unreadable, unreadable)


def _each(values: pd.Series, reader: Callable[[Any], Any]) -> tuple[list[Any], NDArray[np.bool_]]:
    """Each value read, None where it is missing or cannot be read; and where it cannot."""
    read: list[Any] = []
    unreadable = np.zeros(len(values), dtype=bool)
    for at, value in enumerate(values.astype(object)):
        try:
            read.append(None if is_missing(value) else reader(value))
        except (TypeError, ValueError, OverflowError):
            read.append(None)
            unreadable[at] = True
    return read, unreadable


def is_missing(value: object) -> bool:
    """Whether a cell holds nothing; a list in a cell is something."""
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _joined(read: list[Any], index: pd.Index, kind: str) -> pd.Series:
    if kind == "float64":
        return pd.Series([math.nan if value is None else value for value in read], index, dtype=kind)
    if kind == "str":
        return pd.Series(read, index, dtype=kind)
    stamps = np.array([_NEVER if value is None else value for value in read], dtype="datetime64[us]")
    series = pd.Series(stamps, index)
    return series.dt.tz_localize("UTC") if kind == _MOMENT else series


def _ready_number(values: pd.Series) -> pd.Series | None:
    numeric = isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiu"
    return values.astype("float64") if numeric else None


def _ready_text(values: pd.Series) -> pd.Series | None:
    if not isinstance(values.dtype, pd.StringDtype):
        return None
    plain = all(is_missing(value) or _is_plain(value) for value in values.unique())
    return values.astype("str") if plain else None


def _ready_session(values: pd.Series) -> pd.Series | None:
    plain = isinstance(values.dtype, np.dtype) and values.dtype.kind == "M"
    return values.astype("datetime64[us]") if plain else None


def _ready_moment(values: pd.Series) -> pd.Series | None:
    if _has_zone(values):
        return values.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    session = _ready_session(values)
    return None if session is None else session.dt.tz_localize("UTC")


def _number(value: Any) -> float:
    if isinstance(value, bool | np.bool_ | bytes | complex):
        raise UnreadableError(value)
    return float(value)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not _is_plain(value):
        raise UnreadableError(value)
    return str(value)


def _is_plain(value: str) -> bool:
    """Whether text can be stored everywhere: no NUL, no half of a surrogate pair."""
    return "\0" not in value and not any("\ud800" <= letter <= "\udfff" for letter in value)


def _session(value: Any) -> np.datetime64:
    stamp = _stamp(value)
    if stamp.tz is not None:
        raise UnreadableError(value)
    return stamp.as_unit("us").to_datetime64()


def _moment(value: Any) -> np.datetime64:
    stamp = _stamp(value)
    return (stamp if stamp.tz is None else stamp.tz_convert("UTC").tz_localize(None)).as_unit("us").asm8


def _stamp(value: Any) -> pd.Timestamp:
    """A date or moment; text only if it begins with a whole date, and never a number of unknown unit."""
    dated = isinstance(value, str) and _DATE.match(value)
    if not dated and not isinstance(value, dt.date | np.datetime64):
        raise UnreadableError(value)
    return pd.Timestamp(value)


def _is_naive(value: Any) -> bool:
    try:
        return not is_missing(value) and _stamp(value).tz is None
    except (TypeError, ValueError, OverflowError):
        return False


def _has_zone(values: pd.Series) -> bool:
    return isinstance(values.dtype, pd.DatetimeTZDtype)


_MOMENT = "datetime64[us, UTC]"
_READY: dict[str, Callable[[pd.Series], pd.Series | None]] = {
    "float64": _ready_number,
    "str": _ready_text,
    "datetime64[us]": _ready_session,
    _MOMENT: _ready_moment,
}
_READERS: dict[str, Callable[[Any], Any]] = {
    "float64": _number,
    "str": _text,
    "datetime64[us]": _session,
    _MOMENT: _moment,
}
