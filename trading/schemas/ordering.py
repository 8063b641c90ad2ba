"""The order of rows by several columns as one number a row: sorting it is as good, and ten times as fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

_MOST = 2**62


def places(frame: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64] | None:
    """For each row a number, in the order of the rows by `columns`, the same for equal rows.

    Returns
    -------
    (n,) numbers, or None where a value is missing or no number is large enough.
    """
    place, several = np.zeros(len(frame), dtype=np.int64), 1
    for column in columns:
        ranks = _ranks(frame[column])
        most = int(ranks.max(initial=0)) + 1
        several *= most
        if several > _MOST or ranks.min(initial=0) < 0:
            return None
        if most > 1:
            place *= most
            place += ranks
    return place


def _ranks(values: pd.Series[Any]) -> NDArray[np.int64]:
    """(n,) the rank of each value among the different ones, -1 where it is missing."""
    if values.dtype.kind == "M" and not values.hasnans:
        steps = np.diff(values.to_numpy(dtype="datetime64[us]").view(np.int64))
        if (steps >= 0).all():  # moments often rise already
            return np.concatenate([np.zeros(min(len(values), 1), np.int64), np.cumsum(steps > 0)])
    return pd.factorize(values, sort=True)[0]
