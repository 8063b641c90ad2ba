"""Averages and ratios with their uncertainty: by hand, by simulation, and what may never happen."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from trading.evaluation.relative_loss import relative_losses
from trading.evaluation.uncertainty import (
    cosines_for,
    long_run_variance,
    mean_estimate,
    ratio_estimate,
)

RNG = np.random.default_rng(3)


def moving_average(noise: np.ndarray, overlap: int) -> np.ndarray:
    return np.convolve(noise, np.ones(overlap), mode="valid")


def test_a_pure_cosine_is_all_long_run_variance_at_its_own_frequency() -> None:
    count = 64
    wave = np.cos(np.pi * (np.arange(count) + 0.5) / count)

    # sqrt(2/n) * sum(cos^2) = sqrt(2/n) * n/2, squared: n/2
    assert long_run_variance(wave, 1) == pytest.approx(count / 2)
    assert long_run_variance(wave, 2) == pytest.approx(count / 4)


def test_as_many_cosines_as_sessions_give_the_ordinary_variance() -> None:
    # The cosines up to n - 1 and the constant are an orthonormal basis (the DCT-II).
    values = RNG.normal(size=50)

    assert long_run_variance(values, 49) * 49 == pytest.approx(((values - values.mean()) ** 2).sum())


def test_intervals_of_independent_and_overlapping_values_hold_as_often_as_they_say() -> None:
    for overlap in (1, 5):
        found = [mean_estimate(moving_average(RNG.normal(size=150), overlap), overlap) for _ in range(1000)]
        held = np.mean([e.low <= 0 <= e.high for e in found])

        # 1000 draws: three standard errors are 2 %; overlapping sums cost a little more
        assert held == pytest.approx(0.95, abs=0.03)


def test_half_the_width_is_students_quantile_times_the_standard_error() -> None:
    values = RNG.normal(size=100)
    found, cosines = mean_estimate(values), cosines_for(100)

    expected = stats.t.ppf(0.975, cosines) * math.sqrt(long_run_variance(values, cosines) / 100)
    assert (cosines, found.high - found.value) == (8, pytest.approx(expected))


@pytest.mark.parametrize(("count", "overlap"), [(0, 1), (20, 1), (30, 20)])
def test_too_few_sessions_give_no_interval(count: int, overlap: int) -> None:
    found = mean_estimate(np.ones(count), overlap)

    assert (found.observations, math.isnan(found.low), math.isnan(found.high)) == (count, True, True)


@given(st.floats(0.1, 10), st.integers(1, 10))
def test_a_ratio_of_proportional_losses_is_exact(factor: float, seed: int) -> None:
    losses = np.random.default_rng(seed).uniform(1, 2, 60)
    found = ratio_estimate(factor * losses, losses)

    assert [found.value, found.low, found.high] == pytest.approx([factor] * 3)


def test_a_ratio_to_nothing_is_unknown() -> None:
    assert math.isnan(ratio_estimate(np.ones(30), np.zeros(30)).value)


def losses_frame(pinball: dict[str, list[float]], *, contaminated: bool = False) -> pd.DataFrame:
    rows = [
        {"session": pd.Timestamp("2024-01-02") + pd.Timedelta(days=k), "horizon": 1, "symbol": "NVDA",
         "model": model, "pinball": loss, "contaminated": contaminated}
        for model, each in pinball.items()
        for k, loss in enumerate(each)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_relative_losses_compare_only_forecasts_that_both_made() -> None:
    # The third session has no random walk, so the 100 does not count: (1 + 2) / (2 + 2)
    found = relative_losses(losses_frame({"random_walk": [2.0, 2.0], "ar1": [1.0, 2.0, 100.0]}))

    assert found[["model", "relative", "forecasts"]].values.tolist() == [["ar1", 0.75, 2]]


def test_contaminated_forecasts_are_compared_with_nothing() -> None:
    assert relative_losses(losses_frame({"random_walk": [1.0], "ar1": [1.0]}, contaminated=True)).empty
