"""The pooled AR(1): worked by hand, against statsmodels, brute force and simulation."""

from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from models.forecasters.ar1 import PooledAR1
from models.forecasters.random_walk import RandomWalk
from models.forecasters.weights import names_in
from trading.errors import CheckpointError, ModelError, NotFittedError
from trading.frames import LEVELS
from trading.testing.feature_history import window_of

MEDIAN = LEVELS.index(0.5)


def simulated(intercept: float, slope: float, shape: tuple[int, int] = (400, 4), seed: int = 0) -> np.ndarray:
    shocks = np.random.default_rng(seed).normal(0, 0.02, shape)
    out = np.zeros(shape)
    for t in range(1, shape[0]):
        out[t] = intercept + slope * out[t - 1] + shocks[t]
    return out


def fitted(intercept: float, slope: float) -> PooledAR1:
    return PooledAR1(coefficients_=np.array([intercept, slope]))


def test_coefficients_are_those_of_statsmodels() -> None:
    returns = simulated(0.001, 0.2)
    before, after = returns[:-1].ravel(), returns[1:].ravel()

    expected = sm.OLS(after, sm.add_constant(before)).fit().params

    assert PooledAR1().fit(window_of(returns)).coefficients_ == pytest.approx(expected)


def test_a_known_process_is_found_again() -> None:
    coefficients = PooledAR1().fit(window_of(simulated(0.001, 0.5, (1000, 10)))).coefficients_

    assert coefficients == pytest.approx([0.001, 0.5], abs=0.03)  # three standard errors of the slope


def test_median_over_two_sessions_is_the_sum_of_two_steps() -> None:
    returns = np.full((64, 1), 0.01)

    median = fitted(0.001, 0.5).predict(window_of(returns), horizons=(1, 2)).quantiles[0, :, MEDIAN]

    first = 0.001 + 0.5 * 0.01
    assert median == pytest.approx([first, first + 0.001 + 0.5 * first])


@pytest.mark.parametrize("slope", [-0.6, -0.05, 0.0, 0.05, 0.9])
def test_mean_and_variance_over_twenty_sessions_equal_the_recursion(slope: float) -> None:
    returns = simulated(0.0, 0.0, (64, 2))
    residuals = returns[1:] - 0.001 - slope * returns[:-1]
    model, window = fitted(0.001, slope), window_of(returns)

    mean, step, variance, impulse = np.zeros(2), returns[-1], 0.0, 0.0
    for _ in range(20):
        step = 0.001 + slope * step
        mean = mean + step
        impulse = 1.0 + slope * impulse
        variance += impulse**2

    quantiles = model.predict(window, horizons=(20,)).quantiles[:, 0]
    one = RandomWalk().predict(window_of(residuals), horizons=(1,)).quantiles[:, 0]
    assert quantiles[:, MEDIAN] == pytest.approx(mean)
    assert quantiles - quantiles[:, [MEDIAN]] == pytest.approx(np.sqrt(variance) * one)


def test_without_slope_or_drift_it_is_the_random_walk() -> None:
    window = window_of(simulated(0.0, 0.0, (64, 3)))

    ours = fitted(0.0, 0.0).predict(window).quantiles

    assert ours == pytest.approx(RandomWalk().predict(window).quantiles)


def test_an_explosive_slope_is_kept_within_bounds() -> None:
    rising = np.cumsum(np.full((300, 1), 0.001), axis=0) ** 2

    assert PooledAR1().fit(window_of(rising)).coefficients_[1] == 0.95


def test_predicting_before_fitting_is_refused() -> None:
    with pytest.raises(NotFittedError, match="before fit"):
        PooledAR1().predict(window_of(np.zeros((64, 1))))


@pytest.mark.parametrize("returns", [np.full((400, 2), 0.01), np.random.default_rng(0).normal(size=(100, 1))])
def test_too_little_to_learn_from_is_refused(returns: np.ndarray) -> None:
    with pytest.raises(ModelError, match="cannot be fitted through 2024-06-28"):
        PooledAR1().fit(window_of(returns))


def test_masked_symbols_teach_nothing() -> None:
    returns = simulated(0.0, 0.3)
    spoiled = np.column_stack([returns, np.random.default_rng(1).normal(0, 1, 400)])

    alone = PooledAR1().fit(window_of(returns)).coefficients_
    beside = PooledAR1().fit(window_of(spoiled, mask=[True] * 4 + [False])).coefficients_

    assert alone.tobytes() == beside.tobytes()


def test_a_state_of_another_model_is_refused() -> None:
    with pytest.raises(CheckpointError, match="another model"):
        PooledAR1().from_bytes(RandomWalk().to_bytes())


def test_a_state_that_is_not_finite_is_refused() -> None:
    with pytest.raises(CheckpointError, match="not finite"):
        PooledAR1().from_bytes(fitted(np.nan, 0.1).to_bytes())


def test_a_version_of_weeks_keeps_its_drift_by_the_week_through_a_round_trip() -> None:
    weeks = replace(window_of(simulated(0.01, 0.0)), timeframe="1W")

    learned = PooledAR1().fit(weeks)
    loaded = PooledAR1().from_bytes(learned.to_bytes())

    said = [model.predict(weeks).quantiles for model in (learned, loaded)]
    assert said[0].tobytes() == said[1].tobytes()
    assert np.median(said[0][:, 0, MEDIAN]) == pytest.approx(
        0.01, abs=0.002
    )  # a standard error of 0.0005, and the slope's
    on_days = loaded.predict(window_of(simulated(0.01, 0.0))).quantiles
    assert np.median(on_days[:, 0, MEDIAN]) == pytest.approx(0.002, abs=0.002)


def test_a_daily_version_s_bytes_hold_nothing_of_timeframes() -> None:
    assert names_in(PooledAR1().fit(window_of(simulated(0.0, 0.1))).to_bytes()) == {"coefficients"}
