"""Do intervals hold as often as they promise? Coverage with the test of Kupiec."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import chdtrc, xlogy

from trading.interfaces import Floats


@dataclass(frozen=True)
class Coverage:
    """How often intervals held, and how likely so large a deviation is if the promise were true.

    Attributes
    ----------
    observations : intervals that matured
    rate : share that held, NaN without observations
    target : share that was promised
    statistic : likelihood ratio of Kupiec (1995), chi-squared with one degree of freedom
    p_value : of the statistic; it takes observations as independent, which overlapping horizons are not
    """

    observations: int
    rate: float
    target: float
    statistic: float
    p_value: float


def covered(lower: Floats, upper: Floats, realized: Floats) -> Floats:
    """1.0 where lower <= realized <= upper, 0.0 where not, NaN where any of them is unknown."""
    known = ~(np.isnan(lower) | np.isnan(upper) | np.isnan(realized))
    return np.where(known, ((lower <= realized) & (realized <= upper)).astype(float), np.nan)


def coverage_of(flags: Floats, target: float) -> Coverage:
    """Coverage of `flags` (1.0 held, 0.0 missed, NaN not matured, of any shape) against `target`."""
    known = flags[~np.isnan(flags)]
    count, missed = len(known), float((known == 0).sum())
    if not count:
        return Coverage(0, np.nan, target, np.nan, np.nan)
    rate = 1 - missed / count
    promised = xlogy(missed, 1 - target) + xlogy(count - missed, target)
    observed = xlogy(missed, 1 - rate) + xlogy(count - missed, rate)
    statistic = max(0.0, float(2 * (observed - promised)))
    return Coverage(count, rate, target, statistic, float(chdtrc(1, statistic)))


def coverage_table(frame: pd.DataFrame, by: Sequence[str], target: float = 0.75) -> pd.DataFrame:
    """Coverage of a table with a column `covered`, one row for each value of the columns `by`."""
    rows = []
    for key, part in frame.groupby(list(by), sort=True):
        figures = coverage_of(part["covered"].to_numpy(dtype=float), target)
        rows.append(dict(zip(by, key, strict=True)) | vars(figures))
    return pd.DataFrame(rows, columns=[*by, *Coverage.__dataclass_fields__])
