"""Caps worked by hand, and what may never happen to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.portfolio.sizing import KellySizer, correlation_penalty

ALONE = np.eye(2)


def test_a_quarter_of_kelly_times_confidence() -> None:
    # 0.25 x 0.0004 / 0.02^2 x 0.6 = 0.15
    caps = KellySizer().caps(np.array([0.6, 0.5]), np.array([0.0004, 0.0]), np.full(2, 0.02), ALONE)

    # A bet on forty outcomes is that of mean / variance up to the square of the mean.
    assert caps == pytest.approx([0.15, 0.0], rel=2e-3)


def test_the_position_limit_stops_a_great_bet() -> None:
    caps = KellySizer().caps(np.ones(2), np.array([0.01, -0.01]), np.full(2, 0.02), ALONE)

    assert caps.tolist() == [0.20, 0.0]


@pytest.mark.parametrize(
    ("average", "factor"), [(-0.3, 1.0), (0.0, 1.0), (0.1, 0.8), (0.25, 0.5), (0.9, 0.5)]
)
def test_the_penalty_falls_with_correlation_to_one_half(average: float, factor: float) -> None:
    correlation = np.full((3, 3), average)
    np.fill_diagonal(correlation, 1.0)

    assert correlation_penalty(correlation) == pytest.approx([factor] * 3)


def test_without_the_penalty_a_cap_is_that_of_a_name_alone() -> None:
    asked = (np.array([0.6, 0.6]), np.full(2, 0.0004), np.full(2, 0.02))
    together = np.array([[1.0, 0.9], [0.9, 1.0]])

    without = KellySizer(correlation_penalty=False).caps(*asked, together)

    assert without.tolist() == KellySizer().caps(*asked, ALONE).tolist()
    assert (KellySizer().caps(*asked, together) == without / 2).all()  # the least factor is one half


def test_a_name_outside_the_book_does_not_penalise_the_others() -> None:
    correlation = np.array([[1.0, 0.0, 0.9], [0.0, 1.0, 0.9], [0.9, 0.9, 1.0]])
    expected = np.array([4e-4, 4e-4, np.nan])

    caps = KellySizer().caps(np.full(3, 0.6), expected, np.full(3, 0.02), correlation)

    assert caps == pytest.approx([0.15, 0.15, 0.0], rel=2e-3)  # of mean / variance, as above


@given(
    probability=st.floats(0, 1),
    expected=st.floats(-0.05, 0.05),
    spread=st.floats(0.001, 0.2),
    correlation=st.floats(-1, 1),
)
def test_a_cap_lies_between_nothing_and_the_limit_and_grows_with_confidence(
    probability: float, expected: float, spread: float, correlation: float
) -> None:
    pair = np.array([[1.0, correlation], [correlation, 1.0]])

    less, more = (
        KellySizer().caps(np.full(2, p), np.full(2, expected), np.full(2, spread), pair)
        for p in (probability / 2, probability)
    )

    assert ((less >= 0) & (less <= more) & (more <= 0.20)).all()
