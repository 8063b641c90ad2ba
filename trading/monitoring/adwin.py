"""Where a stream changed: the adaptive window ADWIN, with every cut tried.

Bifet and Gavaldà (2007), "Learning from time-changing data with adaptive windowing", SIAM Data Mining, figure 1 with
the cut of section 3 that uses the variance. Windows here are a year at most, so no buckets are needed.
"""

from __future__ import annotations

import math

import numpy as np

from trading.interfaces import Floats

FEWEST_ON_A_SIDE = 5


def cut_gap(values: Floats, confidence: float) -> Floats:
    """(n - 1,) by how much the means before and after each cut of values (n,) in [0, 1] differ beyond chance.

    Positive: more than chance explains with probability `confidence`; -inf where a side has fewer than five.
    """
    count = len(values)
    before = np.arange(1, count)
    after = count - before
    sums = values.cumsum()[:-1]
    apart = np.abs(sums / before - (values.sum() - sums) / after)
    harmonic = 1 / (1 / before + 1 / after)
    log_term = math.log(2 * count / confidence)
    bound = np.sqrt(2 / harmonic * values.var() * log_term) + 2 / (3 * harmonic) * log_term
    return np.where(np.minimum(before, after) >= FEWEST_ON_A_SIDE, apart - bound, -np.inf)


def adaptive_length(values: Floats, confidence: float) -> int:
    """How many of the newest of values (n,) in [0, 1] are alike: the oldest go while any cut tells of a change."""
    begin = 0
    while len(values) - begin >= 2 * FEWEST_ON_A_SIDE and cut_gap(values[begin:], confidence).max() >= 0:
        begin += 1
    return len(values) - begin
