"""Whether a frame keeps its schema, asked quickly.

pandera takes some 8 ms a frame, however small, and explains itself; an evening has 60 frames of a few
rows each. Here the answer is only yes or "perhaps not", and then pandera has the word.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.schemas.table import Table

_NEVER_NULL = ("int64", "bool")


@dataclass(frozen=True)
class Limits:
    """What the values of one column keep; `above` excludes its bound, the others include theirs, `never` is a value."""

    nullable: bool
    above: float = -math.inf
    least: float = -math.inf
    most: float = math.inf
    never: float = math.nan
    allowed: frozenset[object] | None = None


def keeps(declared: Table, frame: pd.DataFrame) -> bool:
    """Whether `frame`, whose columns have the declared types, certainly keeps the schema of its table."""
    limits = limits_of(declared)
    if limits is None or len(frame.columns) != len(limits) or set(frame.columns) != set(limits):
        return False
    return all(_holds(frame[column], limit) for column, limit in limits.items())


@functools.cache
def limits_of(declared: Table) -> dict[str, Limits] | None:
    """Limits of each column; None if the schema asks for something that is not known here."""
    schema = declared.model.to_schema()
    if schema.checks or schema.unique or schema.coerce:
        return None
    limits = {}
    for name, column in schema.columns.items():
        found: Limits | None = Limits(nullable=bool(column.nullable))
        for check in column.checks:
            found = None if found is None else _narrowed(found, check)
        if found is None or column.unique or column.coerce:
            return None
        limits[name] = found
    return limits


def _narrowed(limits: Limits, check: Any) -> Limits | None:
    stated = check.statistics
    match check.name:
        case "greater_than":
            return replace(limits, above=stated["min_value"])
        case "greater_than_or_equal_to":
            return replace(limits, least=stated["min_value"])
        case "less_than_or_equal_to":
            return replace(limits, most=stated["max_value"])
        case "not_equal_to":
            return replace(limits, never=stated["value"])
        case "isin":
            return replace(limits, allowed=frozenset(stated["allowed_values"]))
    return None


def _holds(column: pd.Series[Any], limits: Limits) -> bool:
    kind = str(column.dtype)
    if limits.allowed is not None and not column.isin(limits.allowed).all():
        return False
    if kind == "float64":
        values = column.to_numpy()
        known = ~np.isnan(values)
        return (limits.nullable or bool(known.all())) and _within(values[known], limits)
    if kind in _NEVER_NULL:
        return not _is_bounded(limits) or _within(column.to_numpy(), limits)
    return limits.nullable or not column.hasnans


def _is_bounded(limits: Limits) -> bool:
    ends = limits.above > -math.inf or limits.least > -math.inf or limits.most < math.inf
    return ends or not math.isnan(limits.never)


def _within(values: NDArray[Any], limits: Limits) -> bool:
    ends = (values > limits.above) & (values >= limits.least) & (values <= limits.most)
    return bool(np.all(ends & (values != limits.never)))
