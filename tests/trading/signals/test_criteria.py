"""What stocks are selected by, worked by hand and against numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import rankdata

from trading.signals import criteria


@given(hnp.arrays(float, 10, elements=st.integers(-3, 3).map(float)))
def test_ranks_are_those_of_scipy_scaled_to_one(values: np.ndarray) -> None:
    assert criteria.ranks(values) == pytest.approx((rankdata(values) - 1) / 9)


def test_a_name_that_is_alone_ranks_in_the_middle_and_an_unknown_one_not_at_all() -> None:
    assert criteria.ranks(np.array([np.nan, 4.0])) == pytest.approx([np.nan, 0.5], nan_ok=True)


def test_momentum_asks_for_every_window() -> None:
    momenta = np.array([[0.1, 0.3, 0.2], [0.2, 0.2, 0.1], [0.3, np.nan, 0.3]])
    # third name lacks a window; the first two rank 0 and 1/2 (12 months), 1 and 0 (3), 1/2 and 0 (1)
    assert criteria.momentum_score(momenta) == pytest.approx([0.5, 1 / 6, np.nan], nan_ok=True)


def test_beta_is_the_slope_of_least_squares_over_common_sessions() -> None:
    rng = np.random.default_rng(1)
    market = rng.normal(size=200)
    returns = market[:, None] * [0.5, 2.0, 1.0] + rng.normal(size=(200, 3))
    returns[:150, 2], market[7] = np.nan, np.nan
    both = np.isfinite(market)
    wanted = [np.polyfit(market[both], returns[both, place], 1)[0] for place in (0, 1)]

    assert criteria.beta_to(market, returns, minimum=100) == pytest.approx([*wanted, np.nan], nan_ok=True)


def test_against_a_market_that_stands_still_there_is_no_beta() -> None:
    assert np.isnan(criteria.beta_to(np.zeros(50), np.ones((50, 2)), minimum=10)).all()


def test_a_name_at_its_lower_band_with_rsi_thirty_and_z_of_minus_two_is_oversold_by_one() -> None:
    score = criteria.reversion_score(np.array([30.0, 70.0]), np.array([-1.0, 1.0]), np.array([-2.0, 2.0]))
    assert score == pytest.approx([1.0, -1.0])


def test_z_of_price_is_that_of_the_path_of_log_prices() -> None:
    returns = np.array([[0.01, 0.0], [0.02, 0.0], [-0.05, 0.0]])
    path = np.array([0.01, 0.03, -0.02])
    wanted = (path[-1] - path.mean()) / path.std()
    assert criteria.z_of_price(returns) == pytest.approx([wanted, np.nan], nan_ok=True)


def test_a_yield_counts_each_dividend_over_its_own_close_so_that_a_split_between_is_nothing() -> None:
    amounts = np.array([[4.0, 0.0], [0.0, 0.0], [0.4, 1.0]])
    closes = np.array([[400.0, np.nan], [401.0, 50.0], [40.0, np.nan]])  # ten for one in between
    assert criteria.trailing_yield(amounts, closes) == pytest.approx([0.02, np.nan], nan_ok=True)


def test_what_is_unknown_is_not_defensive() -> None:
    beta = np.array([0.9, 1.0, 0.9, np.nan, 0.9])
    dividends = np.array([0.03, 0.03, 0.02, 0.03, np.nan])
    assert criteria.defensive(beta, dividends, 1.0, 0.02).tolist() == [True, False, False, False, False]
