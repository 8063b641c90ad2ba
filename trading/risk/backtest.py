"""Whether the value at risk was exceeded as often as it said, and not in runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.evaluation.coverage import coverage_of
from trading.evaluation.coverage_tests import clustering_of
from trading.interfaces import Floats


@dataclass(frozen=True)
class Backtest:
    """A series of values at risk beside what the book then lost.

    Attributes
    ----------
    sessions : with both known
    exceeded : share of them in which the loss was larger; 1 - level is promised
    kupiec_p : that the share is as promised (Kupiec 1995)
    independence_p : that exceedances do not follow exceedances (Christoffersen 1998)
    conditional_p : of both together
    shortfall_ratio : mean loss in exceeded sessions over the mean shortfall then expected; above 1, too little
        was expected (the first ratio of Acerbi and Szekely 2014, plus one); NaN without any
    """

    sessions: int
    exceeded: float
    kupiec_p: float
    independence_p: float
    conditional_p: float
    shortfall_ratio: float


def backtest(values_at_risk: Floats, shortfalls: Floats, outcomes: Floats, level: float) -> Backtest:
    """Losses said before each session (n,) against its simple return (n,); unknown ones do not count."""
    known = np.isfinite(values_at_risk) & np.isfinite(outcomes)
    held = np.where(known, (-outcomes <= values_at_risk).astype(float), np.nan)
    coverage, clustering = coverage_of(held, level), clustering_of(held, level)
    beyond = held == 0
    ratio = float(np.mean(-outcomes[beyond] / shortfalls[beyond])) if beyond.any() else np.nan
    return Backtest(
        sessions=coverage.observations,
        exceeded=1 - coverage.rate,
        kupiec_p=coverage.p_value,
        independence_p=clustering.independence_p,
        conditional_p=clustering.conditional_p,
        shortfall_ratio=ratio,
    )
