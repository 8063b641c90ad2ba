"""Measures of the scoreboard that rest on how a book moves and turns over, beside a market."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from trading.evaluation.book_evaluation import beta
from trading.evaluation.roadmap import SESSIONS_PER_MONTH
from trading.evaluation.uncertainty import Estimate, mean_estimate
from trading.interfaces import Floats

MARKET = "SPY"


def market_returns(features: pd.DataFrame, sessions: pd.DatetimeIndex) -> Floats:
    """(n,) simple returns of SPY at the sessions, from daily rows of `features`; NaN where it has no bar."""
    rows = features[(features["symbol"] == MARKET).to_numpy()].set_index("session")["log_return"]
    return np.expm1(rows.reindex(sessions).to_numpy(dtype=float))


def absolute_beta(own: Floats, market: Floats) -> Estimate:
    """How far the slope of returns (n,) on a market's is from 0, whichever way."""
    found = beta(own, market)
    low, high = sorted((abs(found.low), abs(found.high)))
    return Estimate(abs(found.value), 0.0 if found.low < 0 < found.high else low, high, found.observations)


def monthly_turnover(selection: pd.DataFrame) -> Estimate:
    """Share of the selection that is exchanged in a month, one way, from one strategy's rows of `selection`."""
    if selection.empty:
        return Estimate(math.nan, math.nan, math.nan, 0)
    traded = selection.groupby("session")["one_way_turnover"].first().to_numpy(dtype=float)
    return mean_estimate(traded[1:]).scaled(SESSIONS_PER_MONTH)
