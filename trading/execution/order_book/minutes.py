"""One-minute bars as aggregated messages: an approximation, for want of the order flow.

What it takes for granted, and no bar says: the price goes open, then the nearer of high and low, then the
other, then close; a quarter of the volume is traded at each, at seconds 0, 20, 40 and 59; the spread is one
tick and `depth` shares stand on each side; between the four moments the price jumps. So the queue of an order
is served only where a bar's price is its own, a price passed by fills it, and nothing is known within a
minute of who came first: take results as rough, and worse than the bars suggest.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.errors import MissingBarsError
from trading.execution.order_book.messages import ASK, BID, DEPTH, TRADE, Messages
from trading.interfaces import Floats

_MOMENTS = np.array([0, 20, 40, 59]) * 1_000_000_000
_EVENTS = 5  # old quote gone from both sides, new one on both, and a trade
_MARGIN = 2  # ticks free below the lowest price and above the highest


def messages_of_minutes(minutes: pd.DataFrame, *, tick: float = 0.01, depth: int = 100) -> Messages:
    """Messages (20 a minute) of one symbol's bars.

    Parameters
    ----------
    minutes : ts (start of the minute, rising), open, high, low, close, volume
    tick : USD
    depth : shares that stand at the best bid and the best ask

    Raises
    ------
    MissingBarsError
        If a price is missing.
    """
    path = _path(minutes[["open", "high", "low", "close"]].to_numpy(dtype=np.float64))
    if not np.isfinite(path).all():
        raise MissingBarsError("a minute has no price; drop such minutes before they become messages")
    ticks = np.rint(path.ravel() / tick).astype(np.int64)
    lowest = int(ticks.min()) - _MARGIN
    ticks -= lowest
    start = pd.DatetimeIndex(minutes["ts"]).as_unit("ns").asi8
    time = (start[:, None] + _MOMENTS).ravel().repeat(_EVENTS)
    traded = _quarters(minutes["volume"].to_numpy())
    rows = _rows(ticks, traded, depth)
    return Messages(time, rows, 1, int(ticks.max()) + 1 + _MARGIN, lowest * tick, tick)


def _path(bars: Floats) -> Floats:
    """(n, 4) open, nearer extreme, farther extreme, close."""
    first, high, low, last = bars.T
    up = high - first <= first - low
    return np.column_stack([first, np.where(up, high, low), np.where(up, low, high), last])


def _quarters(volume: NDArray[np.generic]) -> NDArray[np.int64]:
    """(4 n,) whole shares that sum to each bar's volume, the remainder at the open."""
    whole = volume.astype(np.int64)
    parts = np.repeat(whole[:, None] // 4, 4, axis=1)
    parts[:, 0] += whole % 4
    return parts.ravel()


def _rows(ticks: NDArray[np.int64], traded: NDArray[np.int64], depth: int) -> NDArray[np.int32]:
    """The trade at the old or new price, then the quote about it: a fall trades with bids, a rise with asks."""
    before = np.concatenate([ticks[:1], ticks[:-1]])
    side = np.where(ticks < before, BID, ASK)
    bid, ask = ticks - (side == ASK), ticks + (side == BID)
    old_bid, old_ask = np.concatenate([bid[:1], bid[:-1]]), np.concatenate([ask[:1], ask[:-1]])
    rows = np.zeros((len(ticks), _EVENTS, 5), dtype=np.int32)
    rows[:, 0] = _many(TRADE, traded, ticks, side)
    rows[:, 1] = _many(DEPTH, 0 * ticks, old_bid, BID + 0 * ticks)
    rows[:, 2] = _many(DEPTH, 0 * ticks, old_ask, ASK + 0 * ticks)
    rows[:, 3] = _many(DEPTH, depth + 0 * ticks, bid, BID + 0 * ticks)
    rows[:, 4] = _many(DEPTH, depth + 0 * ticks, ask, ASK + 0 * ticks)
    stays = (ticks == before) & (bid == old_bid) & (ask == old_ask)
    rows[stays, 1:3, 2] = depth  # the quote did not move: nobody lost a place in it
    return rows.reshape(-1, 5)


def _many(
    kind: int, sizes: NDArray[np.int64], ticks: NDArray[np.int64], sides: NDArray[np.int64]
) -> NDArray[np.int64]:
    return np.column_stack([np.full(len(ticks), kind), 0 * ticks, sizes, ticks, sides])
