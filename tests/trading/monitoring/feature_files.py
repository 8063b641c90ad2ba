"""Made-up files of features: what an honest one may hold, and what a leaking one holds. All SIMULATED."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]
FREEDOM = 4.0


def prices(seed: int, count: int) -> Floats:
    """(n,) prices whose volatility clusters, with heavy tails and some honest autocorrelation."""
    rng = np.random.default_rng(seed)
    echo = rng.choice([-0.1, -0.05, 0.0, 0.05])
    shocks = rng.standard_t(FREEDOM, count) / np.sqrt(FREEDOM / (FREEDOM - 2))
    returns, variance = np.zeros(count), 1.0
    for row in range(count):
        now = shocks[row] * np.sqrt(variance)
        returns[row] = now + echo * (returns[row - 1] if row else 0.0)
        variance = 0.05 + 0.10 * now**2 + 0.85 * variance
    return 100 * np.exp(np.cumsum(0.015 * returns))


def smooth(values: Floats, span: int) -> Floats:
    """Exponential mean of what came up to each row."""
    share = 2 / (span + 1)
    return lfilter([share], [1, share - 1], values, zi=[values[0] * (1 - share)])[0]


def rolling(values: Floats, width: int) -> Floats:
    """Mean of the last `width` values, NaN before there are as many."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    return np.concatenate([np.full(width - 1, np.nan), (total[width:] - total[:-width]) / width])


def later(values: Floats, rows: int) -> Floats:
    """The value `rows` later, NaN at the end."""
    return np.concatenate([values[rows:], np.full(rows, np.nan)])


def earlier(values: Floats, rows: int) -> Floats:
    """The value `rows` before, NaN at the beginning."""
    return np.concatenate([np.full(rows, np.nan), values[:-rows]])


def honest(price: Floats, seed: int) -> dict[str, Floats]:
    """Twenty-four columns that only know the past, and the sort of things that mislead a detector."""
    rng, count = np.random.default_rng(seed + 1), len(price)
    level = np.log(price)
    step = np.diff(level, prepend=level[0])
    spread = np.sqrt(rolling(step**2, 20))
    highest = np.array([price[max(0, row - 19) : row + 1].max() for row in range(count)])
    return {
        "return": step,
        "return_before": earlier(step, 1),
        "change_5": level - earlier(level, 5),
        "change_20": level - earlier(level, 20),
        "change_60": level - earlier(level, 60),
        "ema_10": smooth(price, 10),
        "ema_50": smooth(price, 50),
        "ema_200": smooth(price, 200),
        "mean_20": rolling(price, 20),
        "macd": smooth(price, 12) - smooth(price, 26),
        "volatility": spread,
        "price_before": earlier(price, 1),
        "log_price": level,
        "z_score": (price - rolling(price, 20)) / (price * spread),
        "rsi": rolling(np.maximum(step, 0), 14) / rolling(np.abs(step) + 1e-12, 14),
        "highest": highest,
        "mean_so_far": np.cumsum(price) / np.arange(1, count + 1),
        "direction": np.sign(step),
        "weekday": np.arange(count) % 5.0,
        "noise": rng.normal(size=count),
        "slow_noise": lfilter([1], [1, -0.99], rng.normal(size=count)),
        "walk": np.cumsum(rng.normal(size=count)),
        "peer_return": 0.7 * step / 0.015 + rng.normal(size=count),
        "peer_price": 50 * np.exp(np.cumsum(0.7 * step + 0.01 * rng.normal(size=count))),
    }


def leaking(price: Floats) -> dict[str, tuple[Floats, int]]:
    """Columns that know the future, each with how many rows it looks ahead."""
    level = np.log(price)
    step = np.diff(level, prepend=level[0])
    return {
        "next_return": (later(step, 1), 1),
        "minus_next_return": (-later(step, 1), 1),
        "return_after_next": (later(step, 2), 2),
        "will_rise": (np.sign(later(step, 1)), 1),
        "next_price": (later(price, 1), 1),
        "change_ahead_5": (later(level, 5) - level, 5),
        "change_ahead_20": (later(level, 20) - level, 20),
        "centred_mean_11": (later(rolling(price, 11), 5), 5),
        "shifted_rsi": (later(rolling(np.maximum(step, 0), 14) / rolling(np.abs(step) + 1e-12, 14), 3), 3),
    }
