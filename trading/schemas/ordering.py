"""The order of rows by several columns as one number a row: sorting it is as good, and ten times as fast."""

from __future__ import annotations

from collections.abc import Sequence

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
        codes, uniques = pd.factorize(frame[column], sort=True)
        several *= max(len(uniques), 1)
        if several > _MOST or (len(codes) and codes.min() < 0):
            return None
        if len(uniques) > 1:
            place *= len(uniques)
            place += codes
    return place
