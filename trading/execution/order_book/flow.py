"""SIMULATED order flow without intelligence: Poisson, or with market orders that excite each other.

Limit orders fall at random within `reach` ticks of the other side's best price, market orders take, and
every order that waits may be cancelled (Smith, Farmer, Gillemot and Krishnamurthy 2003, "Statistical
theory of the continuous double auction", Quantitative Finance 3, section 2). With `excitation` above 0 market
orders follow a Hawkes process with an exponential kernel, drawn by thinning (Ogata 1981, "On Lewis'
simulation method for point processes", IEEE Transactions on Information Theory 27).
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays one by one

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trading.bounds import COUNT, NOT_NEGATIVE, SHARE, check_bounds
from trading.digest import generator
from trading.execution.order_book.book import OrderBook
from trading.execution.order_book.kernels import AT, FIRST, LEFT, OF, compiled, reduce, rest
from trading.execution.order_book.messages import BID, DELETE, EXECUTE, LIMIT, Messages

_DRAWS = 4  # of one event: its time, its kind, its place, its size
_NANOSECONDS = 1e9


@dataclass(frozen=True)
class Flow:
    """Rates of the flow, all per second.

    Attributes
    ----------
    limits : limit orders, both sides together
    markets : market orders, both sides together; the rate without excitation
    cancels : for each order that waits
    reach : ticks from the other side's best price within which limit orders fall
    size : largest size; sizes are uniform from 1
    excitation : market orders that one market order causes on average, below 1
    decay : rate at which the excitement fades
    ticks : prices of the book; the flow begins in the middle
    """

    limits: float = 60.0
    markets: float = 10.0
    cancels: float = 0.3
    reach: int = 10
    size: int = 10
    excitation: float = 0.0
    decay: float = 5.0
    ticks: int = 4000

    def __post_init__(self) -> None:
        check_bounds(
            self,
            limits=NOT_NEGATIVE,
            markets=NOT_NEGATIVE,
            cancels=NOT_NEGATIVE,
            reach=COUNT,
            size=COUNT,
            excitation=SHARE,
            decay=NOT_NEGATIVE,
            ticks=COUNT,
        )


def simulated_flow(count: int, flow: Flow | None = None, *, seed: int = 0, slots: int = 4096) -> Messages:
    """`count` SIMULATED messages as an exchange would publish them: placed, deleted, executed.

    The same seed gives the same bytes. A market order is one execution for each order that it meets.
    """
    flow = flow or Flow()
    book, random = OrderBook(slots, flow.ticks), generator("order flow", seed=seed)
    rows, seconds = np.zeros((count, 5), dtype=np.int32), np.zeros(count)
    live, clock = np.zeros((2, slots), dtype=np.int32), np.zeros(3)
    live[0], live[1] = np.arange(slots), np.arange(slots)
    numbers = np.array(
        [flow.limits, flow.markets, flow.cancels, flow.reach, flow.size, flow.excitation, flow.decay]
    )
    done = 0
    while done < count:
        draws = random.random((min(count - done, 100_000), _DRAWS))
        done = _draw(draws, numbers, done, rows, seconds, live, clock, book.orders, book.levels, book.state)
    time = (seconds * _NANOSECONDS).astype(np.int64)
    return Messages(time, rows, slots, flow.ticks, simulated=True)


@compiled
def _draw(
    draws: Any,
    numbers: Any,
    done: int,
    rows: Any,
    seconds: Any,
    live: Any,
    clock: Any,
    orders: Any,
    levels: Any,
    state: Any,
) -> int:
    """Write messages from `done` on; how many there are then. `clock` is time, excitement and live orders."""
    for k in range(len(draws)):
        waiting = int(clock[2])
        ordinary = numbers[0] + numbers[2] * waiting + numbers[1]
        most = ordinary + clock[1]
        wait = -np.log(1 - draws[k, 0]) / most
        clock[0] += wait
        clock[1] *= np.exp(-numbers[6] * wait)
        kind = draws[k, 1] * most
        if done >= len(rows):
            break
        first = done
        side = int(draws[k, 2] * 2)
        inside = draws[k, 2] * 2 - side
        size = 1 + int(draws[k, 3] * numbers[4])
        if kind < numbers[0]:
            if waiting < len(orders):
                done = _place(inside, size, side, numbers[3], done, rows, live, clock, orders, levels, state)
        elif kind < numbers[0] + numbers[2] * waiting:
            done = _cancel(int(draws[k, 2] * waiting), done, rows, live, clock, orders, levels, state)
        elif kind < ordinary + clock[1]:
            clock[1] += numbers[5] * numbers[6]
            done = _take(size, side, done, rows, live, clock, orders, levels, state)
        seconds[first:done] = clock[0]
    return done


@compiled
def _write(row: Any, kind: int, slot: int, size: int, tick: int, side: int) -> None:
    row[0], row[1], row[2], row[3], row[4] = kind, slot, size, tick, side


@compiled
def _place(
    inside: float,
    size: int,
    side: int,
    reach: float,
    done: int,
    rows: Any,
    live: Any,
    clock: Any,
    orders: Any,
    levels: Any,
    state: Any,
) -> int:
    """A limit order that does not cross; where the other side is empty, about the middle of the book."""
    ticks, away = len(levels) // 2, 1 + int(inside * reach)
    other = state[1 - side]
    if other < 0 or other >= ticks:
        other = ticks // 2
    tick = other - away if side == BID else other + away
    if not 0 <= tick < ticks:
        return done
    if state[1 - side] <= tick if side == BID else state[1 - side] >= tick:
        return done
    slot = live[0, int(clock[2])]
    clock[2] += 1
    rest(slot, size, tick, side, orders, levels, state)
    _write(rows[done], LIMIT, slot, size, tick, side)
    return done + 1


@compiled
def _free(slot: int, live: Any, clock: Any) -> None:
    """Take a slot out of those in use: the last one changes places with it."""
    clock[2] -= 1
    place, last = live[1, slot], int(clock[2])
    moved = live[0, last]
    live[0, place], live[0, last] = moved, slot
    live[1, moved], live[1, slot] = place, last


@compiled
def _cancel(
    place: int, done: int, rows: Any, live: Any, clock: Any, orders: Any, levels: Any, state: Any
) -> int:
    slot = live[0, place]
    left, tick, side = orders[slot, LEFT], orders[slot, AT], orders[slot, OF]
    reduce(slot, left, orders, levels, state)
    _free(slot, live, clock)
    _write(rows[done], DELETE, slot, left, tick, side)
    return done + 1


@compiled
def _take(
    size: int, side: int, done: int, rows: Any, live: Any, clock: Any, orders: Any, levels: Any, state: Any
) -> int:
    """A market order, written as the executions that it makes; what is beyond the last row is not taken."""
    other, ticks = 1 - side, len(levels) // 2
    while size > 0 and done < len(rows) and 0 <= state[other] < ticks:
        best = state[other]
        slot = levels[best + other * ticks, FIRST]
        taken = reduce(slot, size, orders, levels, state)
        size -= taken
        if orders[slot, LEFT] == 0:
            _free(slot, live, clock)
        _write(rows[done], EXECUTE, slot, taken, best, other)
        done += 1
    return done
