"""What every covariance must be, whichever form the setting chooses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.errors import MissingBarsError
from trading.interfaces import CovarianceModel, Floats
from trading.portfolio.covariance_rules import CovarianceRules

FORMS = ("exponential", "ledoit_wolf", "factor")


def model(form: str) -> CovarianceModel:
    return CovarianceRules(form=form)  # type: ignore[arg-type]


def returns(seed: int = 0, sessions: int = 63, names: int = 6) -> Floats:
    rng = np.random.default_rng(seed)
    return 0.02 * (rng.normal(size=(sessions, 1)) + rng.normal(size=(sessions, names)))


@pytest.mark.parametrize("form", FORMS)
@given(seed=st.integers(0, 1000), holes=st.floats(0, 0.5))
@settings(max_examples=20, deadline=None)
def test_it_is_symmetric_and_positive_definite_whatever_is_missing(
    form: str, seed: int, holes: float
) -> None:
    values = returns(seed)
    values[np.random.default_rng(seed).random(values.shape) < holes] = np.nan

    found = model(form).estimate(values).covariance

    assert np.linalg.eigvalsh(found).min() > 0
    assert np.array_equal(found, found.T)


@pytest.mark.parametrize("form", FORMS)
def test_a_name_that_listed_late_stands_in_as_the_riskiest(form: str) -> None:
    late = returns()
    late[:50, 2] = np.nan

    found = model(form).estimate(late)

    assert found.observed.tolist() == [True, True, False, True, True, True]
    assert found.volatility[2] == pytest.approx(np.delete(found.volatility, 2).max())


@pytest.mark.parametrize("form", FORMS)
def test_twice_the_returns_have_four_times_the_covariance(form: str) -> None:
    once, twice = (model(form).estimate(scale * returns()).covariance for scale in (1.0, 2.0))

    np.testing.assert_allclose(twice, 4 * once, rtol=1e-9)


@pytest.mark.parametrize("form", FORMS)
def test_no_history_at_all_is_an_error_that_says_so(form: str) -> None:
    with pytest.raises(MissingBarsError, match="no symbol has 21 returns"):
        model(form).estimate(np.full((63, 3), np.nan))


@pytest.mark.parametrize("form", FORMS)
def test_ten_thousand_returns_lead_to_the_true_correlation(form: str) -> None:
    rules = CovarianceRules(form=form, half_life_sessions=1e9, shrinkage=0.0)  # type: ignore[arg-type]

    found = rules.estimate(returns(sessions=5_000, names=40)).correlation

    # One common factor of half the variance. The standard error of a correlation is 0.01, and the two factors
    # too many find noise of about 2 / 40.
    assert found[~np.eye(40, dtype=bool)] == pytest.approx(0.5, abs=0.12 if form == "factor" else 0.05)
