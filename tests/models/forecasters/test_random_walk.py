"""The random walk: worked by hand, against scipy, and what must hold for any returns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from models.forecasters.random_walk import RandomWalk
from models.forecasters.volatility import ewma_volatility, student_t_quantiles
from trading.frames import LEVELS
from trading.testing.feature_history import window_of

RETURNS = np.random.default_rng(3).normal(0, 0.02, (80, 3))


def test_volatility_of_two_sessions_is_their_weighted_mean_square() -> None:
    returns = np.array([[0.01], [0.02]])

    volatility = ewma_volatility(returns, decay=0.5)

    assert volatility[0] == pytest.approx(np.sqrt((0.5 * 0.01**2 + 0.02**2) / 1.5))


def test_volatility_is_pandas_exponential_mean_of_squares_where_values_are_missing() -> None:
    import pandas as pd

    returns = RETURNS.copy()
    returns[[3, 40, 77], 1] = np.nan

    expected = (pd.DataFrame(returns) ** 2).ewm(alpha=0.06, ignore_na=False).mean().iloc[-1] ** 0.5

    assert ewma_volatility(returns, 0.94) == pytest.approx(expected.to_numpy())


def test_a_symbol_without_returns_has_no_volatility() -> None:
    assert np.isnan(ewma_volatility(np.full((5, 1), np.nan), 0.94)).all()


def test_unit_quantiles_are_those_of_scipy_and_have_unit_variance() -> None:
    frozen = stats.t(6, scale=np.sqrt(4 / 6))

    assert student_t_quantiles(LEVELS, 6.0) == pytest.approx(frozen.ppf(LEVELS))
    assert frozen.var() == pytest.approx(1.0)


def test_quantiles_grow_with_the_root_of_the_horizon() -> None:
    quantiles = RandomWalk().predict(window_of(RETURNS), horizons=(1, 4)).quantiles

    assert quantiles[:, 1] == pytest.approx(2 * quantiles[:, 0])


def test_the_median_is_no_drift() -> None:
    quantiles = RandomWalk().predict(window_of(RETURNS + 0.01)).quantiles

    assert quantiles[:, :, LEVELS.index(0.5)] == pytest.approx(0.0, abs=1e-12)


def test_sessions_before_the_context_change_nothing() -> None:
    changed = RETURNS.copy()
    changed[: 80 - 63] = 9.0

    quantiles = RandomWalk().predict(window_of(changed)).quantiles

    assert quantiles.tobytes() == RandomWalk().predict(window_of(RETURNS)).quantiles.tobytes()


@given(arrays(np.float64, (63, 2), elements=st.floats(-0.5, 0.5) | st.just(np.nan)))
def test_quantiles_never_cross(returns: np.ndarray) -> None:
    quantiles = RandomWalk().predict(window_of(returns)).quantiles

    assert not (np.diff(quantiles, axis=2) < 0).any()
