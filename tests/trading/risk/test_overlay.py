"""The overlay's limits, worked by hand and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.risk.limits import RiskLimits
from trading.risk.overlay import (
    drawdown_verdict,
    exposure,
    portfolio_volatility,
    realized_volatility,
)

LIMITS = RiskLimits()


@pytest.mark.parametrize(
    ("equity", "state", "multiplier"),
    [
        (100_00, "normal", 1.0),
        (90_01, "normal", 1.0),
        (90_00, "soft", 1.0),  # scaling begins at 1
        (87_50, "soft", 0.5),
        (85_00, "hard", 0.0),
        (50_00, "hard", 0.0),
    ],
)
def test_drawdown_scales_down_and_then_flattens(equity: int, state: str, multiplier: float) -> None:
    verdict = drawdown_verdict([100_00, equity], "normal", LIMITS)

    assert verdict.state == state
    assert verdict.multiplier == pytest.approx(multiplier)
    assert bool(verdict.reason) is (state != "normal")


def test_limits_that_fall_together_flatten_at_once_and_scale_nothing() -> None:
    at_once = RiskLimits(soft_drawdown=0.15, hard_drawdown=0.15)

    assert [drawdown_verdict([100_00, e], "normal", at_once).multiplier for e in (85_01, 85_00)] == [1.0, 0.0]


@pytest.mark.parametrize(("equity", "state"), [(94_99, "hard"), (95_00, "normal")])
def test_a_flat_book_stays_flat_until_it_has_recovered(equity: int, state: str) -> None:
    assert drawdown_verdict([100_00, equity], "hard", LIMITS).state == state


def test_the_look_back_forgets_the_old_peak() -> None:
    flat = [84_00] * 29

    assert drawdown_verdict([100_00, *flat], "hard", LIMITS).state == "hard"
    assert drawdown_verdict([100_00, *flat, 84_00], "hard", LIMITS).state == "normal"


@given(st.lists(st.integers(1, 10**9), min_size=1, max_size=60))
def test_no_history_makes_a_multiplier_outside_its_range(equities: list[int]) -> None:
    verdict = drawdown_verdict(equities, "normal", LIMITS)

    assert 0.0 <= verdict.multiplier <= 1.0
    assert 0.0 <= verdict.drawdown < 1.0
    assert verdict.drawdown == pytest.approx(1 - equities[-1] / max(equities[-30:]))


def test_volatility_of_two_names_is_worked_by_hand() -> None:
    # half of each at 1 % and 2 % a session, uncorrelated: sqrt(0.25 x 1e-4 + 0.25 x 4e-4) = 1.118 %
    daily = portfolio_volatility(np.array([0.5, 0.5]), np.diag([1e-4, 4e-4])) / math.sqrt(252)

    assert daily == pytest.approx(0.0111803, abs=1e-7)  # the digits written above


@pytest.mark.parametrize(
    ("volatility", "loss", "regime", "held"),
    [
        (0.30, 0.02, 1.0, 0.5),  # the volatility target binds
        (0.30, 0.02, 0.3, 0.15),  # and the regime lowers it
        (0.10, 0.10, 1.0, 0.5),  # the loss limit binds
        (0.10, 0.01, 1.0, 1.0),  # never more than all
        (0.0, 0.0, 1.0, 1.0),
        (0.30, math.nan, 1.0, 0.5),
    ],
)
def test_the_tighter_limit_decides(volatility: float, loss: float, regime: float, held: float) -> None:
    assert exposure(volatility, loss, regime, LIMITS) == pytest.approx(held)


def test_realized_volatility_is_annual_and_needs_history() -> None:
    swings = np.tile([0.01, -0.01], 20)

    assert realized_volatility(swings) == pytest.approx(0.01 * math.sqrt(252 * 40 / 39))
    assert math.isnan(realized_volatility(swings[:20]))
