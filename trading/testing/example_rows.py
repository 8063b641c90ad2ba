"""Valid rows of any table, made from its schema: what a store must carry without loss.

The values mean nothing. They are deterministic, hold NaN where the schema allows it, and text that
is awkward to store.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from trading import calendar, frames
from trading.digest import generator
from trading.universe import SYMBOLS

AWKWARD = ("it's", 'a "quote"', "Ω, 日本", "", " ; -- ")
_TINY = 5e-324


def example(table: str, first: pd.Timestamp, last: pd.Timestamp, seed: int = 0) -> pd.DataFrame:
    """Rows of every session from `first` to `last`, one a symbol where the table has symbols."""
    declared = frames.table_of(table)
    sessions = calendar.sessions_between(first, last)
    symbols = SYMBOLS if "symbol" in declared.key else ("",)
    rows = len(sessions) * len(symbols)
    rng = generator(table, first, seed)
    known: dict[str, Any] = {"session": sessions.repeat(len(symbols))}
    known["known_at"] = calendar.as_of_each(known["session"])
    known["symbol"] = np.tile(np.asarray(symbols, dtype=object), len(sessions))
    fields = declared.model.to_schema().columns
    for column, dtype in declared.dtypes.items():
        if column not in known:
            values = _values(dtype, _bounds(fields[column]), rows, rng, key=column in declared.key)
            known[column] = _with_gaps(values) if fields[column].nullable else values
    frame = pd.DataFrame({column: known[column] for column in declared.dtypes})
    stamps = [c for c, dtype in declared.dtypes.items() if dtype.endswith("UTC]") and c != "known_at"]
    for column in stamps:
        frame[column] = frame[column].dt.tz_localize("UTC")
    return frame.astype(declared.dtypes)


def _bounds(field: Any) -> Mapping[str, Any]:
    """What the checks of a column say: allowed_values, min_value, max_value."""
    return {name: value for check in field.checks for name, value in (check.statistics or {}).items()}


def _values(
    dtype: str, bounds: Mapping[str, Any], rows: int, rng: np.random.Generator, *, key: bool
) -> np.ndarray[Any, Any]:
    if "allowed_values" in bounds:
        allowed = list(bounds["allowed_values"])
        values = np.array(allowed, dtype=object if dtype == "str" else None)
        return values[:1].repeat(rows) if key else values[rng.integers(0, len(allowed), rows)]
    if dtype == "str":
        return np.array([AWKWARD[n % len(AWKWARD)] for n in range(rows)], dtype=object)
    if dtype == "bool":
        return rng.integers(0, 2, rows).astype(bool)
    if dtype.startswith("datetime64"):
        return np.full(rows, np.datetime64("2024-02-29", "us"))
    low, high = bounds.get("min_value", -1e6), bounds.get("max_value", 1e6)
    if dtype == "int64":
        return rng.integers(int(low) + 1, 2**53, rows)
    values = rng.uniform(low, high, rows)
    values[rng.integers(0, rows)] = low + _TINY if low == 0 else high
    return values


def _with_gaps(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    values = values.copy()
    values[::3] = np.datetime64("NaT") if values.dtype.kind == "M" else np.nan
    return values
