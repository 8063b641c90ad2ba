"""Tests of coverage: by hand, by their own error rate, and against misses that cluster."""

import numpy as np
import pytest
from scipy.stats import chi2

from trading.evaluation.coverage import coverage_of
from trading.evaluation.coverage_tests import clustering_of, coverage_spread

NAN = np.nan


def independent(seed: int, shape: tuple[int, ...] = (400,), share: float = 0.75) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) < share).astype(float)


def clustered(seed: int, sessions: int = 400, stay: float = 0.8) -> np.ndarray:
    """A quarter misses, as promised, but a miss is followed by a miss with probability `stay`."""
    rng, held, out = np.random.default_rng(seed), True, []
    to_miss = (1 - stay) / 3  # so that the long-run share of misses is a quarter
    for _ in range(sessions):
        held = rng.random() >= to_miss if held else rng.random() >= stay
        out.append(float(held))
    return np.array(out)


def test_the_statistic_is_that_of_christoffersen_s_table() -> None:
    # 1 held, 0 missed: pairs hit-hit 3, hit-miss 2, miss-hit 2, miss-miss 1
    flags = np.array([1.0, 1, 1, 0, 0, 1, 1, 0, 1])

    found = clustering_of(flags, 0.75)

    p01, p11, p = 2 / 5, 1 / 3, 3 / 8
    separate = 3 * np.log(1 - p01) + 2 * np.log(p01) + 2 * np.log(1 - p11) + np.log(p11)
    ratio = 2 * (separate - 5 * np.log(1 - p) - 3 * np.log(p))
    assert (found.after_hit, found.after_miss) == pytest.approx((p01, p11))
    assert found.independence_p == pytest.approx(chi2.sf(ratio, 1))
    assert found.conditional_p == pytest.approx(chi2.sf(ratio + coverage_of(flags, 0.75).statistic, 2))


def test_a_pair_across_an_unknown_session_does_not_count() -> None:
    flags = np.array([1.0, NAN, 0.0, 0.0, 1.0])

    found = clustering_of(flags, 0.75)

    assert np.isnan(found.after_hit)
    assert found.after_miss == 0.5


def test_columns_are_series_of_their_own() -> None:
    one, other = independent(1), independent(2)

    both = clustering_of(np.stack([one, other], axis=1), 0.75)

    late = np.concatenate([one[1:], other[1:]])[np.concatenate([one[:-1], other[:-1]]) == 0]
    assert both.after_miss == pytest.approx(1 - late.mean())


def test_it_rejects_what_is_independent_as_often_as_it_says() -> None:
    values = np.array([clustering_of(independent(seed), 0.75).independence_p for seed in range(400)])

    # binomial of 400 at 0.05: three standard errors are 0.033
    assert (values < 0.05).mean() == pytest.approx(0.05, abs=0.033)


def test_clusters_with_the_promised_share_are_found() -> None:
    found = [clustering_of(clustered(seed), 0.75).independence_p for seed in range(20)]

    assert np.mean(np.array(found) < 0.01) == 1.0


def test_the_bootstrap_s_interval_is_wider_where_misses_cluster() -> None:
    calm = coverage_spread(independent(5, (500,)), 0.75, mean_block=20)
    wild = coverage_spread(clustered(5, 500, stay=0.95), 0.75, mean_block=20)

    assert wild.high - wild.low > 2 * (calm.high - calm.low)


def test_the_bootstrap_rejects_the_truth_not_much_more_often_than_it_says() -> None:
    values = [
        coverage_spread(clustered(seed, 1500), 0.75, mean_block=40, seed=seed).chi_square_p
        for seed in range(60)
    ]

    # 0.05 and three standard errors of 60 draws; with 600 sessions and blocks of 20 it was 0.15
    assert np.mean(np.array(values) < 0.05) <= 0.05 + 0.085


def test_symbols_of_one_session_are_drawn_together() -> None:
    one = independent(7, (300,))
    same = np.repeat(one[:, np.newaxis], 10, axis=1)

    alone, tenfold = (coverage_spread(flags, 0.75, mean_block=5) for flags in (one, same))

    assert (alone.low, alone.high) == pytest.approx((tenfold.low, tenfold.high))


def test_a_promise_that_is_far_off_is_rejected() -> None:
    assert coverage_spread(independent(3, (300, 10), 0.6), 0.75, mean_block=5).chi_square_p < 0.01


def test_too_little_says_nothing() -> None:
    few = coverage_spread(independent(3, (49, 4)), 0.75, mean_block=5)

    assert np.isfinite(few.rate)
    assert np.isnan([few.low, few.high, few.chi_square_p]).all()
    assert np.isnan(coverage_spread(np.full(60, NAN), 0.75, mean_block=5).rate)
    assert np.isnan(clustering_of(np.array([1.0]), 0.75).independence_p)
