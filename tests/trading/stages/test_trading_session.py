"""The rules of time, each as a few sessions traded by hand through the stage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from trading.calendar import as_of
from trading.errors import DataError, MissingStateError
from trading.execution.costs import CostModel
from trading.execution.orders import OrderRules
from trading.history import History
from trading.risk.limits import RiskLimits
from trading.stages.trading_rules import TradingRules
from trading.stages.trading_session import trading_session_stage
from trading.testing.memory_store import MemoryStore
from trading.testing.stage_rows import made_by
from trading.testing.tiny_market import FixedMix, Tables, action, edited, tiny_market, trade, without

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (f"2024-06-{day:02d}" for day in range(3, 8))
FREE = CostModel.free()
DEAR = CostModel(2.0, 2.0, 0.005, 0.35, 0.0)
UNLIMITED = RiskLimits(
    volatility_target=99.0, value_at_risk_limit=99.0, position_limit=9.0, group_limit=9.0, gross_limit=9.0
)


def rules(
    costs: CostModel = FREE, limits: RiskLimits = UNLIMITED, life: int = 5, **weights: float
) -> TradingRules:
    return TradingRules(
        initial_cash_usd=10_000.0,
        optimizer=FixedMix(weights),
        costs=costs,
        limits=limits,
        orders=OrderRules(life_sessions=life),
    )


def rows(store: MemoryStore, table: str, session: str, symbol: str | None = None) -> list[dict[str, object]]:
    frame = store.read(table, pd.Timestamp(session), pd.Timestamp(session))
    frame = frame if symbol is None else frame[frame["symbol"] == symbol]
    return frame.to_dict("records")


def row(store: MemoryStore, table: str, session: str, symbol: str | None = None) -> dict[str, object]:
    (only,) = rows(store, table, session, symbol)
    return only


def traded(market: Tables, end: str, rule: TradingRules) -> MemoryStore:
    return trade(market, MONDAY, [end], rule)


def test_the_first_session_books_the_deposit_and_only_decides() -> None:
    store = traded(tiny_market(MONDAY, 1), MONDAY, rules(NVDA=0.5))

    assert [(e["kind"], e["cash_cents"]) for e in rows(store, "ledger", MONDAY)] == [("deposit", 10_000_00)]
    assert rows(store, "fills", MONDAY) == []
    order = row(store, "orders", MONDAY)
    assert (order["symbol"], order["quantity"], order["status"]) == ("NVDA", 50, "new")
    assert row(store, "performance", MONDAY)["equity_cents"] == 10_000_00


def test_what_was_decided_fills_at_the_next_open_to_the_cent() -> None:
    market = edited(tiny_market(MONDAY, 2), "bars", "NVDA", TUESDAY, open=101.0, high=103.0, close=102.0)

    store = traded(market, TUESDAY, rules(DEAR, NVDA=0.5))

    # 50 at 101.00 x 1.0004 = 101.0404: 5,052.02 and 0.35; they close at 102.00.
    fill = row(store, "fills", TUESDAY)
    assert (fill["quantity"], fill["open_price"], fill["price"]) == (50, 101.0, 101.0404)
    assert (fill["notional_cents"], fill["commission_cents"]) == (5_052_02, 35)
    assert fill["decision_session"] == pd.Timestamp(MONDAY)
    assert fill["ts"] == pd.Timestamp("2024-06-04 13:30", tz="UTC")
    assert row(store, "positions", TUESDAY, "USD")["quantity"] == 10_000_00 - 5_052_02 - 35
    assert row(store, "performance", TUESDAY)["equity_cents"] == 10_000_00 - 5_052_02 - 35 + 5_100_00
    assert row(store, "performance", TUESDAY)["cost_cents"] == 2_02 + 35


def test_a_split_between_decision_and_fill_changes_the_order_and_not_the_money() -> None:
    market = edited(
        tiny_market(MONDAY, 2), "bars", "NVDA", TUESDAY, open=10.0, high=11.0, low=9.0, close=10.0
    )
    market["corporate_actions"] = action("NVDA", TUESDAY, ratio=10.0)

    store = traded(market, TUESDAY, rules(NVDA=0.5))

    assert row(store, "fills", TUESDAY)["quantity"] == 500
    assert row(store, "positions", TUESDAY, "USD")["quantity"] == 5_000_00
    assert row(store, "performance", TUESDAY)["equity_cents"] == 10_000_00


def test_a_split_of_shares_held_keeps_equity() -> None:
    market = tiny_market(MONDAY, 4)
    for session in (WEDNESDAY, THURSDAY):
        market = edited(market, "bars", "NVDA", session, open=10.0, high=11.0, low=9.0, close=10.0)
    market["corporate_actions"] = action("NVDA", WEDNESDAY, ratio=10.0)

    store = traded(market, THURSDAY, rules(NVDA=0.5))

    assert row(store, "positions", WEDNESDAY, "NVDA")["quantity"] == 500
    assert row(store, "performance", WEDNESDAY)["log_return"] == 0.0
    assert rows(store, "orders", WEDNESDAY) == []


def known(actions: pd.DataFrame, session: str) -> pd.DataFrame:
    """The actions, known by the decision of `session`."""
    stamp = pd.Series([as_of(pd.Timestamp(session))] * len(actions), dtype=actions["known_at"].dtype)
    return actions.assign(known_at=stamp.to_numpy())


def split_on_wednesday() -> Tables:
    """Five sessions whose prices hold a split of 10 for 1 from Wednesday on; nobody has said so yet."""
    market = tiny_market(MONDAY, 5)
    for session in (WEDNESDAY, THURSDAY, FRIDAY):
        market = edited(market, "bars", "NVDA", session, open=10.0, high=11.0, low=9.0, close=10.0)
    return market


def test_a_split_known_a_session_late_restores_the_share_count_then() -> None:
    market = split_on_wednesday()
    market["corporate_actions"] = known(action("NVDA", WEDNESDAY, ratio=10.0), THURSDAY)

    store = traded(market, FRIDAY, rules(NVDA=0.5))

    # Wednesday sees 50 shares at 10.00 instead of 100.00, and sells them for a loss that is none.
    assert row(store, "positions", WEDNESDAY, "NVDA")["quantity"] == 50
    assert row(store, "orders", WEDNESDAY)["quantity"] == -50
    # Thursday: the 50 held before the split are 500; what was decided at new prices stays as it is.
    assert row(store, "positions", THURSDAY, "NVDA")["quantity"] == 500 - 50
    assert row(store, "performance", THURSDAY)["equity_cents"] == 10_000_00
    booked = [
        (e["shares"], e["reference"]) for e in store.read("ledger").to_dict("records") if e["kind"] == "split"
    ]
    assert booked == [(450, "split 10 for 1, late: of 2024-06-05")]


def test_a_late_dividend_goes_to_who_held_before_its_session() -> None:
    market = tiny_market(MONDAY, 5)
    late = known(action("NVDA", WEDNESDAY, amount=0.5, pays=FRIDAY), THURSDAY)
    market["corporate_actions"] = pd.concat([late, known(action("NVDA", TUESDAY, amount=9.0), THURSDAY)])

    store = traded(market, FRIDAY, rules(NVDA=0.5))

    # Bought at Tuesday's open: nothing was held before Tuesday's session, 50 shares before Wednesday's.
    (owed,) = [e for e in rows(store, "ledger", THURSDAY) if e["kind"] == "dividend_accrued"]
    assert (owed["receivable_cents"], owed["reference"]) == (
        25_00,
        "0.5 USD a share, paid 2024-06-07, late: of 2024-06-05",
    )
    assert row(store, "performance", FRIDAY)["equity_cents"] == 10_025_00


def test_late_and_revised_actions_are_booked_once_session_by_session_as_in_one_range() -> None:
    market, split = split_on_wednesday(), action("NVDA", WEDNESDAY, ratio=10.0)
    dividend = action("NVDA", WEDNESDAY, amount=0.5)
    revised = known(dividend.assign(amount=0.6), FRIDAY)
    market["corporate_actions"] = pd.concat([known(split, THURSDAY), dividend, revised])

    evenings = trade(market, MONDAY, [MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY], rules(NVDA=0.5))
    backtest = traded(market, FRIDAY, rules(NVDA=0.5))

    ledger = backtest.read("ledger")
    assert sorted(ledger.loc[ledger["kind"].isin(["split", "dividend_accrued"]), "kind"]) == [
        "dividend_accrued",
        "split",
    ]
    for table in trading_session_stage().makes:
        pd.testing.assert_frame_equal(evenings.read(table), backtest.read(table), check_exact=True)


def test_a_dividend_goes_to_who_held_at_the_previous_close() -> None:
    market = tiny_market(MONDAY, 3)
    market["corporate_actions"] = action("NVDA", TUESDAY, amount=1.0, pays=WEDNESDAY)

    store = traded(market, WEDNESDAY, rules(NVDA=0.5))

    # Decided on Monday, held from Tuesday's open: too late for a dividend of Tuesday.
    assert row(store, "positions", TUESDAY, "USD_RECEIVABLE")["quantity"] == 0
    assert row(store, "performance", WEDNESDAY)["equity_cents"] == 10_000_00


def test_a_dividend_is_owed_on_its_session_and_cash_on_its_payment() -> None:
    market = tiny_market(MONDAY, 5)
    market["corporate_actions"] = action("NVDA", WEDNESDAY, amount=0.5, pays=FRIDAY)

    store = traded(market, FRIDAY, rules(NVDA=0.5))

    for session, owed, cash in ((TUESDAY, 0, 5_000_00), (WEDNESDAY, 25_00, 5_000_00), (FRIDAY, 0, 5_025_00)):
        assert row(store, "positions", session, "USD_RECEIVABLE")["quantity"] == owed
        assert row(store, "positions", session, "USD")["quantity"] == cash
    assert row(store, "receivables", THURSDAY)["amount_cents"] == 25_00
    assert rows(store, "receivables", FRIDAY) == []
    assert [row(store, "performance", s)["equity_cents"] for s in (WEDNESDAY, FRIDAY)] == [10_025_00] * 2


def test_adjusted_prices_already_hold_splits_and_dividends() -> None:
    market = tiny_market(MONDAY, 3)
    market["bars"] = market["bars"].assign(basis="fully_adjusted").astype({"basis": "str"})
    market["corporate_actions"] = pd.concat(
        [action("NVDA", WEDNESDAY, ratio=10.0), action("NVDA", WEDNESDAY, amount=1.0)]
    )

    store = traded(market, WEDNESDAY, rules(NVDA=0.5))

    assert row(store, "positions", WEDNESDAY, "NVDA")["quantity"] == 50
    assert row(store, "performance", WEDNESDAY)["equity_cents"] == 10_000_00


def test_a_change_of_basis_stops_the_line_instead_of_revaluing_the_book() -> None:
    market = tiny_market(MONDAY, 2)
    later = market["bars"]["session"] == pd.Timestamp(TUESDAY)
    market["bars"].loc[later, "basis"] = "split_adjusted"

    with pytest.raises(DataError, match="raw to split_adjusted at 2024-06-04"):
        traded(market, TUESDAY, rules(NVDA=0.5))


def test_a_half_day_decides_after_its_early_close_and_fills_at_the_next_open() -> None:
    half_day, next_open = "2024-07-03", "2024-07-05"

    store = trade(tiny_market(half_day, 2), half_day, [next_open], rules(NVDA=0.5))

    assert row(store, "orders", half_day)["known_at"] == pd.Timestamp("2024-07-03 17:15", tz="UTC")
    assert row(store, "fills", next_open)["ts"] == pd.Timestamp("2024-07-05 13:30", tz="UTC")


@pytest.mark.parametrize("halt", ["no bar", "no volume", "stale open"])
def test_a_halt_carries_the_order_and_fills_it_when_trading_resumes(halt: str) -> None:
    market = tiny_market(MONDAY, 3)
    if halt == "no bar":
        market = without(market, "bars", "NVDA", TUESDAY)
    elif halt == "no volume":
        market = edited(market, "bars", "NVDA", TUESDAY, volume=0.0)
    else:
        market = edited(market, "bars", "NVDA", TUESDAY, high=100.0, low=100.0)

    store = traded(market, WEDNESDAY, rules(NVDA=0.5))

    carried = row(store, "orders", TUESDAY)
    assert (carried["status"], carried["reason"], carried["sessions_waited"]) == ("acknowledged", halt, 1)
    assert carried["decision_session"] == pd.Timestamp(MONDAY)
    fill = row(store, "fills", WEDNESDAY)
    assert (fill["order_id"], fill["decision_session"]) == (carried["order_id"], pd.Timestamp(MONDAY))


def test_a_long_halt_expires_the_order_for_all_to_see() -> None:
    market = without(tiny_market(MONDAY, 5), "bars", "NVDA", TUESDAY, WEDNESDAY, THURSDAY)

    store = traded(market, FRIDAY, rules(NVDA=0.5, life=3))

    statuses = [row(store, "orders", session)["status"] for session in (TUESDAY, WEDNESDAY, THURSDAY)]
    assert statuses == ["acknowledged", "acknowledged", "expired"]
    assert row(store, "orders", THURSDAY)["reason"] == "expired after 3 sessions: no bar"
    assert rows(store, "fills", FRIDAY) == []
    assert row(store, "orders", FRIDAY)["decision_session"] == pd.Timestamp(FRIDAY)


def test_a_position_without_a_bar_keeps_its_last_close_and_counts_its_age() -> None:
    market = without(tiny_market(MONDAY, 4), "bars", "NVDA", WEDNESDAY, THURSDAY)

    store = traded(market, THURSDAY, rules(NVDA=0.5))

    held = [row(store, "positions", session, "NVDA") for session in (TUESDAY, WEDNESDAY, THURSDAY)]
    assert [position["stale_sessions"] for position in held] == [0, 1, 2]
    assert {position["close"] for position in held} == {100.0}


def test_a_holding_that_is_halted_when_the_mix_is_solved_keeps_its_weight_and_others_share_the_rest() -> None:
    next_monday = "2024-06-10"
    market = without(tiny_market(THURSDAY, 3), "bars", "NVDA", next_monday)

    store = trade(market, THURSDAY, [next_monday], rules(NVDA=0.6, AMD=0.4))

    before = row(store, "target_portfolio", FRIDAY, "NVDA")["mix_weight"]
    halted, other = (row(store, "target_portfolio", next_monday, symbol) for symbol in ("NVDA", "AMD"))
    assert halted["optimized_session"] == pd.Timestamp(next_monday)
    assert halted["mix_weight"] == before
    assert other["mix_weight"] == pytest.approx(0.4 * (1 - before), abs=1e-6)
    assert halted["binding"] == "halted:NVDA"


def test_the_last_session_leaves_orders_that_a_later_run_fills_without_touching_it() -> None:
    market = tiny_market(MONDAY, 3)
    earlier, later = (
        trade(market, MONDAY, ends, rules(NVDA=0.5)) for ends in ([MONDAY], [MONDAY, WEDNESDAY])
    )

    assert row(earlier, "orders", MONDAY)["status"] == "new"
    for table in trading_session_stage().makes:
        upto = later.read(table, None, pd.Timestamp(MONDAY))
        pd.testing.assert_frame_equal(earlier.read(table), upto, check_exact=True)


def test_a_name_that_is_not_listed_yet_gets_nothing() -> None:
    market = tiny_market("2023-09-11", 3)
    for table in ("bars", "signals"):
        market = without(market, table, "ARM")
    market = edited(market, "features", "ARM", log_return=np.nan)

    store = trade(market, "2023-09-11", ["2023-09-13"])

    weights = store.read("target_portfolio").set_index("symbol")["target_weight"]
    assert (weights["ARM"] == 0.0).all()
    assert (weights.drop("ARM") > 0.0).all()


def test_the_mix_is_solved_in_the_first_session_of_a_week_and_kept_in_between() -> None:
    # Inception on Thursday 2024-08-29; Monday 2024-09-02 is Labor Day, so the week starts on Tuesday.
    store = trade(tiny_market("2024-08-29", 4), "2024-08-29", ["2024-09-04"])

    solved = (
        store.read("target_portfolio").drop_duplicates("session").set_index("session")["optimized_session"]
    )
    assert [f"{day:%m-%d}" for day in solved] == ["08-29", "08-29", "09-03", "09-03"]


@pytest.mark.parametrize(("wanted", "solved"), [(True, TUESDAY), (False, MONDAY)])
def test_a_change_of_regime_solves_the_mix_anew_if_that_is_wanted(*, wanted: bool, solved: str) -> None:
    market = tiny_market(MONDAY, 3)
    market["regimes"].loc[1, "changed"] = True

    rules = TradingRules(solve_on_regime_change=wanted)
    frame = traded(market, WEDNESDAY, rules).read("target_portfolio")

    last = frame[frame["session"] == pd.Timestamp(WEDNESDAY)]
    assert set(last["optimized_session"]) == {pd.Timestamp(solved)}


def test_between_weeks_the_overlay_alone_moves_the_target() -> None:
    market = tiny_market(MONDAY, 2)
    market["regimes"].loc[1, "multiplier"] = 0.3

    frame = traded(market, TUESDAY, TradingRules()).read("target_portfolio")

    monday, tuesday = (
        frame[frame["session"] == pd.Timestamp(day)].set_index("symbol") for day in (MONDAY, TUESDAY)
    )
    features = market["features"].set_index(["session", "symbol"])["log_return"]
    moved = np.exp(features.loc[pd.Timestamp(TUESDAY)]) * monday["mix_weight"]
    book = 1 + monday["exposure"] * (moved - monday["mix_weight"]).sum()  # of one that holds that part of it
    assert moved.std() > 0
    assert np.allclose(tuesday["mix_weight"], moved / book, rtol=0, atol=1e-6)  # the grid
    assert tuesday["exposure"].iloc[0] < monday["exposure"].iloc[0]
    assert (tuesday["target_weight"] <= tuesday["mix_weight"] * tuesday["exposure"] + 1e-12).all()


def test_without_regime_scaling_the_multiplier_means_nothing() -> None:
    stormy, calm = tiny_market(MONDAY, 1), tiny_market(MONDAY, 1)
    stormy["regimes"].loc[0, "multiplier"] = 0.3
    low = RiskLimits(volatility_target=0.02)  # so that all of the mix is held in no regime
    usual, deaf = TradingRules(limits=low), TradingRules(limits=low, regime_scaling=False)

    held, unscaled, whole = (
        row(traded(market, MONDAY, rule), "target_portfolio", MONDAY, "NVDA")["exposure"]
        for market, rule in ((stormy, usual), (stormy, deaf), (calm, usual))
    )

    assert unscaled == whole
    assert held == pytest.approx(0.3 * whole)  # rounding of one product


def test_prices_that_move_apart_make_no_orders_between_weeks() -> None:
    market = tiny_market(MONDAY, 3)
    traded_sessions = market["features"]["session"] >= pd.Timestamp(MONDAY)
    market["features"].loc[traded_sessions, ["log_return", "held_return"]] = 0.0
    market = edited(market, "bars", "NVDA", WEDNESDAY, open=120.0, high=121.0, low=119.0, close=120.0)
    market = edited(market, "features", "NVDA", WEDNESDAY, log_return=np.log(1.2), held_return=np.log(1.2))

    store = traded(market, WEDNESDAY, rules(NVDA=0.1, AMD=0.1))

    assert row(store, "target_portfolio", TUESDAY, "NVDA")["mix_weight"] == 0.1
    assert row(store, "target_portfolio", WEDNESDAY, "NVDA")["mix_weight"] == pytest.approx(
        0.12 / 1.02, abs=1e-6
    )
    assert rows(store, "fills", TUESDAY) != []
    assert rows(store, "orders", WEDNESDAY) == []


def test_a_crash_flattens_the_book_and_says_why() -> None:
    market = edited(
        tiny_market(MONDAY, 4), "bars", "NVDA", WEDNESDAY, open=60.0, high=61.0, low=59.0, close=60.0
    )
    market = edited(market, "bars", "NVDA", THURSDAY, open=60.0, high=61.0, low=59.0, close=60.5)

    store = traded(market, THURSDAY, rules(NVDA=0.5))

    risk = row(store, "risk", WEDNESDAY)
    assert (risk["drawdown_state"], risk["drawdown_multiplier"]) == ("hard", 0.0)
    assert "drawdown of 20.0%" in str(risk["reason"])
    assert row(store, "orders", WEDNESDAY)["quantity"] == -50
    assert rows(store, "positions", THURSDAY, "NVDA") == []


def test_the_roadmaps_gates_bind_only_where_they_are_asked_for() -> None:
    market = tiny_market(MONDAY, 1)

    gated = row(traded(market, MONDAY, TradingRules(filter="roadmap")), "target_portfolio", MONDAY, "NVDA")
    open_ = row(traded(market, MONDAY, TradingRules()), "target_portfolio", MONDAY, "NVDA")

    assert (gated["fallback"], gated["target_weight"]) == ("cash", 0.0)
    assert (open_["fallback"], open_["status"]) == ("", "optimal")


def test_a_missing_state_after_the_first_session_is_an_error_with_a_remedy() -> None:
    given = {table: History.from_frame(table, frame) for table, frame in tiny_market(MONDAY, 2).items()}

    with pytest.raises(
        MissingStateError, match=r"the positions of strategy 'swing'.*make that session first"
    ):
        made_by(trading_session_stage(), pd.Timestamp(TUESDAY), given)


def test_the_declaration_keeps_one_session_and_a_look_back_for_drawdown() -> None:
    stage = trading_session_stage()

    assert {read.table for read in stage.keeps} <= set(stage.makes)
    assert {(read.table, read.depth) for read in stage.keeps if read.depth > 1} == {
        ("performance", 29),
        ("positions", 21),
    }
    assert all(read.offset == 1 for read in stage.keeps)
    assert stage.starts == "inception"
