"""SIMULATED returns must have the stylised facts that the checkpoint is to learn."""

import numpy as np
import pytest

from pipelines.training.synthetic_paths import (
    SyntheticMarket,
    _autoregress,
    _garch,
    _regimes,
    _stochastic_volatility,
)

MARKET = SyntheticMarket()
RETURNS = MARKET.returns(np.random.default_rng(1), 400, 512)


def autocorrelation(values: np.ndarray) -> float:
    centered = values - values.mean(axis=1, keepdims=True)
    return float(np.median((centered[:, 1:] * centered[:, :-1]).mean(axis=1) / centered.var(axis=1)))


def test_the_same_seed_gives_the_same_bytes() -> None:
    again = MARKET.returns(np.random.default_rng(1), 400, 512)

    assert again.tobytes() == RETURNS.tobytes()


def test_returns_are_finite_fat_tailed_and_of_the_declared_size() -> None:
    spread = RETURNS.std(axis=1)
    kurtosis = ((RETURNS / spread[:, None]) ** 4).mean(axis=1)

    assert np.isfinite(RETURNS).all()
    assert 0.01 < np.median(spread) < 0.025  # the range is log-uniform around 0.0155
    assert np.median(kurtosis) > 4


def test_sizes_cluster_and_signs_do_not() -> None:
    assert autocorrelation(np.abs(RETURNS)) > 0.04
    assert abs(autocorrelation(RETURNS)) < 0.03


@pytest.mark.parametrize("family", [_garch, _stochastic_volatility])
def test_shocks_of_a_family_have_unit_variance_on_average(family) -> None:  # noqa: ANN001
    shocks = family(MARKET, np.random.default_rng(3), 2000, 300)

    assert np.median(shocks.std(axis=1)) == pytest.approx(1.0, abs=0.25)  # medians of skewed variances


@pytest.mark.parametrize("family", [_garch, _stochastic_volatility, _regimes])
def test_every_changing_family_clusters(family) -> None:  # noqa: ANN001
    assert autocorrelation(np.abs(family(MARKET, np.random.default_rng(3), 300, 500))) > 0.03


def test_autoregression_is_the_recursion_worked_by_hand() -> None:
    assert _autoregress(np.array([[1.0, 2.0, 3.0]]), np.array([0.5])).tolist() == [[1.0, 2.5, 4.25]]


def test_some_series_stand_still_and_most_do_not() -> None:
    halted = (RETURNS == 0).any(axis=1).mean()

    assert 0.03 < halted < 0.2
