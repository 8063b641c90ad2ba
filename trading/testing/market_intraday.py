"""Five-minute bars of one simulated session, that add up to its daily bars exactly.

Letters of the shapes: s instruments, n bars of the session.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.digest import generator
from trading.interfaces import Floats

_WIGGLE = 0.5  # of a bar's volatility, how far its extremes lie beyond its ends
_EDGE_OF_DAY = 1.5  # how much busier the first and last bars are than those at noon
_VOLUME_SPREAD = 0.35
_RANGE_PER_SIGMA = 1.6  # mean range of Brownian motion over one unit of time


@dataclass(frozen=True)
class DayBars:
    """Daily bars (s,) of one session."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def split_day(seed: int, session: pd.Timestamp, day: DayBars, count: int) -> dict[str, Floats]:
    """`count` bars (s, n) of each instrument: open, high, low, close, volume.

    The first open, the last close, the highest high, the lowest low and the sum of the volumes are
    those of the day. The bars depend on the seed, the session and the daily bars alone.
    """
    source = generator("market/5min", session, seed)
    size = (len(day.open), count)
    walk, up, down, busy = (source.standard_normal(size) for _ in range(4))
    sigma = (np.log(day.high / day.low) / _RANGE_PER_SIGMA / np.sqrt(count))[:, None]
    ends = _bridge(day, walk * sigma)
    opened, closed = ends[:, :-1], ends[:, 1:]
    high = np.maximum(opened, closed) * np.exp(_WIGGLE * sigma * np.abs(up))
    low = np.minimum(opened, closed) * np.exp(-_WIGGLE * sigma * np.abs(down))
    high = np.minimum(np.round(high, 2), day.high[:, None])
    low = np.maximum(np.round(low, 2), day.low[:, None])
    rows = np.arange(size[0])
    high[rows, high.argmax(axis=1)] = day.high
    low[rows, low.argmin(axis=1)] = day.low
    return {"open": opened, "high": high, "low": low, "close": closed, "volume": _volumes(day, busy)}


def _bridge(day: DayBars, steps: Floats) -> Floats:
    """(s, n + 1) prices in cents from the open to the close, within the day's range."""
    count = steps.shape[1]
    walk = np.cumsum(steps, axis=1)
    share = np.arange(1, count + 1) / count
    log_path = walk - share * (walk[:, -1:] - np.log(day.close / day.open)[:, None])
    prices = np.round(day.open[:, None] * np.exp(log_path), 2)
    prices = np.clip(prices, day.low[:, None], day.high[:, None])
    prices[:, -1] = day.close
    return np.concatenate([day.open[:, None], prices], axis=1)


def _volumes(day: DayBars, noise: Floats) -> Floats:
    """(s, n) whole shares, more at the open and the close, the remainder in the last bar."""
    count = noise.shape[1]
    shape = 1 + _EDGE_OF_DAY * (2 * np.arange(count) / (count - 1) - 1) ** 2
    weight = shape * np.exp(_VOLUME_SPREAD * noise)
    volumes = np.floor(day.volume[:, None] * weight / weight.sum(axis=1, keepdims=True))
    volumes[:, -1] += day.volume - volumes.sum(axis=1)
    return volumes
