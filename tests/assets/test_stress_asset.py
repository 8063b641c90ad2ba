"""The stress table of a finished home, its heat map, and the event of a broken limit."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from assets import plots
from assets.stress import TABLE, stressed, tell_breaches
from trading import frames
from trading.execution.costs import CostModel
from trading.risk.limits import RiskLimits
from trading.risk.stops import StopRules
from trading.stages.trading_rules import TradingRules
from trading.testing.memory_store import MemoryStore
from trading.testing.tiny_market import FixedMix, edited, tiny_market, trade

MONDAY, WEDNESDAY, THURSDAY = "2024-01-08", "2024-01-10", "2024-01-11"
WIDE = RiskLimits(volatility_target=99.0, value_at_risk_limit=99.0)
RULES = replace(
    TradingRules(), optimizer=FixedMix({"NVDA": 0.2, "TSM": 0.1}), limits=WIDE, costs=CostModel.free()
)


def test_every_case_is_shared_out_over_the_names_and_drawn() -> None:
    store = trade(tiny_market(MONDAY, 3), MONDAY, [WEDNESDAY], RULES)

    made = frames.validated(TABLE, stressed(store, RULES))

    assert set(made["kind"]) == {
        "worst_week",
        "scenario",
        "monte_carlo",
    }  # no old crash in so short a history
    down = made[made["case"] == "sector_-20%"]
    assert down["loss"].iloc[0] == pytest.approx(-0.06, abs=1e-3)  # whole shares
    assert down["risk_share"].sum() == pytest.approx(1.0)
    assert plots.png(plots.stress(made), simulated=True).startswith(b"\x89PNG")


def test_the_picture_says_where_the_book_is_concentrated_by_name_and_by_group() -> None:
    made = stressed(trade(tiny_market(MONDAY, 3), MONDAY, [WEDNESDAY], RULES), RULES)

    upper = plots.stress(made).axes[0]

    assert upper.get_yticklabels()[0].get_text() == "weight"
    said = [int(text.get_text()) for text in upper.texts]
    held = dict(zip(made.sort_values(["group", "symbol"])["symbol"].unique(), said, strict=False))
    assert (held["NVDA"], held["TSM"], held["AMD"]) == (20, 10, 0)
    assert said[20:].count(20) == 2  # the group of NVDA and AMD, told at both
    assert "as good as 1.8 names" in upper.get_title(loc="left")  # 0.3 ** 2 / (0.2 ** 2 + 0.1 ** 2)


def test_a_home_that_holds_nothing_has_no_stress() -> None:
    assert stressed(MemoryStore(), RULES).empty
    assert stressed(trade(tiny_market(MONDAY, 2), MONDAY, [MONDAY], RULES), RULES).empty


def test_a_target_over_a_limit_is_cut_and_people_are_told() -> None:
    greedy = replace(RULES, optimizer=FixedMix({"NVDA": 0.5}))
    store = trade(tiny_market(MONDAY, 3), MONDAY, [WEDNESDAY], greedy)
    told: list[tuple[str, dict[str, str]]] = []
    notifier = SimpleNamespace(notify=lambda event, **facts: told.append((event, facts)))

    tell_breaches(SimpleNamespace(store=store, notifier=notifier), "swing")  # type: ignore[arg-type]

    held = store.read("positions").query("symbol == 'NVDA'")["value_cents"]
    assert held.max() <= 0.2 * 10_000_000
    assert told == [
        ("target_cut", {"session": WEDNESDAY, "strategy": "swing", "limits": told[0][1]["limits"]})
    ]
    assert "group accelerators 48.9% over 40.0%" in told[0][1]["limits"]  # the mix of 50 % moved with prices


def test_a_holding_that_grows_over_its_limit_is_told_and_sold_at_the_next_open() -> None:
    market = tiny_market(MONDAY, 4)
    for session in (WEDNESDAY, THURSDAY):
        market = edited(market, "bars", "NVDA", session, open=150.0, high=151.0, low=149.0, close=150.0)

    store = trade(market, MONDAY, [THURSDAY], RULES)

    breaches = store.read("risk").set_index("session")["breaches"]
    assert breaches[WEDNESDAY].startswith("position NVDA 27")
    assert breaches[THURSDAY] == ""
    sold = store.read("fills").query("symbol == 'NVDA'").set_index("session")["quantity"]
    assert sold[THURSDAY] < 0


def test_a_stopped_name_is_sold_at_the_next_open_and_rests() -> None:
    timed = replace(RULES, stops=StopRules(time_sessions=1, rest_sessions=5))

    store = trade(tiny_market(MONDAY, 5), MONDAY, ["2024-01-12"], timed)

    quantity = store.read("fills").query("symbol == 'NVDA'").set_index("session")["quantity"]
    assert list(quantity.index.strftime("%a")) == ["Tue", "Wed"]
    assert quantity.sum() == 0
    reasons = store.read("target_portfolio").drop_duplicates("session")["cut_by"].tolist()
    assert reasons[1:3] == ["stop NVDA time; stop TSM time", "stop NVDA rest; stop TSM rest"]
