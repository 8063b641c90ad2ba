"""The frontier of a finished home, and of one that has not traded yet."""

from __future__ import annotations

import numpy as np
import pytest

from assets.frontier import TABLE, drawn
from trading import frames
from trading.stages.trading_rules import TradingRules
from trading.testing.memory_store import MemoryStore
from trading.testing.tiny_market import tiny_market, trade

MONDAY, WEDNESDAY = "2024-01-08", "2024-01-10"


@pytest.mark.parametrize("kind", ["frontier", "sized_frontier"])
def test_the_frontier_rises_and_ends_where_most_is_believed(kind: str) -> None:
    store = trade(tiny_market(MONDAY, 3), MONDAY, [WEDNESDAY])

    made = drawn(store, TradingRules())

    points = made[made["kind"] == kind].drop_duplicates("point").sort_values("point")
    assert len(points) >= (10 if kind == "frontier" else 1)
    assert (np.diff(points["volatility"]) > -1e-5).all()  # the grid of the weights
    assert (np.diff(points["expected_return"]) > -1e-5).all()
    assert points["volatility"].max() > 1.02 * points["volatility"].min() or kind == "sized_frontier"
    assert set(made["kind"]) == {"frontier", "sized_frontier", "mix", "equal_weight"}
    frames.validated(TABLE, made)


def test_the_mandates_frontier_is_invested_and_reaches_at_least_what_the_days_caps_leave() -> None:
    made = drawn(trade(tiny_market(MONDAY, 3), MONDAY, [WEDNESDAY]), TradingRules())

    points = made.drop_duplicates("point").set_index("kind")
    whole, sized = points.loc[["frontier"]], points.loc[["sized_frontier"]]
    assert whole["expected_return"].max() >= sized["expected_return"].max() - 1e-5
    weights = made[made["kind"] == "frontier"].groupby("point")["weight"]
    assert weights.max().max() <= 0.20 + 1e-6
    assert weights.sum().tolist() == pytest.approx([1.0] * weights.ngroups, abs=1e-4)


def test_a_home_without_a_session_has_no_frontier() -> None:
    assert drawn(MemoryStore(), TradingRules()).empty
