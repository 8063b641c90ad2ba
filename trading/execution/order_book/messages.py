"""The messages of a limit order book: arrays, one row an event, in the order in which they happened.

The kinds 1 to 7 carry LOBSTER's numbers (lobsterdata.com, "Output structure"); the others are ours. Prices
are ticks, counted from the lowest price of the book; sizes are shares; a slot is an order's place in the
book's memory, used again once the order is gone, so that a day of messages needs the memory of a moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]
from numpy.typing import NDArray

from trading.errors import SchemaError

LIMIT, REDUCE, DELETE, EXECUTE, HIDDEN, CROSS, HALT = range(1, 8)
MARKET, REPLACE, DEPTH, TRADE = range(8, 12)
BID, ASK = 0, 1
KIND, SLOT, SIZE, TICK, SIDE = range(5)


@dataclass(frozen=True)
class Messages:
    """Events of one instrument.

    Attributes
    ----------
    time : (n,) int64 nanoseconds, never falling
    rows : (n, 5) int32 of kind, slot, size, tick and side (0 bid, 1 ask; of the resting order, also in an
        execution or a trade; of the one who takes, in a market order)
    slots, ticks : how many of each the book needs
    lowest, tick : price of tick 0 and size of a tick, USD
    simulated : whether the flow is SIMULATED
    """

    time: NDArray[np.int64]
    rows: NDArray[np.int32]
    slots: int
    ticks: int
    lowest: float = 0.0
    tick: float = 0.01
    simulated: bool = False

    def __post_init__(self) -> None:
        if self.rows.shape != (len(self.time), 5):
            raise SchemaError(f"{len(self.time)} times for rows of shape {self.rows.shape}; give (n, 5)")
        if np.any(np.diff(self.time) < 0):
            raise SchemaError("the messages go back in time; sort them, keeping the order within a moment")
        low, high = self.rows.min(axis=0, initial=0), self.rows.max(axis=0, initial=0)
        most = (TRADE, self.slots - 1, np.iinfo(np.int32).max, self.ticks - 1, ASK)
        if (low < 0).any() or (high > np.array(most)).any():
            raise SchemaError(
                f"kind, slot, size, tick and side must lie between 0 and {most}, not {low} to {high}"
            )

    def __len__(self) -> int:
        return len(self.time)

    def price(self, ticks: Any) -> Any:
        """USD of a number of ticks."""
        return self.lowest + self.tick * ticks


@njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def slots_of(kinds: Any, orders: Any, sizes: Any, count: int) -> Any:
    """Slots of orders named 0 … `count` - 1 (n,), -1 for an event of an order that was never placed.

    A slot is free again after its order is deleted, or nothing of it is left.
    """
    slots, left = np.full(count, -1, dtype=np.int32), np.zeros(count, dtype=np.int64)
    free, spare, used = np.empty(count, dtype=np.int32), 0, 0
    out = np.full(len(kinds), -1, dtype=np.int32)
    for i in range(len(kinds)):
        order = orders[i]
        if kinds[i] == LIMIT:
            if spare > 0:
                spare -= 1
                slots[order] = free[spare]
            else:
                slots[order] = used
                used += 1
            left[order] = sizes[i]
        out[i] = slots[order]
        if (kinds[i] == REDUCE or kinds[i] == DELETE or kinds[i] == EXECUTE) and slots[order] >= 0:
            left[order] -= left[order] if kinds[i] == DELETE else sizes[i]
            if left[order] <= 0:
                free[spare] = slots[order]
                spare += 1
                slots[order] = -1
    return out
