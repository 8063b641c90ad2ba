"""Every telling of a book's profit adds up to it, to the cent; and each part is what it says."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.evaluation import return_attribution as split
from trading.evaluation.contributions import profits
from trading.stages.trading_rules import TradingRules
from trading.testing.tiny_market import FixedMix, action, tiny_market, trade

DAYS = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"]).as_unit("us")


@pytest.fixture(scope="module")
def traded() -> dict[str, pd.DataFrame]:
    """Tables of a line that bought two names with costs and was paid a dividend."""
    market = tiny_market("2024-01-02", 30)
    market["corporate_actions"] = action("NVDA", "2024-01-24", amount=1.5, pays="2024-02-05")
    rules = TradingRules(optimizer=FixedMix({"NVDA": 0.2, "TSM": 0.1}))
    store = trade(market, "2024-01-02", ["2024-02-12"], rules)
    return {name: store.read(name) for name in ("positions", "ledger", "performance", "fills")}


def change_of(tables: dict[str, pd.DataFrame]) -> int:
    equity = tables["performance"]["equity_cents"]
    return int(equity.iloc[-1] - equity.iloc[0])


def profit_of(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    return profits(tables["positions"], tables["ledger"], tables["performance"])


def parts(table: pd.DataFrame) -> dict[str, int]:
    return dict(zip(table["part"], table["cents"].tolist(), strict=True))


def test_on_a_line_that_traded_costs_names_and_groups_add_up_to_the_cent(
    traded: dict[str, pd.DataFrame],
) -> None:
    profit, change = profit_of(traded), change_of(traded)
    tables = [
        split.by_cost(profit, traded["ledger"], traded["fills"], change),
        split.by_name(profit, change),
        split.by_group(profit, change),
    ]

    assert change != 0
    assert [int(table["cents"].sum()) for table in tables] == [change] * 3
    assert not any(split.UNEXPLAINED in set(table["part"]) for table in tables)


def test_price_moves_are_those_of_the_shares_at_the_market_s_price(traded: dict[str, pd.DataFrame]) -> None:
    found = parts(split.by_cost(profit_of(traded), traded["ledger"], traded["fills"], change_of(traded)))
    last = traded["positions"][lambda rows: rows["session"] == rows["session"].max()]
    held = last[~last["symbol"].str.startswith("USD")]["value_cents"].sum()
    fills = traded["fills"]
    at_market = 100 * (fills["quantity"] * fills["open_price"]).sum()

    # each fill rounds its amount and three costs to whole cents
    assert found["price moves"] == pytest.approx(held - at_market, abs=2 * len(fills))
    assert found["dividends"] > 0
    assert found["commission"] == -fills["commission_cents"].sum()
    assert found["spread"] == -fills["spread_cents"].sum() < 0


def test_what_the_ledger_does_not_explain_has_a_name(traded: dict[str, pd.DataFrame]) -> None:
    profit, change = profit_of(traded), change_of(traded)

    assert parts(split.by_name(profit, change + 7))[split.UNEXPLAINED] == 7


def profit_table(*rows: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, index=DAYS[1:], columns=["NVDA", "TSM"])


def test_a_model_gets_its_weight_of_the_evening_before() -> None:
    says = pd.DataFrame({"a": [0.75, 0.5], "b": [0.25, 0.5]}, index=DAYS[:2])
    found = split.by_say(profit_table((100, 0), (0, 60), (-10, 0)), says, 150)

    # 100 by 3 : 1, 60 by halves, and nobody spoke before the last session
    assert parts(found) == {"a": 105, "b": 55, split.NO_SAY: -10}


def test_a_name_counts_under_its_own_label_of_the_evening_before() -> None:
    labels = pd.DataFrame({"NVDA": ["1D", "1D"], "TSM": ["1D, 1H", "1D"]}, index=DAYS[:2])
    found = split.by_label(profit_table((100, 5), (0, 60), (-10, 0)), labels, 155)

    assert parts(found) == {"1D": 160, "1D, 1H": 5, split.NO_SAY: -10}


def test_a_book_that_is_twice_its_market_is_explained_by_it_alone() -> None:
    market = np.linspace(-0.02, 0.02, 40) ** 2 - 1e-4
    equity = np.full(40, 1_000_000.0)
    own = 2 * market
    found = split.by_factor(own, {"market": market}, equity, round(float((own * equity).sum())))

    assert found is not None
    assert found.exposures["market"].value == pytest.approx(2.0)
    assert found.explained == pytest.approx(1.0)
    assert parts(found.parts).get(split.IDIOSYNCRATIC, 0) == 0


def test_factors_are_the_coefficients_of_least_squares_and_add_up() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(0, 0.01, (120, 2))
    own = 0.001 + 0.7 * x[:, 0] - 0.2 * x[:, 1] + rng.normal(0, 0.004, 120)
    found = split.by_factor(own, {"m": x[:, 0], "g": x[:, 1]}, np.full(120, 1e7), 123_457)
    design = np.column_stack([np.ones(120), x])
    expected = np.linalg.inv(design.T @ design) @ design.T @ own

    assert found is not None
    assert [e.value for e in found.exposures.values()] == pytest.approx(expected[1:].tolist())
    assert found.alpha.value == pytest.approx(expected[0])
    assert int(found.parts["cents"].sum()) == 123_457
    assert all(e.low < e.value < e.high for e in found.exposures.values())


@pytest.mark.parametrize("sessions", [0, 5, 19])
def test_few_sessions_or_a_flat_factor_have_no_regression(sessions: int) -> None:
    rng = np.random.default_rng(sessions)
    own = rng.normal(0, 0.01, sessions)

    assert split.by_factor(own, {"m": own}, np.ones(sessions), 0) is None
    assert split.by_factor(rng.normal(0, 1, 50), {"m": np.zeros(50)}, np.ones(50), 0) is None


@given(st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=12))
def test_whole_cents_sum_and_lie_within_a_cent_of_their_parts(values: list[float]) -> None:
    told = {str(place): value for place, value in enumerate(values)}
    total = round(math.fsum(values))
    found = split.whole_cents(told, total)

    assert sum(found.values()) == total
    # the rounded total may itself be half a cent off
    assert all(abs(found[name] - told[name]) <= 1.5 for name in told)
