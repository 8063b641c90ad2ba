"""One order book, moved by single orders or by messages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.errors import OrderRejectedError
from trading.execution.order_book import kernels
from trading.execution.order_book.messages import (
    ASK,
    BID,
    DELETE,
    LIMIT,
    MARKET,
    REPLACE,
    Messages,
)


@dataclass(frozen=True)
class Trade:
    """Shares of a resting order, taken at its price."""

    maker: int
    size: int
    tick: int


class OrderBook:
    """Limit, market, cancel and replace with price-time priority.

    Parameters
    ----------
    slots : orders that may rest at once; an order is named by its slot
    ticks : prices that there are, from 0
    """

    def __init__(self, slots: int, ticks: int) -> None:
        self.orders = np.zeros((slots, 6), dtype=np.int32)
        self.levels = np.zeros((2 * ticks, 4), dtype=np.int32)
        self.levels[:, : kernels.SHARES] = kernels.NONE
        self.state = np.array([-1, ticks, 0, 0], dtype=np.int64)
        self.ticks = ticks
        self._trades = np.zeros((slots, 4), dtype=np.int32)

    def limit(self, slot: int, size: int, tick: int, side: int) -> tuple[Trade, ...]:
        """Take what crosses the price; the rest waits at it under the name `slot`.

        Raises
        ------
        OrderRejectedError
            If the size is not positive, the price outside the book, or the name taken.
        """
        if self.left(slot):
            raise OrderRejectedError(
                f"order {slot} rests in the book already; replace it, or take a free slot"
            )
        self._check(size, tick)
        return self._apply(LIMIT, slot, size, tick, side)

    def market(self, size: int, side: int) -> tuple[Trade, ...]:
        """Take up to `size` shares at any price: `side` bid buys. What finds nobody is gone."""
        self._check(size, 0)
        return self._apply(MARKET, 0, size, 0, side)

    def cancel(self, slot: int) -> int:
        """Shares that were taken out of the book, 0 where the order is gone."""
        left = self.left(slot)
        self._apply(DELETE, slot, 0, 0, BID)
        return left

    def replace(self, slot: int, size: int, tick: int) -> tuple[Trade, ...]:
        """A new size and price; the place in the queue stays only with a smaller size at the same price."""
        self._check(size, tick)
        return self._apply(REPLACE, slot, size, tick, BID)

    def play(self, messages: Messages, first: int = 0, last: int | None = None) -> NDArray[np.int32]:
        """Let messages happen; the trades (k, 4) of message, maker's slot, shares and tick."""
        end = len(messages) if last is None else last
        # a trade uses up its maker or its taker, and each is used up once
        trades = np.zeros((2 * (end - first) + len(self.orders), 4), dtype=np.int32)
        self.state[kernels.TRADES] = 0
        kernels.replay(messages.rows, first, end, self.orders, self.levels, self.state, trades)
        return trades[: self.state[kernels.TRADES]]

    def left(self, slot: int) -> int:
        """Shares of an order that wait in the book."""
        return int(self.orders[slot, kernels.LEFT])

    def depth(self, tick: int, side: int) -> int:
        """Shares that wait at a price."""
        return int(self.levels[tick + side * self.ticks, kernels.SHARES])

    def queue(self, tick: int, side: int) -> list[int]:
        """Slots at a price, whoever came first at the front."""
        level = self.levels[tick + side * self.ticks]
        slots, slot = [], int(level[kernels.FIRST]) if level[kernels.COUNT] else kernels.NONE
        while slot != kernels.NONE:
            slots.append(slot)
            slot = int(self.orders[slot, kernels.NEXT])
        return slots

    def ahead(self, slot: int) -> int:
        """Shares that stand before an order in its queue."""
        queue = self.queue(*map(int, self.orders[slot, kernels.AT : kernels.OF + 1]))
        return sum(self.left(other) for other in queue[: queue.index(slot)])

    @property
    def best_bid(self) -> int | None:
        """The highest price that somebody pays."""
        return int(self.state[BID]) if self.state[BID] >= 0 else None

    @property
    def best_ask(self) -> int | None:
        """The lowest price that somebody takes."""
        return int(self.state[ASK]) if self.state[ASK] < self.ticks else None

    def _check(self, size: int, tick: int) -> None:
        if size <= 0 or not 0 <= tick < self.ticks:
            raise OrderRejectedError(
                f"size {size} at tick {tick}: a size is positive, a tick between 0 and {self.ticks - 1}"
            )

    def _apply(self, kind: int, slot: int, size: int, tick: int, side: int) -> tuple[Trade, ...]:
        row = np.array([[kind, slot, size, tick, side]], dtype=np.int32)
        self.state[kernels.TRADES] = 0
        kernels.apply(row, 0, self.orders, self.levels, self.state, self._trades)
        made = self._trades[: self.state[kernels.TRADES]].tolist()
        return tuple(Trade(maker, size, tick) for _, maker, size, tick in made)
