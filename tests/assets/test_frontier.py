"""The frontier of a finished home, and of one that has not traded yet."""

from __future__ import annotations

import numpy as np

from assets.frontier import TABLE, drawn
from trading import frames
from trading.stages.trading_rules import TradingRules
from trading.testing.memory_store import MemoryStore
from trading.testing.tiny_market import tiny_market, trade

MONDAY, WEDNESDAY = "2024-01-08", "2024-01-10"


def test_the_frontier_rises_and_ends_where_most_is_believed() -> None:
    store = trade(tiny_market(MONDAY, 3), MONDAY, [WEDNESDAY])

    made = drawn(store, TradingRules())

    points = made[made["kind"] == "frontier"].drop_duplicates("point").sort_values("point")
    assert len(points) > 3
    assert (np.diff(points["volatility"]) > -1e-5).all()  # the grid of the weights
    assert (np.diff(points["expected_return"]) > -1e-5).all()
    assert set(made["kind"]) == {"frontier", "mix", "equal_weight"}
    frames.validated(TABLE, made)


def test_a_home_without_a_session_has_no_frontier() -> None:
    assert drawn(MemoryStore(), TradingRules()).empty
