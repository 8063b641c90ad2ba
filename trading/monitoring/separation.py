"""Rows of a vendor taken apart: those that fit a table, and those that go to quarantine with a reason."""

from __future__ import annotations

import json
import reprlib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from trading import frames
from trading.errors import SchemaError
from trading.monitoring.readable import column_of, is_missing

NO_SESSION = pd.Timestamp(
    1970, 1, 1
)  # of a row that names no day; not its day of arrival, or it came anew each time
NO_MOMENT = NO_SESSION.tz_localize(
    "UTC"
)  # of a row that does not say when it was known, until its arrival is put there
UNREADABLE, MISSING, DUPLICATE = "a value cannot be read", "a value is missing", "exact duplicate"
DETAIL = ": "  # between a rule's words and what is said of one row
_QUOTED = reprlib.Repr()
_QUOTED.maxstring = _QUOTED.maxother = 100
_OLDEST, _NEWEST = pd.Timestamp(1900, 1, 1), pd.Timestamp(2200, 1, 1)  # every database stores these


@dataclass(frozen=True)
class Separation:
    """Rows of a vendor: `accepted` has the schema of their table, `quarantined` that of `quarantine`."""

    accepted: pd.DataFrame
    quarantined: pd.DataFrame


@dataclass(frozen=True)
class Arrivals:
    """Rows of a vendor with the types of a table, beside what came.

    Attributes
    ----------
    original : the rows as they came; typed : the same rows with the table's types
    naive : True where a moment came without a time zone (typed as if it were UTC)
    unreadable : True where a value cannot be read as the type of its column (typed as missing)
    """

    table: str
    original: pd.DataFrame
    typed: pd.DataFrame
    naive: pd.Series
    unreadable: pd.Series

    @classmethod
    def of(cls, table: str, rows: pd.DataFrame) -> Arrivals:
        """`rows` as arrivals for `table`.

        Raises
        ------
        SchemaError
            If a column is missing, or there twice.
        """
        dtypes = frames.table_of(table).dtypes
        missing = [name for name in dtypes if name not in rows]
        if missing:
            raise SchemaError(f"rows for table {table}: the columns {missing} are missing")
        if not rows.columns.is_unique:
            repeated = sorted(set(rows.columns[rows.columns.duplicated()]))
            raise SchemaError(f"rows for table {table}: the columns {repeated} are there twice")
        original = rows[list(dtypes)].reset_index(drop=True)
        columns = {name: column_of(original[name], kind) for name, kind in dtypes.items()}
        typed = pd.DataFrame({name: column.values for name, column in columns.items()})
        naive = pd.Series(data=False, index=original.index)
        unreadable = naive.copy()
        for column in columns.values():
            naive |= column.naive
            unreadable |= column.unreadable
        return cls(table, original, typed, naive, unreadable)

    def sorted_by(self, key: list[str]) -> Arrivals:
        """The same arrivals in the order of `key`, those of one key as they came."""
        order = self.typed.sort_values(key, kind="stable").index
        parts = {name: getattr(self, name).loc[order].reset_index(drop=True) for name in _ALIGNED}
        return replace(self, **parts)

    def unmarked(self) -> pd.Series:
        """A reason for each row: none so far."""
        return pd.Series("", index=self.typed.index, dtype=object)


_ALIGNED = ("original", "typed", "naive", "unreadable")


def first_reasons(reasons: pd.Series, rules: Iterable[tuple[str, pd.Series]]) -> pd.Series:
    """The first broken rule of each row that has no reason yet, empty where all are kept."""
    for reason, broken in rules:
        broken = broken.fillna(value=False).astype(bool)  # noqa: PLW2901 - the same rows, without gaps
        if broken.any():
            reasons = reasons.mask((reasons == "") & broken, reason)
    return reasons


def mark_repeated(arrivals: Arrivals, reasons: pd.Series, key: list[str], *, trust_first: bool) -> pd.Series:
    """Reasons, with exact duplicates and rows of one key that contradict each other marked.

    Of rows that contradict each other none is kept, or only the first with `trust_first`.
    """
    good = arrivals.typed[reasons == ""]
    shared = good[good.duplicated(subset=key, keep=False)]  # few: the rest need not be compared
    same = shared.duplicated(keep="first")
    torn = shared[~same].duplicated(subset=key, keep="first" if trust_first else False)
    rules = ((DUPLICATE, same), ("contradicts another row of the same key", torn))
    return first_reasons(
        reasons, [(reason, broken.reindex(reasons.index, fill_value=False)) for reason, broken in rules]
    )


def separated(arrivals: Arrivals, reasons: pd.Series) -> Separation:
    """Rows without a reason as a validated frame, the others as rows of `quarantine`."""
    good = reasons == ""
    accepted = frames.validated(arrivals.table, arrivals.typed[good])
    return Separation(accepted, _quarantine(arrivals, _detailed(arrivals, reasons[~good])))


def _detailed(arrivals: Arrivals, reasons: pd.Series) -> pd.Series:
    """Reasons that blame a value, with the columns at fault and what stands in them."""
    blamed = reasons[reasons.isin([UNREADABLE, MISSING])]
    if not len(blamed):
        return reasons
    said: dict[Hashable, list[str]] = {row: [] for row in blamed.index}
    for name, kind in frames.table_of(arrivals.table).dtypes.items():
        values = arrivals.original.loc[blamed.index, name]
        read = column_of(values, kind)
        each = zip(blamed.index, values.astype(object), read.unreadable, read.values.isna(), strict=True)
        for row, value, bad, lacking in each:
            if bad:
                said[row].append(f"{name} {_QUOTED.repr(value)}")
            elif blamed[row] == MISSING and lacking:
                said[row].append(name)
    whole = [blamed[row] + DETAIL + ", ".join(names) for row, names in said.items()]
    return pd.Series(whole, index=blamed.index, dtype=object).combine_first(reasons)[reasons.index]


def _quarantine(arrivals: Arrivals, reasons: pd.Series) -> pd.DataFrame:
    if not len(reasons):
        return frames.empty("quarantine")
    rows = arrivals.typed.loc[reasons.index]
    sessions = _storable(rows["session"]).fillna(NO_SESSION).dt.normalize()
    frame = pd.DataFrame(
        {
            "session": sessions,
            "known_at": _storable(rows["known_at"]).fillna(NO_MOMENT),
            "table": arrivals.table,
            "symbol": rows["symbol"].fillna(""),
            "reason": reasons,
            "row": _written(arrivals.original.loc[reasons.index]),
            "source": rows["source"].fillna(""),
        }
    )
    return frames.validated("quarantine", frame.astype(frames.table_of("quarantine").dtypes))


def _storable(moments: pd.Series) -> pd.Series:
    """NaT in the place of a moment that some database could not hold; the original row keeps it."""
    zone = getattr(moments.dtype, "tz", None)
    return moments.where(moments.between(_OLDEST.tz_localize(zone), _NEWEST.tz_localize(zone)))


def _written(rows: pd.DataFrame) -> list[str]:
    """Each row as JSON; the n-th of the same rows says so, because a key must not repeat."""
    seen: Counter[str] = Counter()
    written = []
    for record in rows.to_dict("records"):
        text = _json(record)
        seen[text] += 1
        written.append(text if seen[text] == 1 else _json({**record, "occurrence": seen[text]}))
    return written


def _json(record: Mapping[Hashable, Any]) -> str:
    values = {str(name): None if is_missing(value) else value for name, value in record.items()}
    return json.dumps(values, default=str, skipkeys=True)
