"""What each name brought: exact to the cent, by hand and on a line that has run."""

import math

import numpy as np
import pandas as pd
import pytest

from trading.evaluation.contributions import contribution_figures, contributions
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.stages.trading_rules import TradingRules
from trading.testing.tiny_market import FixedMix, action, tiny_market, trade
from trading.universe import SYMBOLS

DAYS = pd.DatetimeIndex(["2024-01-02", "2024-01-03", "2024-01-04"]).as_unit("us")


def rows(*values: tuple[object, ...], columns: str) -> pd.DataFrame:
    return pd.DataFrame(list(values), columns=columns.split())


POSITIONS = rows(
    (DAYS[0], "USD", 100_000), (DAYS[1], "NVDA", 50_500), (DAYS[1], "USD", 49_900),
    (DAYS[2], "NVDA", 52_000), (DAYS[2], "USD", 49_880), (DAYS[2], "USD_RECEIVABLE", 100), columns="session symbol value_cents",
)  # fmt: skip
LEDGER = rows(
    (DAYS[0], "deposit", "", 100_000, 0), (DAYS[1], "fill", "NVDA", -50_000, 0), (DAYS[1], "commission", "NVDA", -100, 0),
    (DAYS[2], "dividend_accrued", "NVDA", 0, 100), (DAYS[2], "interest", "", -20, 0),
    columns="session kind symbol cash_cents receivable_cents",
)  # fmt: skip
PERFORMANCE = rows((DAYS[0], 100_000), (DAYS[1], 100_400), (DAYS[2], 101_980), columns="session equity_cents")


def test_by_hand_price_costs_dividend_and_interest_go_where_they_belong() -> None:
    parts = contributions(POSITIONS, LEDGER, PERFORMANCE)

    assert parts["NVDA"].tolist() == pytest.approx([400 / 100_000, 1_600 / 100_400])
    assert parts["cash"].tolist() == pytest.approx([0, -20 / 100_400])


def test_by_hand_the_parts_add_up_to_the_return() -> None:
    parts = contributions(POSITIONS, LEDGER, PERFORMANCE)

    assert parts.sum(axis=1).tolist() == pytest.approx([0.004, 101_980 / 100_400 - 1])


def test_on_a_line_that_traded_with_costs_and_a_dividend_the_parts_are_the_returns() -> None:
    market = tiny_market("2024-01-02", 30)
    market["corporate_actions"] = action("NVDA", "2024-01-24", amount=1.5, pays="2024-02-05")
    rules = TradingRules(optimizer=FixedMix({"NVDA": 0.2, "TSM": 0.1}))
    store = trade(market, "2024-01-02", ["2024-02-12"], rules)
    performance = store.read("performance")

    parts = contributions(store.read("positions"), store.read("ledger"), performance)

    returns = np.expm1(performance["log_return"].to_numpy()[1:])
    assert parts.sum(axis=1).to_numpy() == pytest.approx(returns, abs=1e-12)
    assert set(parts) >= {"NVDA", "TSM"}
    assert parts["NVDA"].abs().sum() > 0


def test_names_groups_and_cash_have_rows_and_groups_are_their_names() -> None:
    rng = np.random.default_rng(1)
    parts = pd.DataFrame(rng.normal(0, 0.001, (60, len(SYMBOLS))), columns=list(SYMBOLS)).assign(cash=0.0)

    means = {
        (f.of.slice_kind, f.of.slice): f.value
        for f in contribution_figures("swing", parts)
        if f.metric == "mean_return"
    }

    assert means["symbol", "NVDA"] == pytest.approx(parts["NVDA"].mean() * SESSIONS_PER_YEAR)
    assert means["group", "accelerators"] == pytest.approx(means["symbol", "NVDA"] + means["symbol", "AMD"])
    by = {
        kind: sum(v for (k, name), v in means.items() if k == kind and name != "cash")
        for kind in ("symbol", "group")
    }
    assert by["symbol"] == pytest.approx(by["group"])


def test_a_name_that_was_never_held_has_no_p_value() -> None:
    parts = pd.DataFrame({"NVDA": np.zeros(40)})

    tests = [f.value for f in contribution_figures("swing", parts) if f.metric == "p_value_of_mean"]

    assert all(math.isnan(value) for value in tests)
