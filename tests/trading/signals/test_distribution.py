from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from trading.frames import LEVELS
from trading.interfaces import Floats
from trading.signals.distribution import mean_of, probability_positive, tail_scales

STEPS = st.lists(st.floats(1e-4, 0.1), min_size=6, max_size=6)


def quantiles_from(first: float, steps: list[float]) -> Floats:
    return first + np.concatenate([[0.0], np.cumsum(steps)])


def quantile_function(quantiles: Floats, level: float) -> float:
    """The documented distribution, inverted: linear inside, exponential outside."""
    low, high = tail_scales(quantiles)
    if level < LEVELS[0]:
        return float(quantiles[0] + low * np.log(level / LEVELS[0]))
    if level > LEVELS[-1]:
        return float(quantiles[-1] - high * np.log((1 - level) / (1 - LEVELS[-1])))
    return float(np.interp(level, LEVELS, quantiles))


def test_quantiles_around_zero_are_a_coin() -> None:
    quantiles = np.array([-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03])
    assert probability_positive(quantiles) == 0.5
    assert mean_of(quantiles) == pytest.approx(0.0, abs=1e-17)


def test_zero_between_two_levels_is_found_on_the_line_between_them() -> None:
    # 0 lies a third of the way from the level 0.25 to the level 0.5
    quantiles = np.array([-0.04, -0.03, -0.01, 0.02, 0.03, 0.04, 0.05])
    assert probability_positive(quantiles) == pytest.approx(1 - (0.25 + 0.25 / 3), abs=1e-15)


def test_zero_outside_all_levels_lies_in_an_exponential_tail() -> None:
    # lower tail: scale 0.05 * 0.03 / 0.075 = 0.02; zero is one scale below the lowest quantile
    quantiles = np.array([0.02, 0.05, 0.06, 0.07, 0.08, 0.09, 0.10])
    assert probability_positive(quantiles) == pytest.approx(1 - 0.05 * np.exp(-1), abs=1e-15)
    assert probability_positive(-quantiles[::-1]) == pytest.approx(0.05 * np.exp(-1), abs=1e-15)


@given(st.floats(-0.4, 0.1), STEPS)
def test_the_mean_is_the_integral_of_the_quantile_function(first: float, steps: list[float]) -> None:
    quantiles = quantiles_from(first, steps)
    inside = sum(quad(lambda u: quantile_function(quantiles, u), a, b)[0] for a, b in pairwise(LEVELS))
    assert mean_of(quantiles) == pytest.approx(inside + tails(quantiles), abs=1e-8)  # what quad achieves


def tails(quantiles: Floats) -> float:
    """Both ends of the integral, with the level falling exponentially: smooth where the logarithm is not."""
    left, right = LEVELS[0], 1 - LEVELS[-1]
    low = quad(lambda x: quantile_function(quantiles, left * np.exp(-x)) * left * np.exp(-x), 0, 30)
    high = quad(lambda x: quantile_function(quantiles, 1 - right * np.exp(-x)) * right * np.exp(-x), 0, 30)
    return float(low[0] + high[0])


@given(st.floats(-0.4, 0.1), STEPS)
def test_the_probability_inverts_the_quantile_function(first: float, steps: list[float]) -> None:
    quantiles = quantiles_from(first, steps)
    level = 1 - float(probability_positive(quantiles))
    # far out in a tail the level is so near 0 or 1 that it cannot be inverted in double precision
    if 1e-9 < level < 1 - 1e-9:
        assert quantile_function(quantiles, level) == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-0.4, 0.1), STEPS)
def test_mirrored_returns_have_mirrored_figures(first: float, steps: list[float]) -> None:
    quantiles = quantiles_from(first, steps)
    mirrored = -quantiles[::-1]
    assert mean_of(mirrored) == pytest.approx(-mean_of(quantiles), abs=1e-12)
    assert probability_positive(mirrored) == pytest.approx(1 - probability_positive(quantiles), abs=1e-12)


def test_a_normal_forecast_keeps_its_mean_and_nearly_its_probability() -> None:
    quantiles = norm.ppf(LEVELS, 0.004, 0.02)
    assert mean_of(quantiles) == pytest.approx(0.004, abs=1e-12)
    # the chord from level 0.25 to 0.5 lies at most 0.006 above a normal distribution function
    assert probability_positive(quantiles) == pytest.approx(norm.sf(0, 0.004, 0.02), abs=0.006)


def test_certainty_about_a_gain_is_a_probability_of_one() -> None:
    assert probability_positive(np.full(7, 0.01)) == 1.0
    assert probability_positive(np.full(7, -0.01)) == 0.0
    assert mean_of(np.full(7, 0.01)) == pytest.approx(0.01, abs=1e-9)


def test_many_forecasts_at_once_are_each_as_alone() -> None:
    quantiles = np.sort(np.random.default_rng(0).normal(0, 0.02, (5, 3, 7)), axis=-1)
    alone = np.array([[probability_positive(cell) for cell in row] for row in quantiles])
    np.testing.assert_array_equal(probability_positive(quantiles), alone)
