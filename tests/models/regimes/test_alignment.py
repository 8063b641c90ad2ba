import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.regimes.alignment import order_by_likeness, order_by_rule, permuted, places_by_rule, restated
from trading.frames import REGIMES
from trading.interfaces import RegimeFit

TREND, VOLATILITY = 1, 0


def some_fit(seed: int, features: int = 3) -> RegimeFit:
    random = np.random.default_rng(seed)
    roots = random.normal(size=(4, features, features))
    return RegimeFit(
        start=random.dirichlet(np.ones(4)),
        transition=random.dirichlet(np.ones(4), 4),
        mean=random.normal(size=(4, features)),
        covariance=roots @ roots.transpose(0, 2, 1) + 0.1 * np.eye(features),
        center=random.normal(size=features),
        scale=random.uniform(0.5, 2, features),
    )


def by_likeness(previous: RegimeFit, fitted: RegimeFit, rule_weight: float = 0.0) -> NDArray[np.int64]:
    return order_by_likeness(previous, fitted, TREND, VOLATILITY, rule_weight)


def test_the_rule_names_states_by_trend_and_volatility() -> None:
    #                 volatility, trend
    mean = np.array([[2.0, 0.1], [-0.6, 0.9], [-0.4, 0.0], [0.6, -1.1]])
    order = order_by_rule(mean, TREND, VOLATILITY)
    named = {regime: int(state) for regime, state in zip(REGIMES, order, strict=True)}
    assert named == {"Bull": 1, "Bear": 3, "Volatile": 0, "Range": 2}


def test_other_features_are_expected_where_trend_and_volatility_take_them() -> None:
    plane = np.random.default_rng(4).normal(size=(50, 2))  # volatility, trend
    third = 2.0 * plane[:, VOLATILITY] - 3.0 * plane[:, TREND]

    places = places_by_rule(np.column_stack([plane, third]), TREND, VOLATILITY)

    named = dict(zip(REGIMES, places.round(9).tolist(), strict=True))
    assert named["Bull"] == [-0.5, 1.0, -4.0]  # 2 x -0.5 - 3 x 1
    assert named["Volatile"] == [1.5, 0.0, 3.0]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[1::5])
def test_the_rule_does_not_care_how_states_are_ordered(order: tuple[int, ...]) -> None:
    mean = np.random.default_rng(1).normal(size=(4, 2))
    shuffled = mean[list(order)]
    ours = mean[order_by_rule(mean, TREND, VOLATILITY)]
    np.testing.assert_array_equal(shuffled[order_by_rule(shuffled, TREND, VOLATILITY)], ours)


@given(st.integers(0, 1000), st.permutations(range(4)))
def test_permuted_labels_are_put_back(seed: int, order: list[int]) -> None:
    fit = some_fit(seed)
    shuffled = permuted(fit, np.array(order))
    back = permuted(shuffled, by_likeness(fit, shuffled))
    np.testing.assert_array_equal(back.mean, fit.mean)
    np.testing.assert_array_equal(back.transition, fit.transition)
    np.testing.assert_array_equal(back.covariance, fit.covariance)


def test_states_with_one_mean_are_told_apart_by_their_spread() -> None:
    fit = some_fit(3)
    fit = RegimeFit(**{**vars(fit), "mean": np.zeros((4, 3))})
    shuffled = permuted(fit, np.array([2, 0, 3, 1]))
    assert by_likeness(fit, shuffled).tolist() == [1, 3, 0, 2]


def test_a_name_leaves_a_state_that_no_longer_deserves_it() -> None:
    # the chain's first two states have exchanged their trends little by little: likeness keeps the names
    mean = np.array([[-0.5, -1.0, 0], [0.5, 1.0, 0], [1.5, 0.0, 0], [-0.5, 0.0, 0]], dtype=float)
    fit = RegimeFit(**{**vars(some_fit(3)), "mean": mean, "covariance": np.tile(np.eye(3), (4, 1, 1))})
    assert by_likeness(fit, fit).tolist() == [0, 1, 2, 3]
    assert by_likeness(fit, fit, rule_weight=2.0).tolist() == [1, 0, 2, 3]


def test_another_standardisation_says_the_same_of_raw_features() -> None:
    fit = some_fit(4)
    other = restated(fit, np.array([1.0, -1.0, 0.5]), np.array([0.1, 3.0, 1.0]))
    raw_mean = fit.mean * fit.scale + fit.center
    np.testing.assert_allclose(other.mean * other.scale + other.center, raw_mean, rtol=1e-12)
    raw, again = (f.covariance * np.outer(f.scale, f.scale) for f in (fit, other))
    np.testing.assert_allclose(again, raw, rtol=1e-12)


def test_a_feature_that_one_fit_did_not_know_begins_at_nothing() -> None:
    other = restated(some_fit(4), np.zeros(3), np.array([1.0, np.nan, 1.0]))
    assert other.mean[:, 1].tolist() == [0.0] * 4
    np.testing.assert_array_equal(other.covariance[:, 1], np.tile([0.0, 1.0, 0.0], (4, 1)))
    assert (np.linalg.eigvalsh(other.covariance) > 0).all()
