"""Recorded or SIMULATED messages played to a strategy that is late: it sees late, and its orders arrive late."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading.bounds import NOT_NEGATIVE, check_bounds
from trading.errors import OrderRejectedError
from trading.execution.order_book import queues
from trading.execution.order_book.book import OrderBook
from trading.execution.order_book.kernels import ARRIVALS, SHARES
from trading.execution.order_book.messages import ASK, BID, DELETE, LIMIT, MARKET, REPLACE, Messages

QueueModel = Literal["exact", "conservative", "probable"]
_MODELS: dict[QueueModel, int] = {
    "exact": queues.EXACT,
    "conservative": queues.CONSERVATIVE,
    "probable": queues.PROBABLE,
}


@dataclass(frozen=True)
class Latency:
    """Nanoseconds on the way: `feed` from the exchange to the strategy, news of fills too; `order` back."""

    feed: int = 0
    order: int = 0

    def __post_init__(self) -> None:
        check_bounds(self, feed=NOT_NEGATIVE, order=NOT_NEGATIVE)


@dataclass(frozen=True)
class OwnFill:
    """A fill at the exchange's `time`, known `Latency.feed` later; `maker` if the order waited for it."""

    order: int
    size: int
    tick: int
    maker: bool
    time: int


class Playback:
    """A strategy's view of messages, and its own orders among them.

    Parameters
    ----------
    queue : how the place in a queue is known; `exact` needs order-by-order data
    power : n of the probable model
    orders : the most own orders in one playback
    """

    def __init__(
        self,
        messages: Messages,
        latency: Latency | None = None,
        *,
        queue: QueueModel = "exact",
        power: float = 3.0,
        orders: int = 1000,
    ) -> None:
        self.messages, self.latency = messages, latency or Latency()
        self.now = int(messages.time[0]) if len(messages) else 0
        self.book = OrderBook(messages.slots, messages.ticks)
        self._model, self._power = _MODELS[queue], power
        self._own, self._fronts = np.zeros((orders, 5), dtype=np.int64), np.zeros((orders, 2))
        self._room = np.zeros((orders + 1024, 5), dtype=np.int64)
        self._next, self._named, self._first, self._sent = 0, 0, 0, 0
        self._wire: list[tuple[int, int, int, int, int, int, int]] = []

    def limit(self, size: int, tick: int, side: int) -> int:
        """Send a limit order; its name. What crosses when it arrives takes, the rest waits."""
        return self._send_new(LIMIT, size, tick, side)

    def market(self, size: int, side: int) -> int:
        """Send a market order; its name."""
        return self._send_new(MARKET, size, self.messages.ticks - 1 if side == BID else 0, side)

    def cancel(self, order: int) -> None:
        """Send a cancellation; too late, it does nothing."""
        self._send(DELETE, order, 0, 0, BID)

    def replace(self, order: int, size: int, tick: int) -> None:
        """Send a new size and price; the place in the queue is kept only by a smaller size at the same price."""
        self._check(size, tick)
        self._send(REPLACE, order, size, tick, BID)

    def elapse(self, nanoseconds: int) -> list[OwnFill]:
        """Let time pass; the fills of which the news arrived meanwhile."""
        self.now += nanoseconds
        seen, fills = self.now - self.latency.feed, []
        while self._wire and self._wire[0][0] <= seen:
            arrival, _, kind, order, *terms = heapq.heappop(self._wire)
            fills += self._play(arrival)
            fills += self._arrive(arrival, kind, order, *terms)
        return [*fills, *self._play(seen)]

    def left(self, order: int) -> int:
        """Shares of an own order that wait, as known by now."""
        resting = self._own[order, queues.STATUS] == queues.RESTING
        return int(self._own[order, queues.OPEN]) if resting else 0

    def ahead(self, order: int) -> float:
        """Shares that stand before an own order, as its queue model has it."""
        return max(float(self._fronts[order, queues.FRONT]), 0.0)

    @property
    def finished(self) -> bool:
        """Whether all messages have happened."""
        return self._next >= len(self.messages)

    def _send_new(self, kind: int, size: int, tick: int, side: int) -> int:
        self._check(size, tick)
        if self._named == len(self._own):
            raise OrderRejectedError(
                f"the playback has room for {self._named} orders; give it more with `orders`"
            )
        self._named += 1
        self._send(kind, self._named - 1, size, tick, side)
        return self._named - 1

    def _check(self, size: int, tick: int) -> None:
        if size <= 0 or not 0 <= tick < self.messages.ticks:
            raise OrderRejectedError(
                f"size {size} at tick {tick}: a size is positive, a tick within the book"
            )

    def _send(self, kind: int, order: int, size: int, tick: int, side: int) -> None:
        self._sent += 1
        heapq.heappush(self._wire, (self.now + self.latency.order, self._sent, kind, order, size, tick, side))

    def _arrive(self, time: int, kind: int, order: int, *terms: int) -> list[OwnFill]:
        own, (size, tick, side) = self._own[order], terms
        if kind in {LIMIT, MARKET}:
            return self._take(time, order, size, tick, side, rests=kind == LIMIT)
        if own[queues.STATUS] != queues.RESTING:
            return []
        if kind == REPLACE and tick == own[queues.PRICE] and size <= own[queues.OPEN]:
            own[queues.OPEN] = size
            return []
        own[queues.STATUS] = queues.DONE
        return (
            [] if kind == DELETE else self._take(time, order, size, tick, int(own[queues.MINE]), rests=True)
        )

    def _take(self, time: int, order: int, size: int, tick: int, side: int, *, rests: bool) -> list[OwnFill]:
        """Take what the other side shows up to the limit, level after level; the rest waits or is gone."""
        fills, left, other = [], size, ASK if side == BID else BID
        step, best = (1, self.book.best_ask) if side == BID else (-1, self.book.best_bid)
        for level in range(best, tick + step, step) if best is not None else ():
            part = min(left, self.book.depth(level, other))
            left -= part
            fills += [OwnFill(order, part, level, maker=False, time=time)] if part else []
            if not left:
                break
        waits = rests and left > 0
        arrival = self.book.state[ARRIVALS]
        self._own[order] = (queues.RESTING if waits else queues.DONE, side, tick, left, arrival)
        self._fronts[order] = (self.book.levels[tick + side * self.book.ticks, SHARES], 0.0)
        return fills

    def _play(self, until: int) -> list[OwnFill]:
        """Messages up to a moment; those of the same moment come before an own order that arrives in it."""
        fills: list[OwnFill] = []
        while not self.finished and self.messages.time[self._next] <= until:
            while self._first < self._named and self._own[self._first, queues.STATUS] == queues.DONE:
                self._first += 1
            part = slice(self._first, self._named)
            self._next, count = queues.play(
                self.messages.rows,
                self.messages.time,
                self._next,
                until,
                self._model,
                self._power,
                self.book.orders,
                self.book.levels,
                self.book.state,
                self._own[part],
                self._fronts[part],
                self._room,
                self._room[:0, :4].astype(np.int32),
            )
            fills += [self._told(row) for row in self._room[:count].tolist()]
        return fills

    def _told(self, row: list[int]) -> OwnFill:
        return OwnFill(row[0] + self._first, row[1], row[2], maker=bool(row[3]), time=row[4])
