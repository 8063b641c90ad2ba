"""What holds for every traded history: replay is live, and every cent is accounted for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar
from trading.execution.borrowing import BorrowTerms
from trading.execution.costs import CostModel
from trading.execution.margin import MarginRules
from trading.portfolio.mandates import ConvexOptimizer, Mandate
from trading.risk.limits import RiskLimits
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_session import trading_session_stage
from trading.testing.ledger_laws import check_ledger
from trading.testing.memory_store import MemoryStore
from trading.testing.tiny_market import FixedMix, Tables, action, tiny_market, trade
from trading.universe import SYMBOLS

INCEPTION, SESSIONS = "2024-06-03", 13
SPLITS = (("NVDA", "2024-06-10", 10.0), ("TSM", "2024-06-12", 1.5))
TABLES = trading_session_stage().makes
LAST = f"{calendar.shift(pd.Timestamp(INCEPTION), SESSIONS - 1):%Y-%m-%d}"


def _split(bars: pd.DataFrame) -> Any:
    """What the splits of the market divide each bar's price by."""
    ratio = np.ones(len(bars))
    for symbol, session, of in SPLITS:
        ratio[(bars["symbol"] == symbol) & (bars["session"] >= session)] = of
    return ratio


def wild_market(seed: int) -> Tables:
    """Prices that jump, signals that change their mind, halts, missing bars, a split and two dividends."""
    market, rng = tiny_market(INCEPTION, SESSIONS), np.random.default_rng(seed)
    bars = market["bars"]
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.05, (bars["session"].nunique(), 10)), axis=0)).round(4)
    place = bars["symbol"].map({symbol: rank for rank, symbol in enumerate(SYMBOLS)}).to_numpy()
    day = bars["session"].rank(method="dense").to_numpy().astype(int) - 1
    close = (closes[day, place] / _split(bars)).round(2)
    opened = (close * np.exp(rng.normal(0, 0.02, len(bars)))).round(2)
    high, low = np.maximum(opened, close) + 0.5, np.minimum(opened, close) - 0.5
    volume = np.where(rng.random(len(bars)) < 0.05, 0.0, bars["volume"])
    bars = bars.assign(open=opened, high=high, low=low, close=close, volume=volume)
    market["bars"] = bars[rng.random(len(bars)) > 0.05].reset_index(drop=True)
    alpha = rng.normal(0, 0.01, len(market["signals"]))
    market["signals"] = market["signals"].assign(alpha=alpha, probability=rng.uniform(0.3, 0.7, len(alpha)))
    market["regimes"] = market["regimes"].assign(multiplier=rng.uniform(0.3, 1.0, SESSIONS))
    market["corporate_actions"] = pd.concat(
        [
            *(action(symbol, session, ratio=of) for symbol, session, of in SPLITS),
            action("AMD", "2024-06-06", amount=0.33, pays="2024-06-12"),
            action("TSM", "2024-06-13", amount=0.5, pays="2024-06-15"),
        ]
    )
    return market


def test_session_by_session_and_as_one_range_are_the_same_bytes() -> None:
    market = wild_market(0)
    first = calendar.sessions_between(pd.Timestamp(INCEPTION), pd.Timestamp("2024-06-13"))

    evenings = trade(market, INCEPTION, [*(f"{day:%Y-%m-%d}" for day in first), LAST])
    backtest = trade(market, INCEPTION, [LAST])

    assert len(evenings.read("fills")) > 10
    for table in TABLES:
        pd.testing.assert_frame_equal(evenings.read(table), backtest.read(table), check_exact=True)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=4, deadline=None)
def test_every_cent_is_accounted_for(seed: int) -> None:
    store = trade(wild_market(seed), INCEPTION, [LAST], TradingRules(initial_cash_usd=20_000.0))

    check_ledger(store)
    assert_orders_are_named_once_and_fills_are_near_the_open(store)


def selling(mandate: Mandate, **terms: Any) -> TradingRules:
    """Rules of a mandate that sells short, in a margin account; `terms` are those of the borrow."""
    costs = CostModel(borrow=BorrowTerms(**terms))
    optimizer, limits = ConvexOptimizer(mandate=mandate), RiskLimits(volatility_target=9.0, hard_drawdown=0.9)
    return TradingRules(
        initial_cash_usd=50_000.0,
        optimizer=optimizer,
        limits=limits,
        costs=costs,
        margin=MarginRules("margin"),
    )


@pytest.mark.parametrize("mandate", ["long_short", "market_neutral"])
@pytest.mark.parametrize("seed", [1, 3])
def test_every_cent_of_a_book_with_shorts_is_accounted_for(mandate: Mandate, seed: int) -> None:
    store = trade(wild_market(seed), INCEPTION, [LAST], selling(mandate, annual_rate=0.05))

    check_ledger(store, overdraft=True)
    positions, ledger = store.read("positions"), store.read("ledger")
    assert (positions.loc[~positions["symbol"].str.startswith("USD"), "quantity"] < 0).any()
    assert ledger.loc[ledger["kind"] == "borrow_fee", "cash_cents"].sum() < 0


@pytest.mark.parametrize(("mandate", "net"), [("long_short", 1.0), ("market_neutral", 0.0)])
def test_a_mandate_keeps_its_net_gross_and_caps(mandate: Mandate, net: float) -> None:
    targets = trade(wild_market(2), INCEPTION, [LAST], selling(mandate)).read("target_portfolio")

    solved = targets[targets["session"] == targets["optimized_session"]]
    mix = solved[~solved["fallback"].str.contains("net")].groupby("session")["mix_weight"]
    steps = 3e-5  # sums are kept a few steps of the grid of 1e-6 a name below their limits
    assert (mix.sum() <= net + steps).all()
    assert (mix.sum().abs() <= steps).all() or mandate == "long_short"
    assert (targets.groupby("session")["target_weight"].apply(lambda w: w.abs().sum()) <= 1.6 + steps).all()
    assert targets["target_weight"].abs().max() <= 0.3


def test_a_name_that_cannot_be_borrowed_is_never_sold_short() -> None:
    shorted = trade(wild_market(1), INCEPTION, [LAST], selling("market_neutral")).read("positions")
    name = shorted.loc[(shorted["quantity"] < 0) & ~shorted["symbol"].str.startswith("USD"), "symbol"].iloc[0]

    store = trade(wild_market(1), INCEPTION, [LAST], selling("market_neutral", unavailable=(name,)))

    held = store.read("positions").query("symbol == @name")["quantity"]
    assert (held >= 0).all()
    assert not store.read("orders")["status"].eq("rejected").any()  # the optimiser knew


def test_a_dividend_is_owed_by_who_is_short() -> None:
    market = tiny_market(INCEPTION, 5)
    market["corporate_actions"] = action("NVDA", "2024-06-05", amount=0.5, pays="2024-06-07")
    rules = TradingRules(
        initial_cash_usd=10_000.0, optimizer=FixedMix({"NVDA": -0.2}), margin=MarginRules("margin"),
        costs=CostModel.free(), limits=RiskLimits(volatility_target=9.0),
    )  # fmt: skip

    store = trade(market, INCEPTION, ["2024-06-07"], rules)

    check_ledger(store, overdraft=True)
    lines = store.read("ledger").set_index("kind")
    assert lines.loc["dividend_accrued", "receivable_cents"] == -20 * 50  # 20 shares sold at 100 USD
    assert store.read("performance")["equity_cents"].iloc[-1] == 10_000_00 - 10_00


def assert_orders_are_named_once_and_fills_are_near_the_open(store: MemoryStore) -> None:
    orders, fills, bars = store.read("orders"), store.read("fills"), store.read("bars")
    new = orders[orders["decision_session"] == orders["session"]]
    assert new["order_id"].is_unique
    assert set(fills["order_id"]) <= set(new["order_id"])
    assert (fills["decision_session"] < fills["session"]).all()
    joined = fills.merge(bars, on=["session", "symbol"], suffixes=("", "_bar"))
    assert len(joined) == len(fills)
    assert (joined["volume"] > 0).all()
    # Four and a half basis points, the impact, and the rounding of the price to 1e-4 and of cents.
    pushed = joined["impact_cents"] / 100 / joined["quantity"].abs()
    assert ((joined["price"] - joined["open"]).abs() <= joined["open"] * 4.5e-4 + pushed + 2e-2).all()
