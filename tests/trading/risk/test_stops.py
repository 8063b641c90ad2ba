"""Stops, each by hand, and what turns a holding into an exit."""

from __future__ import annotations

import numpy as np
import pytest

from trading.risk.stops import StopRules, stopped

ATR = 0.02
EVERY = StopRules(atr_multiple=2.0, trailing_multiple=3.0, profit_target=0.10, time_sessions=4)


@pytest.mark.parametrize(
    ("simple", "rule"),
    [
        ([-0.0399], ""),
        ([-0.0401], "atr"),  # two ranges of 2 % below the entry
        ([0.05, -0.02], "trailing"),  # 6.7 % below the best close, three ranges are 6 %
        ([0.05, -0.005], ""),
        ([0.101], "profit"),
        ([0.01, 0.01, 0.01], ""),
        ([0.01, 0.01, 0.01, 0.01], "time"),
    ],
)
def test_each_rule_rings_at_its_own_distance(simple: list[float], rule: str) -> None:
    assert EVERY.triggered(np.log1p(simple), ATR) == rule


def test_nothing_rings_by_default_or_for_a_range_that_is_unknown() -> None:
    crash = np.log1p([-0.9])

    assert not StopRules().on
    assert StopRules().triggered(crash, ATR) == ""
    assert StopRules(atr_multiple=2.0).triggered(crash, np.nan) == ""


def test_a_short_is_stopped_by_a_rise_and_the_path_begins_where_the_side_changed() -> None:
    quantities = np.array([[5.0, 5.0], [5.0, -5.0], [5.0, -5.0]])
    log_returns = np.log1p([[-0.5, -0.5], [0.0, 0.03], [0.0, 0.03]])

    reasons = stopped(StopRules(atr_multiple=2.0), quantities[1:], log_returns[1:], np.full(2, ATR))

    assert reasons == ("", "atr")
    assert stopped(StopRules(atr_multiple=2.0), quantities, log_returns, np.full(2, ATR)) == ("atr", "atr")


@pytest.mark.parametrize(("ago", "reason"), [(1, "rest"), (5, "rest"), (6, "")])
def test_a_name_that_was_left_rests_and_then_may_come_back(ago: int, reason: str) -> None:
    quantities = np.full((10, 1), np.nan)
    quantities[: 10 - ago] = 7.0

    assert stopped(StopRules(time_sessions=50), quantities, np.zeros((10, 1)), np.array([ATR])) == (reason,)
