"""The covariance against numpy, and its promises on holes and short histories."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.errors import MissingBarsError
from trading.portfolio.covariance import ShrunkCovariance


def returns(seed: int = 0, sessions: int = 63, names: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 0.02 * (rng.normal(size=(sessions, 1)) + rng.normal(size=(sessions, names)))


def test_without_shrinkage_or_decay_it_is_numpys_covariance() -> None:
    plain = ShrunkCovariance(half_life_sessions=1e12, shrinkage=0.0)

    found = plain.estimate(returns()).covariance

    # A half life of 1e12 sessions leaves weights within 1e-10 of one.
    np.testing.assert_allclose(found, np.cov(returns().T, bias=True), rtol=1e-8)


def test_with_decay_it_is_numpys_weighted_covariance() -> None:
    weights = 0.5 ** (np.arange(63)[::-1] / 21.0)

    found = ShrunkCovariance(shrinkage=0.0).estimate(returns()).covariance

    np.testing.assert_allclose(found, np.cov(returns().T, aweights=weights, bias=True), rtol=1e-12)


def test_full_shrinkage_gives_every_pair_the_average_correlation() -> None:
    sample = ShrunkCovariance(shrinkage=0.0).estimate(returns())
    average = sample.correlation[~np.eye(4, dtype=bool)].mean()

    shrunk = ShrunkCovariance(shrinkage=1.0).estimate(returns())

    assert shrunk.correlation[~np.eye(4, dtype=bool)] == pytest.approx(average)
    np.testing.assert_allclose(shrunk.volatility, sample.volatility)


def test_a_name_that_listed_late_stands_in_as_the_riskiest() -> None:
    late = returns()
    late[:50, 2] = np.nan

    found = ShrunkCovariance().estimate(late)

    assert found.observed.tolist() == [True, True, False, True]
    assert found.volatility[2] == pytest.approx(found.volatility[[0, 1, 3]].max())


def test_no_history_at_all_is_an_error_that_says_so() -> None:
    with pytest.raises(MissingBarsError, match="no symbol has 21 returns"):
        ShrunkCovariance().estimate(np.full((63, 3), np.nan))


@given(seed=st.integers(0, 1000), holes=st.floats(0, 0.6))
@settings(max_examples=50, deadline=None)
def test_it_is_positive_definite_whatever_is_missing(seed: int, holes: float) -> None:
    values = returns(seed, names=6)
    values[np.random.default_rng(seed).random(values.shape) < holes] = np.nan

    found = ShrunkCovariance(minimum_returns=5).estimate(values).covariance

    assert np.linalg.eigvalsh(found).min() > 0
    assert (found == found.T).all()
