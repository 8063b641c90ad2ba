"""Thousands of variants of one strategy over the same bars: the event path's account, compiled.

A variant is one column of target weights. What is decided at the close of a bar fills at the open of the
next, with the prices, whole shares, cents, commissions and fees of `orders`, `costs` and `simulator`. The
numbers are floats that hold integers: cents and shares up to 2**53 are exact, and every rounding is the one
of the event path, so both end with the same cent (the test compares them bar by bar).

What is left out is what bars of a sweep do not say: a cash account without shorts; no square-root impact and
no participation (volumes are taken as unlimited, the linear costs stay); no splits and dividends: prices are
adjusted, or the bars lie within a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.errors import MissingBarsError, UsageError
from trading.execution.costs import CostModel
from trading.execution.fees import SECTION_31, TAF, rate_at
from trading.execution.sweep_kernels import LANES, Rule, given, kernel_of
from trading.interfaces import Floats

_BPS, _PRICE_DECIMALS = 1e-4, 4


@dataclass(frozen=True)
class Market:
    """The bars of a sweep.

    Attributes
    ----------
    open, close : (b, s) USD, positive; columns in the order of `universe.SYMBOLS`, in which orders are served
    sessions : (b,) session of each bar, whose fees a sale pays; without them it pays none
    """

    open: Floats
    close: Floats
    sessions: Sequence[pd.Timestamp] = ()

    def __post_init__(self) -> None:
        if self.open.shape != self.close.shape or self.open.ndim != 2:  # noqa: PLR2004 - bars and symbols
            raise UsageError(
                f"open {self.open.shape} and close {self.close.shape} must both be (bars, symbols)"
            )
        if not all(np.isfinite(prices).all() and (prices > 0).all() for prices in (self.open, self.close)):
            raise MissingBarsError("a sweep needs every price; fill or drop the bars that have none first")
        if len(self.sessions) not in {0, len(self.open)}:
            raise UsageError(
                f"{len(self.sessions)} sessions for {len(self.open)} bars; give one for each bar"
            )


@dataclass(frozen=True)
class Account:
    """What every variant starts with, and how it trades."""

    cash_cents: int = 100_000_00
    rebalance_band: float = 0.05
    costs: CostModel = field(default_factory=CostModel)


@dataclass(frozen=True)
class Swept:
    """What became of each variant (v,).

    Attributes
    ----------
    equity_cents, cash_cents : at the last close
    shares : (v, s) held then
    fills : how many there were
    costs_cents : spread, slippage, commissions and fees
    drawdown : largest loss from a high of the closing equity, a fraction of it
    curve : (v, c) equity in cents at every `every`-th close, from the first; empty if not asked for
    """

    equity_cents: NDArray[np.int64]
    cash_cents: NDArray[np.int64]
    shares: NDArray[np.int64]
    fills: NDArray[np.int64]
    costs_cents: NDArray[np.int64]
    drawdown: Floats
    curve: NDArray[np.int64]


def sweep_weights(
    weights: Floats, market: Market, account: Account | None = None, *, every: int = 0, workers: int = 1
) -> Swept:
    """Run given target weights (v, b, s), float32 or float64, none negative; one block of variants is copied at a time.

    Raises
    ------
    UsageError
        If the shape does not fit the bars, or a weight is negative or not a number.
    """
    if weights.shape[1:] != market.open.shape:
        raise UsageError(
            f"weights {weights.shape} do not fit bars {market.open.shape}: (variants, bars, symbols)"
        )
    nothing = np.zeros((1, LANES))

    def block(part: slice) -> tuple[Floats, Floats]:
        lanes = np.zeros((*market.open.shape, LANES))
        lanes[..., : len(weights[part])] = np.moveaxis(weights[part], 0, -1)
        if not lanes.min(initial=0.0) >= 0:
            raise UsageError(
                "a sweep's account holds no shorts; every weight must be a number and not negative"
            )
        return lanes, nothing

    return _swept(given, block, len(weights), market, account or Account(), every=every, workers=workers)


def sweep_rule(
    rule: Rule,
    parameters: Floats,
    features: Floats,
    market: Market,
    account: Account | None = None,
    *,
    every: int = 0,
    workers: int = 1,
) -> Swept:
    """Run a rule that makes the weights where they are used: nothing of size v x b is ever in memory.

    Parameters
    ----------
    rule : compiled (`numba.njit`) `rule(t, features, parameters, out)`, which writes the weights after the
        close of bar t into out (s, l), none negative; it may read features up to t and nothing later
    parameters : (p, v)
    features : (b, s, k) shared by all variants
    every : keep the equity at each such close, 0 for none
    workers : threads; they share nothing, so the result does not depend on them
    """
    if len(features) != len(market.open):
        raise UsageError(f"{len(features)} bars of features for {len(market.open)} bars of prices")
    features = np.ascontiguousarray(features, dtype=np.float64)

    def block(part: slice) -> tuple[Floats, Floats]:
        mine = parameters[:, part]
        return features, np.pad(mine, ((0, 0), (0, LANES - mine.shape[1])), mode="edge").astype(np.float64)

    return _swept(
        rule, block, parameters.shape[1], market, account or Account(), every=every, workers=workers
    )


def _swept(
    rule: Rule,
    block: Callable[[slice], tuple[Floats, Floats]],
    variants: int,
    market: Market,
    account: Account,
    *,
    every: int,
    workers: int,
) -> Swept:
    kernel, terms = kernel_of(rule), _terms(market, account)

    def run(part: slice) -> tuple[Floats, ...]:
        kept = len(market.open) if every == 0 else -(-len(market.open) // every)
        totals = np.zeros((4, LANES))
        shares, drawdown = np.zeros((market.open.shape[1], LANES)), np.zeros(LANES)
        curve = np.zeros((kept if every else 0, LANES))
        kernel(*block(part), *terms, every, totals, shares, drawdown, curve)
        return totals, shares.T, drawdown, curve.T

    parts = list(_parts(variants))
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        done = list(pool.map(run, parts))
    totals = _whole(np.concatenate([one[0].T for one in done])[:variants])
    shares, drawdown, curve = (np.concatenate([one[k] for one in done])[:variants] for k in (1, 2, 3))
    equity, cash, fills, lost = totals.T
    return Swept(equity, cash, _whole(shares), fills, lost, drawdown, _whole(curve))


def _parts(variants: int) -> Iterator[slice]:
    return (slice(first, min(first + LANES, variants)) for first in range(0, variants, LANES))


def _whole(values: Floats) -> NDArray[np.int64]:
    return values.astype(np.int64)


def _terms(market: Market, account: Account) -> tuple[object, ...]:
    """Prices after costs, closes, fees of each bar and the account's numbers, as the kernel takes them."""
    costs = account.costs
    moved = (costs.half_spread_bps + costs.slippage_bps) * _BPS
    quoted = _rounded(market.open)
    buys, sells = _rounded(quoted * (1 + moved)), np.maximum(_rounded(quoted * (1 - moved)), 0.0)
    close = np.ascontiguousarray(market.close, dtype=np.float64)
    numbers = np.array(
        [account.cash_cents, account.rebalance_band, costs.commission_per_share, costs.minimum_commission]
    )
    return quoted, buys, sells, close, _fee_rates(market, costs), numbers


def _rounded(prices: Floats) -> Floats:
    """Prices rounded as Python's `round` does, by the decimal value: numpy's differs at halves."""
    flat = [round(price, _PRICE_DECIMALS) for price in prices.ravel().tolist()]
    return np.array(flat, dtype=np.float64).reshape(prices.shape)


def _fee_rates(market: Market, costs: CostModel) -> Floats:
    """(b, 3) USD per million sold, USD per share sold, and the most of the latter, of each bar."""
    rates = np.zeros((len(market.open), 3))
    if not (costs.regulatory_fees and len(market.sessions)):
        return rates
    rows = {session: _fee_rate(session) for session in dict.fromkeys(market.sessions)}
    return np.array([rows[session] for session in market.sessions])


def _fee_rate(session: pd.Timestamp) -> tuple[float, float, float]:
    section, activity = rate_at(SECTION_31, session), rate_at(TAF, session)
    most = activity.maximum if activity else None
    return (
        float(section.rate) if section else 0.0,
        float(activity.rate) if activity else 0.0,
        np.inf if most is None else float(most),
    )
