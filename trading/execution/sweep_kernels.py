"""The compiled account of a sweep: 32 variants side by side, bar after bar.

Glossary: b bars, s symbols, l lanes (variants of a block). All amounts are cents in floats.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays one by one

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]

LANES = 32
_HALF = 0.5000005  # `account.cents` rounds to six decimals before it rounds halves up
_WHOLE = 1e-9  # as `orders` counts whole shares
_SAFE = 1e-12  # far more than the error of the quick test of the band, far less than any band
_EXACT = 1e-9  # fees are multiples of 1e-8 cents: what is nearer to a whole cent is one
_MILLION = 1e6

Rule = Callable[..., Any]


@njit(cache=True)  # type: ignore[untyped-decorator,unused-ignore]
def given(t: int, features: Any, parameters: Any, out: Any) -> None:  # noqa: ARG001 - the rules' signature
    """The rule whose features are the weights themselves, (b, s, l)."""
    for s in range(out.shape[0]):
        for lane in range(out.shape[1]):
            out[s, lane] = features[t, s, lane]


@njit(inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def _cents(usd: float) -> Any:
    """`account.cents` of an amount that is not negative."""
    return math.floor(usd * 100 + _HALF)


@njit  # type: ignore[untyped-decorator,unused-ignore]
def _quantity(weight: float, held: float, price: float, equity_cents: float, band: float) -> float:
    """`orders.target_quantity`, operation for operation."""
    equity = equity_cents / 100
    if abs(held * price / equity - weight) <= band * weight:
        return 0.0
    return math.floor(weight * equity / price + _WHOLE) - held


@njit  # type: ignore[untyped-decorator,unused-ignore]
def _charges(count: float, price: float, side: int, fees: Any, numbers: Any) -> float:
    """Commission and, for a sale, regulators' fees, in cents."""
    total = _cents(max(numbers[3], count * numbers[2]))
    if side < 0:
        total += math.ceil(fees[0] * _cents(count * price) / _MILLION - _EXACT)
        total += math.ceil(100 * min(fees[1] * count, fees[2]) - _EXACT)
    return total


@njit  # type: ignore[untyped-decorator,unused-ignore]
def _outlay(count: float, price: float, side: int, fees: Any, numbers: Any) -> float:
    """Cash that `count` shares take, costs included; negative where it brings some in."""
    return side * _cents(count * price) + _charges(count, price, side, fees, numbers)


@njit  # type: ignore[untyped-decorator,unused-ignore]
def _affordable(count: float, price: float, side: int, fees: Any, numbers: Any, cash: float) -> float:
    """The most of `count` shares whose outlay the cash pays, by halving as `costs.most` does."""
    if _outlay(count, price, side, fees, numbers) <= cash:
        return count
    low, high = 0.0, count - 1
    while low < high:
        middle = math.floor((low + high + 1) / 2)
        if _outlay(middle, price, side, fees, numbers) <= cash:
            low = middle
        else:
            high = middle - 1
    return max(low, 0.0)


@njit  # type: ignore[untyped-decorator,unused-ignore]
def _fill(
    lane: int,
    side: int,
    wanted: Any,
    prices: Any,
    quoted: Any,
    fees: Any,
    numbers: Any,
    totals: Any,
    shares: Any,
) -> None:
    """Fill one variant's orders of one side at the open, symbol after symbol, as far as its cash goes."""
    for s in range(wanted.shape[0]):
        count = side * wanted[s, lane]
        if count <= 0:
            continue
        count = _affordable(count, prices[s], side, fees, numbers, totals[1, lane])
        if count > 0:
            outlay = _outlay(count, prices[s], side, fees, numbers)
            totals[1, lane] -= outlay
            shares[s, lane] += side * count
            totals[2, lane] += 1
            totals[3, lane] += outlay - side * _cents(count * quoted[s])


@njit(inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def _mark(closes: Any, shares: Any, totals: Any) -> None:
    """Equity at the closes, each holding rounded to a cent by itself."""
    for lane in range(LANES):
        totals[0, lane] = totals[1, lane]
    for s in range(shares.shape[0]):
        for lane in range(LANES):
            totals[0, lane] += math.floor(shares[s, lane] * closes[s] * 100 + _HALF)


@njit(inline="always")  # type: ignore[untyped-decorator,unused-ignore]
def _outside(weights: Any, closes: Any, shares: Any, totals: Any, band: float, distance: Any) -> None:
    """How far each variant's worst symbol lies beyond its band, in cents of its equity: no division."""
    for lane in range(LANES):
        distance[lane] = -1.0
    for s in range(shares.shape[0]):
        price = closes[s] * 100
        for lane in range(LANES):
            goal = weights[s, lane] * totals[0, lane]
            over = abs(shares[s, lane] * price - goal) - goal * band + _SAFE * totals[0, lane]
            if weights[s, lane] + shares[s, lane] <= 0.0:
                over = -1.0
            distance[lane] = max(distance[lane], over)


@njit  # type: ignore[untyped-decorator,unused-ignore]
def _decide(lane: int, weights: Any, closes: Any, shares: Any, totals: Any, band: float, wanted: Any) -> bool:
    """One variant's orders after a close; whether there is any."""
    some = False
    for s in range(wanted.shape[0]):
        wanted[s, lane] = _quantity(weights[s, lane], shares[s, lane], closes[s], totals[0, lane], band)  # type: ignore[call-arg,unused-ignore]
        some = some or wanted[s, lane] != 0.0
    return some


@functools.cache
def kernel_of(rule: Rule) -> Any:
    """The kernel with `rule` compiled into it; made once for each rule of a process."""

    @njit(nogil=True)  # type: ignore[untyped-decorator,unused-ignore]
    def kernel(
        features: Any,
        parameters: Any,
        quoted: Any,
        buys: Any,
        sells: Any,
        close: Any,
        fees: Any,
        numbers: Any,
        every: int,
        totals: Any,
        shares: Any,
        drawdown: Any,
        curve: Any,
    ) -> None:
        """Walk all bars; `totals` (4, l) is equity, cash, fills, costs."""
        bars, symbols = close.shape
        weights, wanted = np.zeros((symbols, LANES)), np.zeros((symbols, LANES))
        busy, distance = np.zeros(LANES, dtype=np.bool_), np.zeros(LANES)
        totals[1] = numbers[0]
        high = np.full(LANES, numbers[0])
        for t in range(bars):
            for lane in range(LANES):
                if busy[lane]:
                    _fill(lane, -1, wanted, sells[t], quoted[t], fees[t], numbers, totals, shares)
                    _fill(lane, 1, wanted, buys[t], quoted[t], fees[t], numbers, totals, shares)
            _mark(close[t], shares, totals)
            rule(t, features, parameters, weights)
            _outside(weights, close[t], shares, totals, numbers[1], distance)
            for lane in range(LANES):
                busy[lane] = distance[lane] > 0 and _decide(
                    lane, weights, close[t], shares, totals, numbers[1], wanted
                )
                high[lane] = max(high[lane], totals[0, lane])
                # a multiplication decides; the division is only made at a new low
                if high[lane] - totals[0, lane] > drawdown[lane] * high[lane]:
                    drawdown[lane] = 1 - totals[0, lane] / high[lane]
            if every and t % every == 0:
                curve[t // every] = totals[0]

    return kernel
