"""Skill that is too good to be true is a leak until proven otherwise."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from trading.evaluation.comparison import ALL

# Honest daily forecasts of single stocks are right 49 to 53 times in 100, with a correlation below 0.03.
LEAK_LIMITS: Mapping[str, float] = {"ic": 0.1, "rank_ic": 0.1, "direction": 0.56}


def suspected_leaks(comparison: pd.DataFrame) -> pd.DataFrame:
    """Rows over all sessions whose whole interval lies above what honest forecasts reach, with their `limit`.

    The value alone is no evidence: over 20 sessions a correlation of 0.1 happens by chance.
    """
    limits = comparison["metric"].map(dict(LEAK_LIMITS)).astype(float)
    suspect = (comparison["slice"] == ALL) & (comparison["low"] > limits)
    return comparison[suspect.to_numpy()].assign(limit=limits[suspect.to_numpy()]).reset_index(drop=True)
