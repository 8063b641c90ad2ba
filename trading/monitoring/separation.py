"""Rows of a vendor taken apart: those that fit a table, and those that go to quarantine with a reason."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from trading import frames
from trading.errors import SchemaError

_NO_SESSION = pd.Timestamp(1970, 1, 1)


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
    """

    table: str
    original: pd.DataFrame
    typed: pd.DataFrame
    naive: pd.Series

    @classmethod
    def of(cls, table: str, rows: pd.DataFrame) -> Arrivals:
        """`rows` as arrivals for `table`.

        Raises
        ------
        SchemaError
            If a column is missing, or cannot be read as the type of its table.
        """
        dtypes = frames.table_of(table).dtypes
        missing = [name for name in dtypes if name not in rows]
        if missing:
            raise SchemaError(f"rows for table {table}: the columns {missing} are missing")
        original = rows[list(dtypes)].reset_index(drop=True)
        typed, naive = {}, pd.Series(data=False, index=original.index)
        for name, kind in dtypes.items():
            typed[name], lacks_zone = _typed(table, original[name], kind)
            naive |= lacks_zone
        return cls(table, original, pd.DataFrame(typed), naive)

    def unmarked(self) -> pd.Series:
        """A reason for each row: none so far."""
        return pd.Series("", index=self.typed.index, dtype=object)


def first_reasons(reasons: pd.Series, rules: Iterable[tuple[str, pd.Series]]) -> pd.Series:
    """The first broken rule of each row that has no reason yet, empty where all are kept."""
    for reason, broken in rules:
        reasons = reasons.mask((reasons == "") & broken.fillna(value=False).astype(bool), reason)
    return reasons


def mark_repeated(arrivals: Arrivals, reasons: pd.Series, key: list[str], *, trust_first: bool) -> pd.Series:
    """Reasons, with exact duplicates and rows of one key that contradict each other marked.

    Of rows that contradict each other none is kept, or only the first with `trust_first`.
    """
    good = arrivals.typed[reasons == ""]
    same = good.duplicated(keep="first")
    torn = good[~same].duplicated(subset=key, keep="first" if trust_first else False)
    rules = (("exact duplicate", same), ("contradicts another row of the same key", torn))
    return first_reasons(reasons, [(reason, broken.reindex(reasons.index)) for reason, broken in rules])


def separated(arrivals: Arrivals, reasons: pd.Series) -> Separation:
    """Rows without a reason as a validated frame, the others as rows of `quarantine`."""
    good = reasons == ""
    accepted = frames.validated(arrivals.table, arrivals.typed[good])
    return Separation(accepted, _quarantine(arrivals, reasons[~good]))


def _quarantine(arrivals: Arrivals, reasons: pd.Series) -> pd.DataFrame:
    if not len(reasons):
        return frames.empty("quarantine")
    rows = arrivals.typed.loc[reasons.index]
    sessions = rows["session"].fillna(_NO_SESSION).dt.normalize()
    frame = pd.DataFrame(
        {
            "session": sessions,
            "known_at": rows["known_at"].fillna(sessions.dt.tz_localize("UTC")),
            "table": arrivals.table,
            "symbol": rows["symbol"].fillna(""),
            "reason": reasons,
            "row": _written(arrivals.original.loc[reasons.index]),
            "source": rows["source"].fillna(""),
        }
    )
    return frames.validated("quarantine", frame.astype(frames.table_of("quarantine").dtypes))


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
    return json.dumps(
        {str(name): None if pd.isna(value) else value for name, value in record.items()}, default=str
    )


def _typed(table: str, values: pd.Series, kind: str) -> tuple[pd.Series, pd.Series]:
    """Values with the type of their column, and where a moment lacks its zone."""
    lacks = pd.Series(data=False, index=values.index)
    try:
        if kind == "datetime64[us, UTC]":
            return pd.to_datetime(values, utc=True).astype(kind), _lacks_zone(values)
        return values.astype(kind), lacks
    except (TypeError, ValueError) as error:
        raise SchemaError(f"rows for table {table}: column {values.name} is not {kind}: {error}") from None


def _lacks_zone(values: pd.Series) -> pd.Series:
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return pd.Series(data=False, index=values.index)
    return values.map(lambda moment: pd.notna(moment) and getattr(moment, "tzinfo", None) is None).astype(
        bool
    )
