"""What each model alone would have decided, and what that was worth after costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from trading.digest import generator
from trading.evaluation.resampling import annual_sharpe, stationary_indices
from trading.evaluation.trades import profit_factor
from trading.execution.costs import CostModel
from trading.interfaces import Floats

COLUMNS = ("model", "metric", "value", "low", "high", "n")
AHEAD = 1
SAMPLES, MEAN_BLOCK, FEWEST_SESSIONS = 1000, 20, 60


def attribution(cases: pd.DataFrame, cost: float | None = None) -> pd.DataFrame:
    """Sharpe ratio, accuracy and profit factor of each model's own decisions, in columns `COLUMNS`.

    A model alone holds every name that it forecast with the same size: long where its median one session ahead is
    above zero, short where it is below, nothing where it is zero. What changes hands costs its linear rate. Accuracy
    is the share of decisions whose sign came true, the profit factor gains over losses of sessions.

    Parameters
    ----------
    cases : session, model, horizon, symbol, median, realized, contaminated; contaminated ones are left out
    cost : of trading one dollar, one way; by default the cost model's spread and slippage

    Notes
    -----
    Intervals (95 %) are percentiles of a stationary bootstrap of sessions, NaN with fewer than 60 sessions.
    """
    rate = linear_rate(CostModel()) if cost is None else cost
    clean = cases[((cases["horizon"] == AHEAD) & ~cases["contaminated"].astype(bool)).to_numpy()]
    rows = [row for model, part in clean.groupby("model", sort=True) for row in _rows(str(model), part, rate)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def linear_rate(costs: CostModel) -> float:
    """Spread and slippage of trading one dollar, one way."""
    return (costs.half_spread_bps + costs.slippage_bps) * 1e-4


def decided(part: pd.DataFrame, cost: float) -> tuple[Floats, Floats, Floats]:
    """(n,) net log returns of a model's decisions, and (n,) decisions that came true and (n,) decisions, a session."""
    wide = part.pivot_table(index="session", columns="symbol", values=["median", "realized"], aggfunc="last")
    side, came = (wide[name].to_numpy(dtype=float) for name in ("median", "realized"))
    side = np.sign(np.nan_to_num(side))
    held = side / np.maximum(np.isfinite(came).sum(axis=1, keepdims=True), 1)
    traded = np.abs(np.diff(held, axis=0, prepend=0.0)).sum(axis=1)
    right = (side * np.nan_to_num(came) > 0).sum(axis=1)
    return (
        (held * np.nan_to_num(came)).sum(axis=1) - cost * traded,
        right.astype(float),
        np.abs(side).sum(axis=1),
    )


def _rows(model: str, part: pd.DataFrame, cost: float) -> Iterator[tuple[Any, ...]]:
    net, right, made = decided(part, cost)
    count = len(net)
    drawn = np.zeros((0, count), dtype=np.int64)
    if count >= FEWEST_SESSIONS:
        drawn = stationary_indices(count, SAMPLES, MEAN_BLOCK, generator("attribution"))
    values: Mapping[str, tuple[float, Floats]] = {
        "sharpe": (float(annual_sharpe(net)), annual_sharpe(net[drawn])),
        "accuracy": (_share(right, made), _shares(right[drawn], made[drawn])),
        "profit_factor": (profit_factor(net), np.array([profit_factor(sample) for sample in net[drawn]])),
    }
    for metric, (value, samples) in values.items():
        known = samples[np.isfinite(samples)]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) > SAMPLES // 2 else (np.nan, np.nan)
        yield model, metric, value, float(low), float(high), count


def _share(right: Floats, made: Floats) -> float:
    return float(right.sum() / made.sum()) if made.sum() else np.nan


def _shares(right: Floats, made: Floats) -> Floats:
    total = made.sum(axis=1)
    return np.divide(right.sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)
