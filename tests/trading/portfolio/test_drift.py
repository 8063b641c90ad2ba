"""A mix that nobody trades moves with prices, and with nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trading.portfolio.drift import drifted

WEIGHTS = arrays(np.int64, 4, elements=st.integers(0, 250_000)).map(lambda units: units / 1_000_000)
RETURNS = arrays(np.float64, 4, elements=st.floats(-0.5, 0.5))
GRID = 1e-6


def test_worked_by_hand() -> None:
    # 0.2 x 1.5 = 0.3, 0.2 x 0.75 = 0.15 and 0.6 of cash: a book of 1.05
    moved = drifted(np.array([0.2, 0.2]), np.log([1.5, 0.75]), exposure=1.0, ceiling=0.8)
    assert moved == pytest.approx([0.3 / 1.05, 0.15 / 1.05], abs=GRID)


def test_a_name_stops_at_the_ceiling_and_the_rest_is_cash() -> None:
    assert drifted(np.array([0.2, 0.2]), np.log([1.5, 0.5]), exposure=1.0, ceiling=0.25).tolist() == [
        0.25,
        0.1,
    ]


def test_a_name_that_was_above_the_ceiling_grows_no_further() -> None:
    assert drifted(np.array([0.4, 0.4]), np.log([1.5, 0.5]), exposure=1.0, ceiling=0.25).tolist() == [
        0.4,
        0.2,
    ]


def test_a_missing_price_is_a_price_that_did_not_move() -> None:
    assert drifted(np.array([0.1, 0.1]), np.array([np.nan, 0.0]), exposure=0.5, ceiling=0.2).tolist() == [
        0.1,
        0.1,
    ]


def test_a_mix_of_which_a_small_part_is_held_never_exceeds_the_whole() -> None:
    moved = drifted(np.array([0.5, 0.5]), np.log([1.4, 1.4]), exposure=0.1, ceiling=1.0)
    assert moved.tolist() == [0.5, 0.5]


@given(WEIGHTS, RETURNS, st.floats(0.01, 1.0))
def test_it_follows_the_book_that_holds_it(weights: np.ndarray, returns: np.ndarray, exposure: float) -> None:
    holdings = weights * exposure
    cash = 1.0 - holdings.sum()
    values = holdings * np.exp(returns)
    book = values / (values.sum() + cash)
    moved = drifted(weights, returns, exposure=exposure, ceiling=1.0)
    if moved.sum() < 1 - 4 * GRID:  # else it was scaled to the whole
        assert moved * exposure == pytest.approx(book, abs=GRID)


@given(WEIGHTS, RETURNS, st.floats(0, 1))
def test_weights_stay_on_the_grid_and_within_the_whole(
    weights: np.ndarray, returns: np.ndarray, exposure: float
) -> None:
    moved = drifted(weights, returns, exposure=exposure, ceiling=0.25)
    assert moved.min() >= 0
    assert moved.sum() <= 1 + 1e-9
    assert moved / GRID == pytest.approx(np.round(moved / GRID), abs=1e-6)


@given(WEIGHTS, st.floats(0, 1))
def test_where_no_price_moves_no_weight_does(weights: np.ndarray, exposure: float) -> None:
    assert np.array_equal(drifted(weights, np.zeros(4), exposure=exposure, ceiling=0.25), weights)
