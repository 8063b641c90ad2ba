"""Paths that models read and quantiles that they speak: worked by hand, and against the normal law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from models.forecasters.log_paths import at_levels, log_paths, padded
from trading.errors import ModelError
from trading.frames import LEVELS

DECILES = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]


def test_a_path_ends_at_zero_and_its_differences_are_the_returns() -> None:
    paths, masked = log_paths(np.array([[0.1], [0.2], [-0.3]]), 3)

    assert paths[0] == pytest.approx([0.1, 0.3, 0.0])
    assert not masked.any()


def test_what_lies_before_a_listing_is_masked_and_a_gap_stands_still() -> None:
    returns = np.array([[np.nan], [np.nan], [0.1], [np.nan], [0.2]])

    paths, masked = log_paths(returns, 5)

    assert masked[0].tolist() == [True, True, False, False, False]
    assert paths[0] == pytest.approx([0.0, 0.0, -0.2, -0.2, 0.0])


def test_a_short_window_is_masked_in_front_and_a_long_one_cut() -> None:
    returns = np.full((4, 1), 0.1)

    assert log_paths(returns, 6)[1][0].tolist() == [True, True, False, False, False, False]
    assert log_paths(returns, 2)[0][0] == pytest.approx([-0.1, 0.0])


def test_padding_keeps_the_rows_and_refuses_more_than_the_batch_holds() -> None:
    rows = np.ones((2, 3))

    assert padded(rows, 4, "model").tolist() == [[1.0] * 3] * 2 + [[0.0] * 3] * 2
    with pytest.raises(ModelError, match="raise `batch`"):
        padded(rows, 1, "model")


def test_a_normal_law_is_kept_exactly_tails_included() -> None:
    law = stats.norm(0.01, 0.03)

    assert at_levels(law.ppf(DECILES), DECILES, LEVELS) == pytest.approx(law.ppf(LEVELS))


def test_a_tail_goes_on_along_the_line_from_the_median_through_the_last_decile() -> None:
    quantiles = np.array([-4.0, -3.0, -2.0, -1.0, 0.0, 0.1, 0.2, 0.3, 2.0])

    upper = at_levels(quantiles, DECILES, [0.95])[0]

    assert upper == pytest.approx(2.0 * stats.norm.ppf(0.95) / stats.norm.ppf(0.9))


def test_levels_that_the_model_has_are_copied_bit_for_bit() -> None:
    quantiles = np.sort(np.random.default_rng(0).normal(size=(5, len(LEVELS))))

    assert at_levels(quantiles, LEVELS, LEVELS).tobytes() == quantiles.tobytes()


@given(arrays(np.float64, (3, 9), elements=st.floats(-10, 10)))
def test_levels_never_cross_even_where_the_model_s_do(quantiles: np.ndarray) -> None:
    assert not (np.diff(at_levels(quantiles, DECILES, LEVELS), axis=1) < 0).any()
