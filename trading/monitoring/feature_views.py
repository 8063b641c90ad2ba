"""Columns of a feature file as they are judged: each in three views, and what past returns do not explain of it.

Letters of the shapes: n rows of a symbol in order of time, c columns.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from trading.interfaces import Floats

PAST_LAGS = 5
FEWEST_ROWS = 60
VOLATILITY_DECAY = 0.97
LARGEST_RETURN = 5.0  # standard deviations; a crash must not decide alone
KEPT = (0.005, 0.995)  # quantiles at which values are clipped
PRICE_LIKE = 3.0  # a column within this factor of the price is looked at against it
VIEWS: tuple[str, ...] = ("as it is", "change", "against the price")


@dataclass(frozen=True)
class Series:
    """One symbol: times (n,) as codes that all symbols share, its price (n,), and its columns (n, c)."""

    times: NDArray[np.int64]
    price: Floats
    values: Floats


@dataclass(frozen=True)
class Prepared:
    """One symbol, standardised: returns (n,), 0 where unknown, and each view of the columns (n, c), 0 where unknown.

    `returns` are over the volatility that was known before, `plain` are not; `raw` holds the views before past
    returns were taken away.
    """

    times: NDArray[np.int64]
    returns: Floats
    plain: Floats
    views: Mapping[str, Floats]
    raw: Mapping[str, Floats]


def prepared_for(series: Series) -> Prepared:
    """A symbol's columns and returns, ready to be judged."""
    returns = np.diff(np.log(series.price), prepend=math.nan)
    calmed = _standardised(_calmed(returns)[:, np.newaxis])[:, 0]
    scaled = np.nan_to_num(np.clip(calmed, -LARGEST_RETURN, LARGEST_RETURN))
    plain = np.nan_to_num(_standardised(returns[:, np.newaxis])[:, 0])
    raw = {name: _clipped(view) for name, view in _views(series).items()}
    cleaned = {name: _without_past(view, scaled) for name, view in raw.items()}
    known = {name: np.nan_to_num(_standardised(view)) for name, view in raw.items()}
    return Prepared(series.times, scaled, plain, cleaned, known)


def _calmed(returns: Floats) -> Floats:
    """(n,) returns over the volatility that was known the row before, so that no crash decides alone."""
    known = np.isfinite(returns)
    squares = np.where(known, returns, 0.0) ** 2
    start = squares.sum() / max(known.sum(), 1)
    variance = lfilter(
        [1 - VOLATILITY_DECAY], [1, -VOLATILITY_DECAY], squares, zi=[start * VOLATILITY_DECAY]
    )[0]
    before = np.sqrt(np.concatenate([[start], variance[:-1]]))
    return np.divide(returns, before, out=np.full_like(returns, math.nan), where=before > 0)


def _views(series: Series) -> dict[str, Floats]:
    """The columns as they are, their changes (relative ones where price-like), and their logarithm over the price."""
    price = series.price[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        over = np.where(series.values > 0, np.log(np.abs(series.values) / price), math.nan)
    near = np.abs(over) < math.log(PRICE_LIKE)
    like = near.sum(axis=0) > 0.95 * np.isfinite(series.values).sum(axis=0)
    over = np.where(like & near, over, math.nan)
    level = np.where(like, over + np.log(price), series.values)
    change = np.diff(level, axis=0, prepend=math.nan)
    return dict(zip(VIEWS, (level, change, over), strict=True))


def _clipped(values: Floats) -> Floats:
    known = np.isfinite(values).sum(axis=0) > 1
    low, high = np.full((2, values.shape[1]), math.nan)
    if known.any():
        low[known], high[known] = np.nanquantile(values[:, known], KEPT, axis=0)
    low, high = np.where(high > low, low, -math.inf), np.where(high > low, high, math.inf)
    return np.clip(values, low, high)


def _standardised(values: Floats) -> Floats:
    """Zero mean and unit variance of what is known; NaN all over where a column does not vary or is too short."""
    known = np.isfinite(values)
    count = np.maximum(known.sum(axis=0), 1)
    filled = np.where(known, values, 0.0)
    mean = filled.sum(axis=0) / count
    centered = np.where(known, values - mean, 0.0)
    deviation = np.sqrt((centered**2).sum(axis=0) / count)
    varies = (deviation > 1e-9 * (np.abs(mean) + 1e-300)) & (known.sum(axis=0) >= FEWEST_ROWS)
    scaled = centered / np.where(varies, deviation, 1.0)
    return np.where(known & varies, scaled, math.nan)


def _without_past(values: Floats, returns: Floats) -> Floats:
    """(n, c) what the return of the row and those before it leave of each column, standardised, 0 where unknown."""
    scaled = _standardised(values)
    past = np.column_stack([shifted(returns, lag) for lag in range(PAST_LAGS + 1)])
    known = np.isfinite(scaled)
    filled = np.nan_to_num(scaled)
    gram = past.T @ past + 1e-9 * len(past) * np.eye(PAST_LAGS + 1)
    left = np.where(known, filled - past @ np.linalg.solve(gram, past.T @ filled), math.nan)
    return np.nan_to_num(_standardised(left))


def shifted(values: Floats, lag: int) -> Floats:
    """Values `lag` rows earlier (negative: later), 0 where there are none."""
    if not lag:
        return values
    out = np.zeros_like(values)
    if lag > 0:
        out[lag:] = values[:-lag]
    else:
        out[:lag] = values[-lag:]
    return out
