"""Price-time priority in arrays: each level a linked list of orders, each side a best price.

Memory: `orders` (slots, 6) int32 of next, previous, shares left, tick, side and arrival; `levels`
(2 * ticks, 4) int32 of first, last, shares and orders, bids first; `state` int64 of best bid, best ask,
arrivals, number of trades; `trades` (n, 4) int32 of message, maker's slot, shares, tick. Arrays are
indexed element by element: a view of a row would cost more than the event. Best bid is -1 and best
ask `ticks` where a side is empty. A slot with nothing left is free.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays one by one

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]

from trading.execution.order_book.messages import (
    ASK,
    BID,
    DELETE,
    DEPTH,
    EXECUTE,
    KIND,
    LIMIT,
    MARKET,
    REDUCE,
    REPLACE,
    SIDE,
    SIZE,
    SLOT,
    TICK,
)

NEXT, PREVIOUS, LEFT, AT, OF, ARRIVAL = range(6)
FIRST, LAST, SHARES, COUNT = range(4)
ARRIVALS, TRADES = 2, 3
NONE = -1


def compiled(function: Callable[..., Any]) -> Any:
    """The function compiled at its first call and kept beside its bytecode where numba may write.

    No kernel makes an array, so none needs numba's counts of references: they are atomic, and cost more than
    an event (21 M events a second with them, 77 M without, one core).
    """
    fast: dict[str, Any] = {"nogil": True, "forceinline": True, "_nrt": False}
    try:
        return njit(cache=True, **fast)(function)
    except RuntimeError:
        return njit(**fast)(function)


@compiled
def _settle(side: int, levels: Any, state: Any) -> None:
    """Move the best price of a side off empty levels."""
    ticks = len(levels) // 2
    if side == BID:
        while state[BID] >= 0 and levels[state[BID], SHARES] == 0:
            state[BID] -= 1
    else:
        while state[ASK] < ticks and levels[ticks + state[ASK], SHARES] == 0:
            state[ASK] += 1


@compiled
def rest(slot: int, size: int, tick: int, side: int, orders: Any, levels: Any, state: Any) -> None:
    """Put an order at the end of its level's queue."""
    level = tick + side * (len(levels) // 2)
    orders[slot, NEXT], orders[slot, PREVIOUS], orders[slot, LEFT] = NONE, levels[level, LAST], size
    orders[slot, AT], orders[slot, OF], orders[slot, ARRIVAL] = tick, side, state[ARRIVALS]
    state[ARRIVALS] += 1
    if levels[level, COUNT] == 0:
        levels[level, FIRST] = slot
    else:
        orders[levels[level, LAST], NEXT] = slot
    levels[level, LAST] = slot
    levels[level, SHARES] += size
    levels[level, COUNT] += 1
    if side == BID:
        state[BID] = max(state[BID], tick)
    else:
        state[ASK] = min(state[ASK], tick)


@compiled
def reduce(slot: int, size: int, orders: Any, levels: Any, state: Any) -> int:
    """Take shares from an order where it stands; out of the queue if none are left. What was taken."""
    taken = min(size, orders[slot, LEFT])
    if taken <= 0:
        return 0
    level = orders[slot, AT] + orders[slot, OF] * (len(levels) // 2)
    orders[slot, LEFT] -= taken
    levels[level, SHARES] -= taken
    if orders[slot, LEFT] == 0:
        _unlink(slot, level, orders, levels)
        if levels[level, SHARES] == 0:
            _settle(orders[slot, OF], levels, state)
    return taken


@compiled
def _unlink(slot: int, level: int, orders: Any, levels: Any) -> None:
    """Join the neighbours of an order that leaves its queue."""
    before, after = orders[slot, PREVIOUS], orders[slot, NEXT]
    levels[level, COUNT] -= 1
    if before == NONE:
        levels[level, FIRST] = after
    else:
        orders[before, NEXT] = after
    if after == NONE:
        levels[level, LAST] = before
    else:
        orders[after, PREVIOUS] = before


@compiled
def match(
    size: int, worst: int, side: int, number: int, orders: Any, levels: Any, state: Any, trades: Any
) -> int:
    """Let one who buys (`side` bid) or sells take up to `size` no worse than `worst`; what is left of it.

    Best price first, and at a price whoever came first. Trades are kept while there is room for them.
    """
    ticks, other = len(levels) // 2, 1 - side
    while size > 0:
        best = state[other]
        if best < 0 or best >= ticks or (best > worst if side == BID else best < worst):
            break
        slot = levels[best + other * ticks, FIRST]
        taken = reduce(slot, size, orders, levels, state)
        if taken == 0:
            break  # an aggregated level has shares and no orders
        size -= taken
        if state[TRADES] < len(trades):
            place = state[TRADES]
            trades[place, 0], trades[place, 1], trades[place, 2], trades[place, 3] = number, slot, taken, best
        state[TRADES] += 1
    return size


@compiled
def _replace(rows: Any, number: int, orders: Any, levels: Any, state: Any, trades: Any) -> None:
    """A new size and price: only a smaller size at the old price keeps the place in the queue."""
    slot, size, tick = rows[number, SLOT], rows[number, SIZE], rows[number, TICK]
    left, side = orders[slot, LEFT], orders[slot, OF]
    if left == 0:
        return
    if tick == orders[slot, AT] and size <= left:
        reduce(slot, left - size, orders, levels, state)
        return
    reduce(slot, left, orders, levels, state)
    size = match(size, tick, side, number, orders, levels, state, trades)
    if size > 0:
        rest(slot, size, tick, side, orders, levels, state)


@compiled
def _set_depth(size: int, tick: int, side: int, levels: Any, state: Any) -> None:
    """Aggregated data: the shares of a level, without orders."""
    levels[tick + side * (len(levels) // 2), SHARES] = size
    if size > 0:
        state[side] = max(state[BID], tick) if side == BID else min(state[ASK], tick)
    else:
        _settle(side, levels, state)


@compiled
def apply(rows: Any, number: int, orders: Any, levels: Any, state: Any, trades: Any) -> None:
    """Let message `number` happen to the book."""
    kind, slot, side = rows[number, KIND], rows[number, SLOT], rows[number, SIDE]
    if kind == LIMIT:
        size = rows[number, SIZE]
        best = state[1 - side]
        if best <= rows[number, TICK] if side == BID else best >= rows[number, TICK]:
            size = match(size, rows[number, TICK], side, number, orders, levels, state, trades)
        if size > 0:
            rest(slot, size, rows[number, TICK], side, orders, levels, state)
    elif kind in (REDUCE, EXECUTE):
        reduce(slot, rows[number, SIZE], orders, levels, state)
    elif kind == DELETE:
        reduce(slot, orders[slot, LEFT], orders, levels, state)
    elif kind == MARKET:
        worst = len(levels) // 2 if side == BID else NONE
        match(rows[number, SIZE], worst, side, number, orders, levels, state, trades)
    elif kind == REPLACE:
        _replace(rows, number, orders, levels, state, trades)
    elif kind == DEPTH:
        _set_depth(rows[number, SIZE], rows[number, TICK], side, levels, state)


@compiled
def replay(rows: Any, first: int, last: int, orders: Any, levels: Any, state: Any, trades: Any) -> None:
    """Let messages `first` … `last` - 1 happen, and nothing else."""
    for i in range(first, last):
        apply(rows, i, orders, levels, state, trades)
