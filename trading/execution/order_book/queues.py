"""One's own orders in the queues of recorded data, compiled.

Own orders are ghosts: the recorded flow does not know them and they take nothing from it, so they must be small
beside it. `own` (n, 5) int64 is status, side, tick, shares left, arrival; `fronts` (n, 2) the shares ahead
in the queue, and those traded at the level since its size was last seen. `fills` (m, 5) int64 is own
order, shares, tick, whether it waited, time.

An order fills when an execution reaches it: one at a worse price than its own, or one at its price of an order
that came after it (exact), or of more shares than stand ahead (aggregated); and when an order or a level of
the other side appears at its price or beyond. It gets no more than was traded there.

How shares ahead are known:

EXACT: order-by-order data name the order that is deleted; it stood ahead if it came first.
CONSERVATIVE: only executions move the queue; deletions happen behind, until nothing is behind any more.
PROBABLE: a deletion is taken from the front with the probability front**n / (front**n + back**n), as
hftbacktest documents it ("Queue Models", ProbQueueModel with PowerProbQueueFunc, after Rigtorp).
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays one by one

from __future__ import annotations

from typing import Any

from trading.execution.order_book.kernels import ARRIVAL, AT, LEFT, OF, SHARES, apply, compiled
from trading.execution.order_book.messages import (
    BID,
    DELETE,
    DEPTH,
    EXECUTE,
    KIND,
    LIMIT,
    REDUCE,
    SIDE,
    SIZE,
    SLOT,
    TICK,
    TRADE,
)

EXACT, CONSERVATIVE, PROBABLE = range(3)
STATUS, MINE, PRICE, OPEN, CAME = range(5)
RESTING, DONE = 1, 2
FRONT, TRADED = 0, 1
UNKNOWN = -1


@compiled
def _give(i: int, size: int, maker: int, time: int, own: Any, fills: Any, count: int) -> int:
    """Fill an own order; the number of fills then."""
    own[i, OPEN] -= size
    if own[i, OPEN] == 0:
        own[i, STATUS] = DONE
    fill = fills[count]
    fill[0], fill[1], fill[2], fill[3], fill[4] = i, size, own[i, PRICE], maker, time
    return count + 1


@compiled
def _traded(
    size: int,
    tick: int,
    side: int,
    came: int,
    model: int,
    time: int,
    own: Any,
    fronts: Any,
    fills: Any,
    count: int,
) -> int:
    """An execution of `size` shares of an order of `side` at `tick` that came as number `came`."""
    sign, left = (1 if side == BID else -1), size
    for better in (True, False):
        for i in range(len(own)):
            if own[i, STATUS] != RESTING or own[i, MINE] != side:
                continue
            beyond = sign * (own[i, PRICE] - tick)
            if better and beyond > 0:
                part = min(left, own[i, OPEN])
            elif not better and beyond == 0:
                part = min(left, own[i, OPEN], _reached(i, size, came, model, own, fronts))
            else:
                continue
            if part > 0:
                left -= part
                count = _give(i, part, 1, time, own, fills, count)
    return count


@compiled
def _reached(i: int, size: int, came: int, model: int, own: Any, fronts: Any) -> int:
    """Shares of an execution at the order's own price that come as far as the order."""
    if model == EXACT and came >= own[i, CAME]:
        return size
    fronts[i, FRONT] -= size
    fronts[i, TRADED] += size
    if model == EXACT or fronts[i, FRONT] >= 0:
        return 0
    reached = int(round(-fronts[i, FRONT]))  # noqa: RUF046 - numba's round gives a float
    if reached > 0:
        fronts[i, FRONT] = 0.0
    return reached


@compiled
def _changed(
    before: int, after: int, tick: int, side: int, came: int, model: int, power: float, own: Any, fronts: Any
) -> None:
    """A level goes from `before` to `after` shares; `came` says when the order came of which they were."""
    for i in range(len(own)):
        if own[i, STATUS] != RESTING or own[i, MINE] != side or own[i, PRICE] != tick:
            continue
        if model == EXACT:
            if 0 <= came < own[i, CAME]:
                fronts[i, FRONT] -= before - after
            continue
        gone = before - after - fronts[i, TRADED]
        fronts[i, TRADED] = 0.0
        front, back = fronts[i, FRONT], before - fronts[i, FRONT]
        if model == PROBABLE and gone > 0:
            behind = _share_behind(front, back, power)
            front += -(1 - behind) * gone + min(back - behind * gone, 0.0)
        fronts[i, FRONT] = min(front, after)


@compiled
def _share_behind(front: float, back: float, power: float) -> float:
    """The part of a deletion that is taken to have happened behind."""
    front, back = max(front, 0.0) ** power, max(back, 0.0) ** power
    return back / (front + back) if front + back > 0 else 1.0


@compiled
def _crossed(size: int, tick: int, side: int, time: int, own: Any, fills: Any, count: int) -> int:
    """Shares of `side` appear at `tick`: own orders of the other side that they meet are filled."""
    sign = 1 if side == BID else -1
    for i in range(len(own)):
        meets = own[i, STATUS] == RESTING and own[i, MINE] != side and sign * (tick - own[i, PRICE]) >= 0
        if size > 0 and meets:
            part = min(size, own[i, OPEN])
            size -= part
            count = _give(i, part, 1, time, own, fills, count)
    return count


@compiled
def _happens(
    row: Any,
    model: int,
    power: float,
    time: int,
    orders: Any,
    levels: Any,
    own: Any,
    fronts: Any,
    fills: Any,
    count: int,
) -> int:
    """What a message does to the own orders, before it happens to the book; the number of fills then."""
    kind, size, tick, side = row[KIND], row[SIZE], row[TICK], row[SIDE]
    if kind == LIMIT:
        before = levels[tick + side * (len(levels) // 2), SHARES]
        count = _crossed(size, tick, side, time, own, fills, count)
        _changed(before, before + size, tick, side, UNKNOWN, model, power, own, fronts)
    elif kind == TRADE:
        count = _traded(size, tick, side, UNKNOWN, model, time, own, fronts, fills, count)
    elif kind == DEPTH:
        before = levels[tick + side * (len(levels) // 2), SHARES]
        count = _crossed(size, tick, side, time, own, fills, count)
        _changed(before, size, tick, side, UNKNOWN, model, power, own, fronts)
    elif kind in (EXECUTE, REDUCE, DELETE):
        order = orders[row[SLOT]]
        tick, side, came = order[AT], order[OF], order[ARRIVAL]
        before = levels[tick + side * (len(levels) // 2), SHARES]
        gone = order[LEFT] if kind == DELETE else min(size, order[LEFT])
        if kind == EXECUTE:
            count = _traded(gone, tick, side, came, model, time, own, fronts, fills, count)
        if kind != EXECUTE or model != EXACT:
            _changed(before, before - gone, tick, side, came, model, power, own, fronts)
    return count


@compiled
def play(
    rows: Any,
    time: Any,
    first: int,
    until: int,
    model: int,
    power: float,
    orders: Any,
    levels: Any,
    state: Any,
    own: Any,
    fronts: Any,
    fills: Any,
    nobody: Any,
) -> tuple[int, int]:
    """Messages from `first` up to the moment `until`; the next message, and the number of fills.

    It stops early where the fills of one more message might not find room.
    """
    count, i, some = 0, first, False
    for k in range(len(own)):
        some = some or own[k, STATUS] == RESTING
    while i < len(rows) and time[i] <= until and count + len(own) <= len(fills):
        if some:
            count = _happens(rows[i], model, power, time[i], orders, levels, own, fronts, fills, count)
        apply(rows, i, orders, levels, state, nobody)
        i += 1
    return i, count
