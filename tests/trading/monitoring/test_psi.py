"""The stability index: worked by hand, against SciPy, and what it is without any drift."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import rel_entr

from trading.monitoring.psi import BINS, bin_counts, bin_edges, stability_index, stretches

EVEN = np.full(BINS, 100.0)


def test_shares_that_stay_are_no_drift() -> None:
    assert stability_index(EVEN, EVEN / 10) == pytest.approx(0.0, abs=1e-12)


def test_half_of_two_bins_gone_into_one_worked_by_hand() -> None:
    now = EVEN.copy()
    now[0], now[9] = 50.0, 150.0
    before, after = 100.5 / 1005, np.array([50.5, 150.5]) / 1005

    by_hand = ((after - before) * np.log(after / before)).sum()

    assert stability_index(EVEN, now) == pytest.approx(by_hand)


@given(st.lists(st.integers(0, 50), min_size=BINS, max_size=BINS).filter(any))
def test_it_is_the_sum_of_both_relative_entropies(counts: list[int]) -> None:
    observed = np.array(counts, float)
    p, q = (EVEN + 0.5) / (EVEN + 0.5).sum(), (observed + 0.5) / (observed + 0.5).sum()

    assert stability_index(EVEN, observed) == pytest.approx((rel_entr(p, q) + rel_entr(q, p)).sum())


def test_of_independent_values_its_mean_is_nine_over_their_number() -> None:
    rng = np.random.default_rng(3)
    edges = bin_edges(rng.normal(size=100_000))
    seen = [stability_index(EVEN, bin_counts(rng.normal(size=(1, 300)), edges)[0]) for _ in range(400)]

    assert np.mean(seen) == pytest.approx(
        9 / 300, rel=0.15
    )  # five standard errors; the added halves take 5 %


def test_each_finite_value_is_in_one_bin() -> None:
    values = np.array([[0.0, np.nan, 2.0], [np.nan, np.nan, np.nan]])

    assert bin_counts(values, bin_edges(values)).sum(axis=1).tolist() == [2.0, 0.0]


def test_where_nothing_is_known_there_is_no_drift() -> None:
    assert stability_index(EVEN, np.zeros(BINS)) == 0.0
    assert np.isnan(bin_edges(np.array([np.nan]))).all()


def test_stretches_are_sums_of_neighbours() -> None:
    counts = np.random.default_rng(5).integers(0, 9, (12, BINS)).astype(float)

    np.testing.assert_array_equal(stretches(counts, 5), [counts[n : n + 5].sum(axis=0) for n in range(8)])
