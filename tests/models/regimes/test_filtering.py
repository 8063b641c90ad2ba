import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from models.regimes.filtering import forward, log_densities, stationary
from trading.interfaces import Floats

STATES, FEATURES = 3, 2


def chain(seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    """Random start, transition, means and covariances."""
    random = np.random.default_rng(seed)
    roots = random.normal(size=(STATES, FEATURES, FEATURES))
    covariance = roots @ roots.transpose(0, 2, 1) + 0.5 * np.eye(FEATURES)
    rows = random.dirichlet(np.ones(STATES), STATES + 1)
    return rows[0], rows[1:], random.normal(size=(STATES, FEATURES)), covariance


def by_all_paths(start: Floats, transition: Floats, densities: Floats) -> Floats:
    """(w, k) filtered probabilities from the joint probability of each of the k^t paths up to t."""
    out = np.zeros_like(densities)
    for t in range(len(densities)):
        for path in itertools.product(range(len(start)), repeat=t + 1):
            joint = start[path[0]] * np.prod(transition[path[:-1], path[1:]])
            out[t, path[-1]] += joint * np.prod(densities[np.arange(t + 1), path])
    return out / out.sum(axis=1, keepdims=True)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_the_filter_equals_the_enumeration_of_all_paths(seed: int) -> None:
    start, transition, mean, covariance = chain(seed)
    features = np.random.default_rng(seed + 1).normal(size=(6, FEATURES))
    densities = log_densities(features, mean, covariance)
    expected = by_all_paths(start, transition, np.exp(densities))
    # some dozens of roundings of relative size 1e-16
    np.testing.assert_allclose(forward(start, transition, densities), expected, rtol=1e-12, atol=1e-14)


def test_densities_are_those_of_scipy() -> None:
    _, _, mean, covariance = chain(5)
    features = np.random.default_rng(6).normal(size=(10, FEATURES))
    expected = [multivariate_normal(mean[k], covariance[k]).logpdf(features) for k in range(STATES)]
    np.testing.assert_allclose(log_densities(features, mean, covariance), np.transpose(expected), rtol=1e-12)


def test_an_unknown_feature_is_integrated_out() -> None:
    _, _, mean, covariance = chain(5)
    features = np.array([[np.nan, 0.3]])
    expected = [multivariate_normal(mean[k, 1], covariance[k, 1, 1]).logpdf(0.3) for k in range(STATES)]
    np.testing.assert_allclose(log_densities(features, mean, covariance)[0], expected, rtol=1e-12)


def test_a_session_that_tells_nothing_moves_the_belief_by_the_transitions() -> None:
    start, transition, mean, covariance = chain(2)
    features = np.array([[0.1, 0.2], [np.nan, np.nan]])
    belief = forward(start, transition, log_densities(features, mean, covariance))
    np.testing.assert_allclose(belief[1], belief[0] @ transition, rtol=1e-12)


def test_the_future_changes_nothing_before() -> None:
    start, transition, mean, covariance = chain(3)
    features = np.random.default_rng(4).normal(size=(40, FEATURES))
    other = features.copy()
    other[25:] = 9.0
    ours, theirs = (forward(start, transition, log_densities(x, mean, covariance)) for x in (features, other))
    np.testing.assert_array_equal(ours[:25], theirs[:25])
    assert np.abs(ours[25:] - theirs[25:]).max() > 0.01


def test_outliers_that_underflow_everywhere_still_give_probabilities() -> None:
    impossible = np.array([[1.0, 0.0], [0.0, 1.0]])  # each state for ever
    log_density = np.array([[0.0, -10.0], [-2000.0, 0.0]])
    belief = forward(np.array([1.0, 0.0]), impossible, log_density)
    assert belief.tolist() == [[1.0, 0.0], [1.0, 0.0]]


@given(st.integers(0, 10_000))
def test_the_long_run_is_left_as_it_is_by_a_transition(seed: int) -> None:
    transition = 0.01 + np.random.default_rng(seed).dirichlet(np.ones(4), 4)
    transition /= transition.sum(axis=1, keepdims=True)
    long_run = stationary(transition)
    np.testing.assert_allclose(long_run @ transition, long_run, atol=1e-12)
    assert long_run.sum() == pytest.approx(1.0, abs=1e-12)
