"""What is watched every session between two optimisations, traded by hand: pairs, volume, correlations, VIX, beta, stops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trading import calendar, frames
from trading.execution.costs import CostModel
from trading.execution.margin import MarginRules
from trading.execution.orders import OrderRules
from trading.interfaces import Floats
from trading.portfolio.covariance_rules import VixScaling
from trading.portfolio.mandates import ConvexOptimizer
from trading.risk.limits import RiskLimits
from trading.risk.stops import StopRules
from trading.stages.trading_rules import TradingRules
from trading.testing.memory_store import MemoryStore
from trading.testing.tiny_market import FixedMix, Tables, edited, tiny_market, trade
from trading.universe import SYMBOLS

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (f"2024-01-{day:02d}" for day in range(8, 13))
WIDE = RiskLimits(volatility_target=99.0, value_at_risk_limit=99.0, group_limit=9.0)
FREE = replace(TradingRules(), costs=CostModel.free(), limits=WIDE, orders=OrderRules(participation=1.0))


def rules(**changes: object) -> TradingRules:
    return replace(FREE, **changes)  # type: ignore[arg-type]


def value(store: MemoryStore, table: str, column: str, session: str, symbol: str = "") -> object:
    rows = store.read(table, pd.Timestamp(session), pd.Timestamp(session))
    return (rows[rows["symbol"] == symbol] if symbol else rows)[column].iloc[0]


def returns_of(market: Tables) -> Floats:
    """(w, s) log returns of the market's features, in the order of the universe."""
    wide = market["features"].pivot_table(index="session", columns="symbol", values="log_return")
    return wide[list(SYMBOLS)].to_numpy().copy()


def with_returns(market: Tables, returns: Floats) -> Tables:
    """The market with log returns (w, s) in its features."""
    sessions = sorted(market["features"]["session"].unique())
    rows = market["features"]["session"].map({session: place for place, session in enumerate(sessions)})
    columns = market["features"]["symbol"].map({symbol: place for place, symbol in enumerate(SYMBOLS)})
    return {**market, "features": market["features"].assign(log_return=returns[rows, columns])}


def test_names_that_become_linked_share_one_position_and_leave_what_is_over_it() -> None:
    market = tiny_market(MONDAY, 4)
    returns = returns_of(market)
    returns[:, SYMBOLS.index("TSM")] = returns[:, SYMBOLS.index("NVDA")]
    for session in (WEDNESDAY, THURSDAY):
        market = edited(market, "bars", "NVDA", session, open=150.0, high=151.0, low=149.0, close=150.0)

    store = trade(
        with_returns(market, returns),
        MONDAY,
        [THURSDAY],
        rules(optimizer=FixedMix({"NVDA": 0.2, "TSM": 0.2})),
    )

    assert value(store, "target_portfolio", "target_weight", MONDAY, "NVDA") == pytest.approx(0.1, abs=1e-5)
    assert "correlation NVDA-TSM 40.0% over 20.0%" in str(value(store, "target_portfolio", "cut_by", MONDAY))
    assert "correlation NVDA-TSM 23.8% over 20.0%" in str(value(store, "risk", "breaches", WEDNESDAY))
    assert value(store, "risk", "breaches", THURSDAY) == ""  # sold at the open in between


def test_a_position_that_a_session_of_volume_cannot_take_is_cut() -> None:
    market = edited(tiny_market(MONDAY, 3), "bars", "NVDA", volume=10_000.0)  # a million USD, of which 5 %

    store = trade(market, MONDAY, [WEDNESDAY], rules(initial_cash_usd=1e6, optimizer=FixedMix({"NVDA": 0.2})))

    assert value(store, "target_portfolio", "target_weight", TUESDAY, "NVDA") == pytest.approx(0.05, rel=1e-3)
    assert "liquidity NVDA" in str(value(store, "target_portfolio", "cut_by", TUESDAY))


def test_volume_is_that_of_a_month_and_not_of_a_wild_session() -> None:
    market = edited(tiny_market(MONDAY, 3), "bars", "NVDA", volume=10_000.0)
    market = edited(
        market, "bars", "NVDA", TUESDAY, volume=220_000.0
    )  # 21 times 10,000, and 210,000: twice it

    store = trade(market, MONDAY, [TUESDAY], rules(initial_cash_usd=1e6, optimizer=FixedMix({"NVDA": 0.2})))

    assert value(store, "target_portfolio", "target_weight", TUESDAY, "NVDA") == pytest.approx(0.1, rel=1e-3)


def broken_market() -> Tables:
    """Names that went their own ways until, a week ago, all of them began to move as one."""
    market = tiny_market(MONDAY, 4)
    returns = returns_of(market)
    returns[-8:] = returns[-8:, :1]
    return with_returns(market, returns)


def test_correlations_that_break_are_told_once_they_have_broken() -> None:
    store = trade(broken_market(), MONDAY, [THURSDAY], rules())

    said = store.read("risk")["alarm"]
    assert said.str.startswith("correlations broke: names share").sum() == 1  # then the sum starts anew
    assert (trade(tiny_market(MONDAY, 4), MONDAY, [THURSDAY], rules()).read("risk")["alarm"] == "").all()


@pytest.mark.parametrize("wanted", [True, False])
def test_an_alarm_solves_the_mix_anew_if_that_is_wanted(*, wanted: bool) -> None:
    store = trade(broken_market(), MONDAY, [THURSDAY], rules(solve_on_broken_correlations=wanted))

    rung = store.read("risk").query("alarm != ''")["session"].iloc[0]
    assert rung > pd.Timestamp(MONDAY)
    solved = set(store.read("target_portfolio")["optimized_session"])
    assert solved == ({pd.Timestamp(MONDAY), rung} if wanted else {pd.Timestamp(MONDAY)})


def with_vix(market: Tables, last: float) -> Tables:
    """The market with a VIX of 20, and of `last` in its last session."""
    own = market["bars"].drop_duplicates("session").copy()
    levels = np.where(own["session"] == own["session"].max(), last, 20.0)
    own = own.assign(symbol="VIX", **dict.fromkeys(("open", "high", "low", "close"), levels))
    bars = pd.concat([market["bars"], own]).astype(frames.table_of("bars").dtypes)
    return {**market, "bars": bars}


def test_a_vix_above_its_month_makes_the_book_smaller_by_half_of_it() -> None:
    fixed, held = FixedMix(dict.fromkeys(SYMBOLS, 0.1)), {}
    for last in (20.0, 30.0):
        store = trade(
            with_vix(tiny_market(MONDAY, 1), last),
            MONDAY,
            [MONDAY],
            rules(optimizer=fixed, limits=RiskLimits(volatility_target=0.02)),
        )
        held[last] = value(store, "target_portfolio", "exposure", MONDAY)

    month = (20 * 20 + 30) / 21
    assert held[30.0] == pytest.approx(held[20.0] / (30 / month) ** 0.5)  # type: ignore[operator]


def test_without_strength_vix_says_nothing() -> None:
    deaf = rules(vix=VixScaling(strength=0.0), limits=RiskLimits(volatility_target=0.02))

    told = [trade(with_vix(tiny_market(MONDAY, 1), x), MONDAY, [MONDAY], deaf) for x in (20.0, 60.0)]

    pd.testing.assert_frame_equal(*(store.read("target_portfolio") for store in told))


def test_beta_is_to_spy_where_its_returns_are_held_and_the_table_says_so() -> None:
    market = tiny_market(MONDAY, 1)
    market["signals"] = market["signals"].assign(
        alpha=np.linspace(-0.02, 0.02, 10), probability=np.linspace(0.3, 0.7, 10)
    )
    neutral = rules(optimizer=ConvexOptimizer(mandate="market_neutral"), margin=MarginRules("margin"))
    returns = returns_of(market)
    spy = (
        market["features"]
        .drop_duplicates("session")
        .assign(symbol="SPY", log_return=returns[:, :5].mean(axis=1))
    )
    held = {**market, "features": pd.concat([market["features"], spy])}

    told = [trade(tables, MONDAY, [MONDAY], neutral).read("target_portfolio") for tables in (market, held)]

    assert [rows["objective"].iloc[0] for rows in told] == [
        "volatility_target, beta to equal weight", "volatility_target, beta to SPY"
    ]  # fmt: skip
    assert (told[0]["mix_weight"].to_numpy() != told[1]["mix_weight"].to_numpy()).any()


@pytest.mark.parametrize(
    ("rule", "moves"),
    [
        (StopRules(atr_multiple=2.0), [0.0, -0.03, -0.03]),  # an average true range of 2 %: 4 % is enough
        (StopRules(trailing_multiple=2.0), [0.0, 0.06, -0.05]),
        (StopRules(profit_target=0.05), [0.0, 0.03, 0.03]),
        (StopRules(time_sessions=3), [0.0, 0.0, 0.0]),
    ],
)
def test_each_stop_sells_at_the_next_open_and_says_which_it_was(rule: StopRules, moves: list[float]) -> None:
    market = tiny_market(MONDAY, 5)
    returns = returns_of(market)
    returns[-4:-1, 0], returns[-1, 0] = moves, 0.0
    market = with_returns(market, returns)
    market["features"] = market["features"].assign(atr_14=0.02)

    store = trade(market, MONDAY, [FRIDAY], rules(stops=rule, optimizer=FixedMix({SYMBOLS[0]: 0.2})))

    (name,) = (field for field in ("atr", "trailing", "profit", "time") if getattr(rule, _SETTING[field]))
    assert f"stop {SYMBOLS[0]} {name}" in str(value(store, "target_portfolio", "cut_by", THURSDAY))
    fills = store.read("fills", calendar.session_of(FRIDAY), calendar.session_of(FRIDAY))
    assert fills["quantity"].tolist() == [-200]


_SETTING = {
    "atr": "atr_multiple",
    "trailing": "trailing_multiple",
    "profit": "profit_target",
    "time": "time_sessions",
}
