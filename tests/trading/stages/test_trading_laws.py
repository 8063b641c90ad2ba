"""What holds for every traded history: replay is live, and every cent is accounted for."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar
from trading.execution.account import Booking
from trading.execution.ledger import project
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_session import trading_session_stage
from trading.testing.memory_store import MemoryStore
from trading.testing.tiny_market import Tables, action, tiny_market, trade
from trading.universe import SYMBOLS

IN_THE_PRICE = ("spread_cents", "slippage_cents", "impact_cents")
INCEPTION, SESSIONS = "2024-06-03", 13
TABLES = trading_session_stage().makes
LAST = f"{calendar.shift(pd.Timestamp(INCEPTION), SESSIONS - 1):%Y-%m-%d}"


def wild_market(seed: int) -> Tables:
    """Prices that jump, signals that change their mind, halts, missing bars, a split and two dividends."""
    market, rng = tiny_market(INCEPTION, SESSIONS), np.random.default_rng(seed)
    bars = market["bars"]
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.05, (bars["session"].nunique(), 10)), axis=0)).round(4)
    place = bars["symbol"].map({symbol: rank for rank, symbol in enumerate(SYMBOLS)}).to_numpy()
    day = bars["session"].rank(method="dense").to_numpy().astype(int) - 1
    close = closes[day, place].round(2)
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
            action("NVDA", "2024-06-10", ratio=10.0),
            action("AMD", "2024-06-06", amount=0.33, pays="2024-06-12"),
            action("TSM", "2024-06-12", ratio=1.5),
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

    assert_ledger_projects_to_positions(store)
    assert_equity_moves_by_profit_less_costs(store)
    assert_orders_are_named_once_and_fills_are_near_the_open(store)


def assert_ledger_projects_to_positions(store: MemoryStore) -> None:
    ledger, positions = store.read("ledger"), store.read("positions")
    assert (positions.loc[positions["symbol"] == "USD", "quantity"] >= 0).all()
    for session in sorted(set(positions["session"])):
        upto = ledger[ledger["session"] <= session]
        balance = project(
            Booking(**line) for line in upto[list(Booking.__dataclass_fields__)].to_dict("records")
        )
        held = positions[positions["session"] == session].set_index("symbol")["quantity"].to_dict()
        assert balance.cash_cents == held.pop("USD")
        assert balance.receivable_cents == held.pop("USD_RECEIVABLE")
        assert balance.shares == held


def assert_equity_moves_by_profit_less_costs(store: MemoryStore) -> None:
    """Profit: change in value of the shares, less what was bought at the open, plus income; in cents."""
    positions, fills, ledger = (store.read(table) for table in ("positions", "fills", "ledger"))
    performance = store.read("performance").set_index("session")
    shares = positions[~positions["symbol"].str.startswith("USD")]
    value = shares.groupby("session")["value_cents"].sum().reindex(performance.index, fill_value=0)
    side, lost = np.sign(fills["quantity"]), fills[list(IN_THE_PRICE)].sum(axis=1)
    bought = (side * fills["notional_cents"] - lost).groupby(fills["session"]).sum()
    income = ledger[ledger["kind"].isin(["dividend_accrued", "cash_in_lieu"])].groupby("session")
    received = (income["cash_cents"].sum() + income["receivable_cents"].sum()).reindex(
        performance.index, fill_value=0
    )
    costs = (
        (lost + fills["commission_cents"] + fills["fees_cents"])
        .groupby(fills["session"])
        .sum()
        .reindex(performance.index, fill_value=0)
    )

    profit = value.diff().fillna(0) - bought.reindex(performance.index, fill_value=0) + received

    assert (performance["cost_cents"] == costs).all()
    assert (performance["equity_cents"].diff().iloc[1:] == (profit - costs).iloc[1:]).all()


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
