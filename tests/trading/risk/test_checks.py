"""Limits on the target and on the book: cut by hand, and kept whatever is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trading.risk.checks import Names, breaches, told, within
from trading.risk.limits import RiskLimits

LIMITS = RiskLimits()
NAMES = Names(("A", "B", "C", "D"), ("x", "x", "x", "y"))


def test_a_book_within_its_limits_is_returned_untouched() -> None:
    weights = np.array([0.1, 0.1, 0.2, 0.2])

    cut, why = within(weights, NAMES, LIMITS)

    assert cut is weights
    assert why == ()


def test_positions_are_cut_first_and_then_groups_in_proportion() -> None:
    cut, why = within(np.array([0.3, 0.1, 0.2, -0.5]), NAMES, LIMITS)

    assert cut == pytest.approx([0.16, 0.08, 0.16, -0.2], abs=1e-6)  # x: 0.2 + 0.1 + 0.2 scaled to 0.4
    assert told(why[:2]) == "position A 30.0% over 20.0%; position D 50.0% over 20.0%"
    assert told(why[2:]) == "group x 60.0% over 40.0%; group y 50.0% over 40.0%"


@given(arrays(float, 4, elements=st.floats(-3, 3)))
def test_no_target_leaves_the_check_outside_a_limit_larger_or_turned_round(weights: np.ndarray) -> None:
    tight = RiskLimits(gross_limit=0.5)

    cut, _ = within(weights, NAMES, tight)

    assert breaches(cut, NAMES, tight) == ()
    assert (np.abs(cut) <= np.abs(weights) + 1e-12).all()
    assert (cut * weights >= 0).all()
    assert within(cut, NAMES, tight)[0] is cut


@pytest.mark.parametrize(("weight", "broken"), [(0.2099, False), (0.2101, True)])
def test_what_the_rebalance_band_leaves_alone_is_no_breach(weight: float, *, broken: bool) -> None:
    assert bool(breaches(np.array([0, 0, 0, weight]), NAMES, LIMITS, slack=0.05)) is broken


def test_losses_and_falls_are_limits_too_and_unknown_ones_break_nothing() -> None:
    flat = np.zeros(4)

    found = breaches(flat, NAMES, LIMITS, value_at_risk=0.06, drawdown=0.10)

    assert [breach.limit for breach in found] == ["value_at_risk", "drawdown"]
    assert not breaches(flat, NAMES, LIMITS, value_at_risk=np.nan, drawdown=np.nan)


def test_linked_pairs_share_a_limit_and_each_name_gives_what_its_worst_pair_asks() -> None:
    linked = Names(NAMES.symbols, ("w", "x", "y", "z"), links=np.array([[0, 1], [1, 2]]))

    cut, why = within(np.array([0.15, -0.15, 0.05, 0.2]), linked, LIMITS)

    # A and B come to 0.30 of 0.20 allowed: both to two thirds; B and C to 0.20 already: C stays.
    assert cut == pytest.approx([0.1, -0.1, 0.05, 0.2], abs=2e-6)
    assert told(why) == "correlation A-B 30.0% over 20.0%"


def test_what_cannot_be_sold_in_time_is_cut_to_what_can() -> None:
    names = Names.at_close(
        NAMES.symbols, ("w", "x", "y", "z"), np.eye(4), np.array([1.0, 9.0, np.inf, 0.0]), LIMITS
    )

    cut, why = within(np.array([0.1, 0.1, 0.1, 0.1]), names, LIMITS)

    assert cut == pytest.approx([0.05, 0.1, 0.1, 0.0], abs=2e-6)  # 5 % of a session's volume, in one session
    assert told(why) == "liquidity A 10.0% over 5.0%; liquidity D 10.0% over 0.0%"


@given(arrays(float, 4, elements=st.floats(-3, 3)), arrays(float, (4, 4), elements=st.floats(-1, 1)))
def test_no_pair_or_volume_is_left_over_its_limit(weights: np.ndarray, correlation: np.ndarray) -> None:
    names = Names.at_close(
        NAMES.symbols, NAMES.groups, correlation, np.array([1.0, 2.0, np.inf, 9.0]), LIMITS
    )

    cut, _ = within(weights, names, LIMITS)

    assert breaches(cut, names, LIMITS) == ()
    assert (np.abs(cut) <= np.abs(weights) + 1e-12).all()
