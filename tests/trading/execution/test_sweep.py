"""The sweep's kernel beside the event path, and cases worked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from trading import calendar
from trading.digest import generator
from trading.errors import MissingBarsError, UsageError
from trading.execution.account import Book, Quote
from trading.execution.costs import CostModel
from trading.execution.orders import OrderRules, decide_orders
from trading.execution.simulator import Venue
from trading.execution.sweep import Account, Market, Swept, sweep_rule, sweep_weights
from trading.execution.trading_day import trade_day
from trading.universe import SYMBOLS

SESSIONS = calendar.sessions_between(pd.Timestamp("2018-01-02"), pd.Timestamp("2018-12-31"))
FREE = Account(10_000_00, 0.0, CostModel.free())


def simulated(seed: int, bars: int, symbols: int = 10) -> Market:
    """SIMULATED bars in cents, as they are quoted: products of such prices meet halves often."""
    steps = generator("sweep", seed=seed).normal(0, 0.02, (2 * bars, symbols)).cumsum(axis=0)
    prices = np.round(generator("level", seed=seed).uniform(3, 400, symbols) * np.exp(steps), 2)
    return Market(prices[::2], prices[1::2], SESSIONS[:bars])


def event_path(weights: np.ndarray, market: Market, account: Account) -> tuple[Book, list[int], int]:
    """Book at the end, equity of each close and fills, by the simulator and the ledger in cents."""
    venue = Venue(account.costs, OrderRules(rebalance_band=account.rebalance_band))
    book, orders, curve, fills = Book(cash_cents=account.cash_cents), (), [], 0
    for t, session in enumerate(market.sessions):
        pairs = zip(SYMBOLS, market.open[t].tolist(), market.close[t].tolist(), strict=False)
        quotes = {symbol: Quote(first, last) for symbol, first, last in pairs}
        done = trade_day(book, orders, (), quotes, venue=venue, session=session)
        book, fills = done.book, fills + len(done.fills)
        curve.append(book.equity_cents)
        targets = dict(zip(SYMBOLS, weights[t].tolist(), strict=False))
        orders = decide_orders(
            "s", session, targets, book=book, quotes=quotes, older=done.working, rules=venue.orders
        )
    return book, curve, fills


def assert_equal_to_the_event_path(
    swept: Swept, weights: np.ndarray, market: Market, account: Account
) -> None:
    for variant, path in enumerate(weights):
        book, curve, fills = event_path(path, market, account)
        held = [book.shares.get(symbol, 0) for symbol in SYMBOLS[: path.shape[1]]]
        assert swept.curve[variant].tolist() == curve
        assert swept.shares[variant].tolist() == held
        assert (swept.cash_cents[variant], swept.fills[variant]) == (book.cash_cents, fills)


@pytest.mark.parametrize("band", [0.0, 0.05])
@pytest.mark.parametrize("gross", [0.9, 1.3])  # 1.3: more than there is, so that buys are cut to the cash
def test_every_close_of_a_year_is_the_event_paths_to_the_cent(band: float, gross: float) -> None:
    market, account = simulated(1, 120), Account(30_000_00, band)
    weights = generator("weights").dirichlet(np.ones(10), (3, 120)) * gross
    weights[:, 60:70] = 0.0
    swept = sweep_weights(weights, market, account, every=1)
    assert_equal_to_the_event_path(swept, weights, market, account)


@given(st.integers(0, 10_000), st.floats(0.0, 0.02), st.sampled_from([0.0, 1.0, 9.99]))
@settings(max_examples=15, deadline=None)
def test_any_costs_and_any_prices_end_with_the_same_cent(seed: int, per_share: float, minimum: float) -> None:
    costs = CostModel(commission_per_share=per_share, minimum_commission=minimum)
    market, account = simulated(seed, 20, 3), Account(2_000_00, 0.02, costs)
    weights = generator("any", seed=seed).uniform(0, 0.6, (2, 20, 3)).round(2)
    swept = sweep_weights(weights, market, account, every=1)
    assert_equal_to_the_event_path(swept, weights, market, account)


def test_a_decision_fills_at_the_next_open() -> None:
    market = Market(np.array([[10.0], [20.0], [30.0]]), np.array([[10.0], [25.0], [40.0]]))
    weights = np.array([0.5, 1.0, 0.0])[None, :, None]
    swept = sweep_weights(weights, market, FREE, every=1)
    assert swept.fills.tolist() == [1]
    assert swept.shares.tolist() == [[500]]  # half of 10,000 at the close of 10, bought at 20
    assert swept.cash_cents.tolist() == [0]
    assert swept.curve.tolist() == [[10_000_00, 12_500_00, 20_000_00]]


def test_cost_and_drawdown_worked_by_hand() -> None:
    market = Market(np.full((3, 1), 100.0), np.array([[100.0], [100.0], [80.0]]))
    account = Account(10_000_00, 0.5, CostModel(10.0, 0.0, 0.0, 0.0, 0.0, regulatory_fees=False))
    swept = sweep_weights(np.full((1, 3, 1), 0.5), market, account)
    assert swept.costs_cents.tolist() == [5_00]  # 50 shares at 100.10 instead of 100.00
    assert swept.equity_cents.tolist() == [8_995_00]
    assert swept.drawdown[0] == pytest.approx(0.1005)


@njit
def _threshold(t, features, parameters, out):  # noqa: ANN001, ANN202 - compiled
    for s in range(out.shape[0]):
        for lane in range(out.shape[1]):
            out[s, lane] = 0.3 if features[t, s, 0] > parameters[0, lane] else 0.0


def test_a_rule_and_the_weights_that_it_makes_are_one_sweep() -> None:
    market, levels = simulated(4, 60, 3), generator("levels").normal(0, 1, (1, 40))
    features = generator("features").normal(0, 1, (60, 3, 1))
    weights = np.where(features[None, :, :, 0] > levels[0][:, None, None], 0.3, 0.0)
    ruled, listed = sweep_rule(_threshold, levels, features, market), sweep_weights(weights, market)
    assert all(np.array_equal(vars(ruled)[name], value) for name, value in vars(listed).items())


def test_threads_and_neighbours_change_no_byte() -> None:
    market = simulated(5, 50, 3)
    weights = generator("lanes").uniform(0, 0.3, (70, 50, 3))
    together = sweep_weights(weights, market, every=5, workers=3)
    alone = sweep_weights(weights[41:42], market, every=5)
    assert together.curve[41].tolist() == alone.curve[0].tolist()
    assert together.costs_cents.tolist() == sweep_weights(weights, market).costs_cents.tolist()


def test_prices_and_weights_that_cannot_be_traded_are_refused() -> None:
    prices = np.ones((2, 1))
    with pytest.raises(MissingBarsError):
        Market(prices, np.array([[1.0], [np.nan]]))
    with pytest.raises(UsageError, match="shorts"):
        sweep_weights(np.full((1, 2, 1), -0.1), Market(prices, prices), FREE)
    with pytest.raises(UsageError, match="fit"):
        sweep_weights(np.ones((1, 3, 1)), Market(prices, prices), FREE)
