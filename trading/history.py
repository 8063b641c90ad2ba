"""Columns of a table over a range of sessions, and the windows of it that one session may see.

A stage never gets a table: it gets `Rows`, the part of one table that was known at its `as_of`
within its declared look-back. What it cannot reach it cannot leak.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionArray

from trading import calendar, frames

Array = NDArray[Any]
Columns = Mapping[str, Array]
Labels: TypeAlias = Sequence[Hashable] | pd.DatetimeIndex
Axes: TypeAlias = tuple[tuple[str, tuple[Hashable, ...], int], ...]
_NEVER = np.iinfo(np.int64).max
_OUTSIDE = -(
    2**40
)  # of a row whose label is not asked for; more than any block has cells, so sums stay below 0


class History:
    """All rows of a table in a range of sessions, revisions included, ready to be cut into windows.

    Parameters
    ----------
    table : name of the table
    values : one array a column, rows sorted by key

    Attributes
    ----------
    has_late_rows : whether any row was known after its own session decided, or revises another
    """

    def __init__(self, table: str, values: Columns) -> None:
        self.table = table
        self.values = values
        self.days: NDArray[np.int64] = np.asarray(values["session"], dtype="datetime64[us]").view(np.int64)
        self.known: NDArray[np.int64] = np.asarray(values["known_at"], dtype="datetime64[us]").view(np.int64)
        self._codes: dict[str, tuple[NDArray[np.int64], dict[Hashable, int]]] = {}
        self._cells: dict[Hashable, NDArray[np.int64]] = {}
        self.has_late_rows = "known_at" in frames.table_of(table).key and self._needs_selection()

    @classmethod
    def from_frame(cls, table: str, frame: pd.DataFrame) -> History:
        """The history of a validated frame."""
        return cls(table, {name: _array(frame[name]) for name in frames.columns(table)})

    def moved_on(self, start: int, made: Columns) -> History:
        """The history from row `start` on, and the rows `made` after it; what is known of the old is not looked up again."""
        values = {name: np.concatenate([old[start:], made[name]]) for name, old in self.values.items()}
        moved = History(self.table, values)
        for column, (codes, code_of) in self._codes.items():
            known = dict(code_of)
            new = [_code(value, known) for value in made[column].tolist()]
            moved._codes[column] = (np.concatenate([codes[start:], np.array(new, dtype=np.int64)]), known)
        return moved

    def _needs_selection(self) -> bool:
        """Whether any row was known later than its own session decided, or revises another."""
        if not len(self.days):
            return False
        sessions = pd.DatetimeIndex(self.days.view("datetime64[us]"))
        decided = (
            calendar.as_of_each(sessions).tz_localize(None).to_numpy().astype("datetime64[us]").view(np.int64)
        )
        return bool((self.known > decided).any() or (self._superseded < _NEVER).any())

    @functools.cached_property
    def _revisions(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """(n,) places ordered by key and then by when each row was known, and whether each revises the one before."""
        key = [column for column in frames.table_of(self.table).key if column != "known_at"]
        rows = pd.DataFrame({column: self.values[column] for column in key})
        ordered = rows.assign(known_at=self.known).sort_values([*key, "known_at"], kind="stable")
        return ordered.index.to_numpy(), ordered.duplicated(subset=key).to_numpy()

    @functools.cached_property
    def _superseded(self) -> NDArray[np.int64]:
        """(n,) microseconds since 1970: when each row was revised, or never."""
        places, revises = self._revisions
        until = np.full(len(self.days), _NEVER)
        until[places[:-1][revises[1:]]] = self.known[places[1:][revises[1:]]]
        return until

    @functools.cached_property
    def first_known(self) -> NDArray[np.int64]:
        """(n,) microseconds since 1970: when each row's key was first known, by any revision of it."""
        places, revises = self._revisions
        begins = np.flatnonzero(~revises)
        first = np.empty(len(places), dtype=np.int64)
        first[places] = np.repeat(self.known[places[begins]], np.diff(np.append(begins, len(places))))
        return first

    def window(self, first: pd.Timestamp, last: pd.Timestamp, as_of: pd.Timestamp) -> Rows:
        """Rows of the sessions `first` to `last` that were known at `as_of`, the newest revision of each key."""
        start = int(np.searchsorted(self.days, _micros(first)))
        stop = int(np.searchsorted(self.days, _micros(last), side="right"))
        if not self.has_late_rows:
            return Rows(self, slice(start, stop), first, last)
        moment = _micros(as_of)
        visible = (self.known[start:stop] <= moment) & (moment < self._superseded[start:stop])
        return Rows(self, start + np.flatnonzero(visible), first, last)

    def cells(self, axes: Axes) -> NDArray[np.int64]:
        """(n,) where each row lies in a block, along `axes` of (column, labels, step); below 0 outside of it.

        A stage asks for the same labels in each session, and its windows overlap: they are looked up once.
        """
        if axes not in self._cells:
            cell = np.zeros(len(self.days), dtype=np.int64)
            for column, labels, step in axes:
                codes, code_of = self._coded(column)
                place_of = np.full(len(code_of) + 1, _OUTSIDE)
                for place, label in enumerate(labels):
                    if label in code_of:
                        place_of[code_of[label]] = place * step
                cell += place_of[codes]
            self._cells[axes] = cell
        return self._cells[axes]

    def _coded(self, column: str) -> tuple[NDArray[np.int64], dict[Hashable, int]]:
        """Integer code of each row's value of `column`, -1 where there is none, and the code of each value."""
        if column not in self._codes:
            codes, uniques = pd.factorize(self.values[column])
            self._codes[column] = (codes, {value: code for code, value in enumerate(uniques)})
        return self._codes[column]


class Rows:
    """The rows of one table that one session may see, sorted by key."""

    def __init__(
        self, history: History, index: slice | NDArray[np.int64], first: pd.Timestamp, last: pd.Timestamp
    ) -> None:
        self._history = history
        self._index = index
        self.first = first
        self.last = last

    def __len__(self) -> int:
        return len(self._history.days[self._index])

    def __getitem__(self, column: str) -> Array:
        """Values of one column, one a row; read-only by convention."""
        return self._history.values[column][self._index]

    @functools.cached_property
    def sessions(self) -> pd.DatetimeIndex:
        """(w,) every session of the window, with or without rows."""
        return calendar.sessions_between(self.first, self.last)

    @property
    def frame(self) -> pd.DataFrame:
        """The rows as a data frame."""
        return pd.DataFrame({name: self[name] for name in self._history.values})

    def at(self, session: pd.Timestamp) -> Rows:
        """The rows of one session of the window."""
        positions = np.arange(len(self._history.days))[self._index]
        mine = positions[self._history.days[positions] == _micros(session)]
        return Rows(self._history, mine, session, session)

    def since(self, first: pd.Timestamp) -> Rows:
        """The rows of the window's sessions from `first` on."""
        days, begin = self._history.days, _micros(first)
        if isinstance(self._index, slice):
            start = max(self._index.start, int(np.searchsorted(days, begin)))
            return Rows(self._history, slice(start, max(start, self._index.stop)), first, self.last)
        return Rows(self._history, self._index[days[self._index] >= begin], first, self.last)

    def first_known(self) -> NDArray[np.int64]:
        """(n,) microseconds since 1970, UTC: when each row's key was first known, by any revision of it."""
        history = self._history
        if not history.has_late_rows:
            return history.known[self._index]
        return history.first_known[self._index]

    def cube(self, column: str, **axes: Labels) -> Array:
        """Values of `column` laid out along named key columns, NaN where there is no row.

        Examples
        --------
        `rows.cube("score", session=rows.sessions, horizon=(1, 5), symbol=("NVDA", "AMD"))` has
        shape (w, 2, 2).
        """
        return self.block((column,), **axes)[..., 0]

    def block(self, columns: Sequence[str], **axes: Labels) -> Array:
        """Several columns, each laid out as `cube` does, along a further last axis."""
        shape = tuple(len(labels) for labels in axes.values())
        steps = {name: math.prod(shape[place + 1 :]) for place, name in enumerate(axes)}
        times = {
            name: labels for name, labels in axes.items() if self._history.values[name].dtype.kind == "M"
        }
        fixed: Axes = tuple((name, tuple(axes[name]), steps[name]) for name in axes if name not in times)
        cell = self._history.cells(fixed)[self._index]
        for name, labels in times.items():
            cell = cell + self._moments(name, pd.DatetimeIndex(labels)) * steps[name]
        inside = cell >= 0
        wanted: slice | NDArray[np.int64] = slice(None) if inside.all() else np.flatnonzero(inside)
        out = np.full((math.prod(shape), len(columns)), np.nan)
        for last, column in enumerate(columns):
            out[cell[wanted], last] = self[column][wanted]
        return out.reshape(*shape, len(columns))

    def _moments(self, name: str, labels: pd.DatetimeIndex) -> NDArray[np.int64]:
        """(n,) place of each row's moment among ascending `labels`, below 0 where it is none of them."""
        wanted = labels.to_numpy().astype("datetime64[us]")
        mine = np.asarray(self[name], dtype="datetime64[us]")
        begins = np.flatnonzero(np.append(True, mine[1:] != mine[:-1])) if len(mine) else np.empty(0, int)
        runs = mine[begins]  # rows are sorted by session, so few lookups answer for many rows
        found = np.searchsorted(wanted, runs)
        known = np.minimum(found, len(wanted) - 1)
        place = (
            np.where(wanted[known] == runs, known, _OUTSIDE) if len(wanted) else np.full(len(runs), _OUTSIDE)
        )
        return np.repeat(place, np.diff(np.append(begins, len(mine))))


def _code(value: Hashable, code_of: dict[Hashable, int]) -> int:
    """The code of a value, which is given one if it is new; -1 of one that is missing."""
    return -1 if pd.isna(value) else code_of.setdefault(value, len(code_of))


def _micros(moment: pd.Timestamp) -> int:
    """Microseconds since 1970, of a session label or of a moment in UTC."""
    return int(moment.value) // 1000


def _array(column: pd.Series) -> Array:
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if column.dtype == "str":
        return column.to_numpy(dtype=object)
    return column.to_numpy()


def to_frame(table: str, parts: Sequence[Columns]) -> pd.DataFrame:
    """Columns of several sessions as one validated frame of `table`."""
    dtypes = frames.table_of(table).dtypes
    if not parts:
        return frames.empty(table)
    joined = {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in dtypes}
    return frames.validated(table, pd.DataFrame({n: _column(v, dtypes[n]) for n, v in joined.items()}))


def _column(values: Array, dtype: str) -> Array | ExtensionArray:
    """Values of a column in its type; arrays, because a frame made of Series compares their indexes one by one."""
    if dtype == "datetime64[us, UTC]":
        return pd.DatetimeIndex(values.astype("datetime64[us]")).tz_localize("UTC").array
    return values if str(values.dtype) == dtype else pd.Series(values).astype(dtype).array
