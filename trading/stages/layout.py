"""From cubes back to columns: the rows of a grid of keys, and what is the same on every row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.interfaces import Bools, Floats

Column = NDArray[Any]

# Rows of the other timeframes lie in the same tables; what reads daily ones says so.
DAILY, WEEKLY, FIVE_MINUTES = "1D", "1W", "5min"


def grid(**axes: Sequence[str] | Sequence[int]) -> dict[str, Column]:
    """One row for each combination of labels, the last axis fastest: the order of a raveled cube.

    Examples
    --------
    >>> {name: values.tolist() for name, values in grid(horizon=(1, 5), symbol=("A", "B")).items()}
    {'horizon': [1, 1, 5, 5], 'symbol': ['A', 'B', 'A', 'B']}
    """
    shape = tuple(len(labels) for labels in axes.values())
    places = np.indices(shape).reshape(len(shape), -1)
    return {name: labelled(axes[name])[place] for name, place in zip(axes, places, strict=True)}


def labelled(labels: Sequence[str] | Sequence[int]) -> Column:
    """Labels as a column: strings as objects, integers as int64."""
    return np.array(labels, dtype=object if labels and isinstance(labels[0], str) else np.int64)


def same(count: int, **values: str | pd.Timestamp | None) -> dict[str, Column]:
    """Columns that hold one text, session or moment (None: not a session) on each of `count` rows."""
    return {name: _constant(count, value) for name, value in values.items()}


def daily_keys(count: int, session: pd.Timestamp) -> dict[str, Column]:
    """Timeframe and start of the daily bar of `session` on each of `count` rows."""
    return same(count, timeframe=DAILY, ts=calendar.session_open(session))


def _constant(count: int, value: str | pd.Timestamp | None) -> Column:
    if isinstance(value, str):
        return np.full(count, value, dtype=object)
    return np.full(count, np.datetime64("NaT") if value is None else value.to_datetime64(), "datetime64[us]")


def selected(columns: Mapping[str, Column], mask: Bools) -> dict[str, Column]:
    """The rows of `columns` at which `mask` is True."""
    return {name: values[mask] for name, values in columns.items()}


def stacked(parts: Iterable[Mapping[str, Column]]) -> dict[str, Column]:
    """The rows of several parts with the same columns, one after another."""
    listed = list(parts)
    return {name: np.concatenate([part[name] for part in listed]) for name in listed[0]}


def last_known(values: Floats) -> Floats:
    """(n, ...) to (...): the last value along the first axis that is not NaN, NaN if none is."""
    place = np.where(np.isnan(values), -1, np.arange(len(values)).reshape(-1, *[1] * (values.ndim - 1)))
    newest = place.max(axis=0, initial=0)
    return np.take_along_axis(values, newest[np.newaxis], axis=0)[0]
