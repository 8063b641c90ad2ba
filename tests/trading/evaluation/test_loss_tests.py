"""Tests on losses: against statsmodels and arch, by hand, and how often they reject what is true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading.evaluation.loss_tests import (
    diebold_mariano,
    lags_for,
    model_confidence_set,
    newey_west_variance,
)
from trading.evaluation.resampling import stationary_indices

RNG = np.random.default_rng(11)


def test_newey_west_by_hand() -> None:
    # deviations 1, -1, 1, -1: variance 1, first autocovariance -3/4 with weight 1/2, twice
    assert newey_west_variance(np.array([2.0, 0.0, 2.0, 0.0]), 1) == pytest.approx(1 - 0.75)


@pytest.mark.parametrize("lags", [0, 1, 7])
def test_newey_west_is_archs_bartlett_kernel(lags: int) -> None:
    from arch.covariance.kernel import Bartlett

    values = np.convolve(RNG.normal(size=200), np.ones(5), mode="valid")
    oracle = Bartlett(values, bandwidth=lags, df_adjust=0, center=True, force_int=True).cov.long_run

    assert newey_west_variance(values, lags) == pytest.approx(float(oracle[0, 0]), rel=1e-12)


@given(st.lists(st.floats(-1, 1), min_size=3, max_size=40), st.integers(0, 8))
def test_newey_west_is_never_negative(values: list[float], lags: int) -> None:
    assert newey_west_variance(np.array(values), min(lags, len(values) - 1)) >= -1e-15  # rounding


def test_one_session_ahead_without_lags_is_students_paired_test() -> None:
    one, other = RNG.normal(size=(2, 40))
    found = diebold_mariano(one, other)
    assert lags_for(40, 1) == 3

    # Harvey, Leybourne and Newbold's factor turns the variance over n into the one over n - 1.
    difference = one - other
    variance = newey_west_variance(difference, 3) / 40
    expected = difference.mean() / math.sqrt(variance) * math.sqrt(39 / 40)
    assert (found.statistic, found.observations) == (pytest.approx(expected), 40)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(expected), 39))
    assert found.critical == pytest.approx(stats.t.ppf(0.975, 39))


@given(st.integers(1, 20), st.integers(0, 50))
def test_exchanging_the_forecasters_turns_the_sign_and_nothing_else(horizon: int, seed: int) -> None:
    one, other = np.random.default_rng(seed).normal(size=(2, 90))
    there, back = diebold_mariano(one, other, horizon), diebold_mariano(other, one, horizon)

    assert (there.statistic, there.p_value) == (pytest.approx(-back.statistic), pytest.approx(back.p_value))


def test_who_loses_less_has_a_negative_statistic_and_unknown_sessions_are_left_out() -> None:
    one = RNG.normal(1, 0.1, 60)
    found = diebold_mariano(np.append(one, np.nan), np.append(one + RNG.normal(0.2, 0.1, 60), 5.0))

    assert (found.statistic < -5, found.observations) == (True, 60)


@pytest.mark.parametrize("count", [0, 1, 20])
def test_too_few_losses_are_not_tested(count: int) -> None:
    assert math.isnan(diebold_mariano(RNG.normal(size=count), np.zeros(count)).statistic)


def test_forecasters_that_never_differ_are_not_tested() -> None:
    assert math.isnan(diebold_mariano(np.ones(50), np.ones(50)).p_value)


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_equal_forecasters_are_told_apart_about_as_often_as_the_level_says(horizon: int) -> None:
    noise = np.random.default_rng(horizon).normal(size=(600, 500 + horizon - 1))
    sums = np.lib.stride_tricks.sliding_window_view(noise, horizon, axis=1).sum(axis=2)
    rejected = np.mean([diebold_mariano(d, np.zeros(500), horizon).p_value < 0.05 for d in sums])

    # Three standard errors of 5 % in 600 draws are 2.7 %; what 25 stretches of 20 sessions cannot know
    # about their own variance adds up to 4 %.
    assert rejected < 0.05 + 0.027 + 0.04 * (horizon > 5)


def weights_of(count: int, block: int = 10, samples: int = 1000) -> np.ndarray:
    places = stationary_indices(count, samples, block, np.random.default_rng(2))
    return np.stack([np.bincount(row, minlength=count) for row in places]).astype(float)


def confidence_set(losses: np.ndarray, models: str) -> dict[str, float]:
    return model_confidence_set(losses, list(models), weights_of(len(losses)))


def test_the_confidence_set_is_archs() -> None:
    from arch.bootstrap import MCS

    base = RNG.normal(1, 0.2, (300, 1))
    losses = base + RNG.normal(0, 0.05, (300, 5)) + np.array([0.0, 0.0, 0.004, 0.008, 0.1])
    oracle = MCS(losses, size=0.1, reps=1000, block_size=10, method="R", seed=1)
    oracle.compute()
    found = confidence_set(losses, "abcde")

    # two sets of 1,000 samples: three standard errors of a p-value near a half are 6.7 %
    expected = [oracle.pvalues["Pvalue"].loc[place] for place in range(5)]
    assert list(found.values()) == pytest.approx(expected, abs=0.067)
    assert found["e"] < 0.01


def test_models_that_lose_the_same_share_a_p_value() -> None:
    losses = RNG.normal(1, 0.2, (100, 2))
    found = confidence_set(losses[:, [0, 1, 0]], "abc")

    assert found["a"] == found["c"]
    assert confidence_set(losses[:, [0, 0]], "ab") == {"a": 1.0, "b": 1.0}


@given(st.integers(0, 30))
def test_the_best_model_is_always_in_the_set(seed: int) -> None:
    losses = np.random.default_rng(seed).normal(size=(60, 4))
    found = model_confidence_set(losses, list("abcd"), weights_of(60, samples=50))

    assert found["abcd"[losses.mean(axis=0).argmin()]] == 1.0


@pytest.mark.parametrize("shape", [(100, 1), (20, 3)])
def test_one_model_or_a_few_sessions_make_no_set(shape: tuple[int, int]) -> None:
    assert confidence_set(np.ones(shape), "abc"[: shape[1]]) == {}
