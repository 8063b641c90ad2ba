"""One distribution from many, against brute force on samples and closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtri

from trading.evaluation.pooling import averaged, mean_and_variance, pooled, split_variance
from trading.frames import LEVELS
from trading.interfaces import Floats

NORMAL = ndtri(np.array(LEVELS))


def models(*moments: tuple[float, float]) -> Floats:
    """(m, 1, q) quantiles of normal distributions."""
    return np.stack([(mean + scale * NORMAL)[np.newaxis] for mean, scale in moments])


def shares(*weights: float) -> Floats:
    return np.array(weights)[:, np.newaxis]


def test_moments_of_a_normal_are_nearly_its_own() -> None:
    mean, variance = mean_and_variance(0.3 + 2 * NORMAL)
    assert mean == pytest.approx(0.3)
    assert variance == pytest.approx(4.0, rel=0.04)  # seven quantiles know no more: pieces are uniform


def test_a_single_model_is_its_own_mixture() -> None:
    one = models((0.1, 2.0))
    np.testing.assert_allclose(pooled(one, shares(1.0)), one[0], atol=1e-12)


def test_a_model_without_weight_has_no_say() -> None:
    two = models((0.0, 1.0), (5.0, 0.1))
    np.testing.assert_allclose(pooled(two, shares(1.0, 0.0)), two[0], atol=1e-12)


def test_averaging_keeps_the_width_and_pooling_widens_by_disagreement() -> None:
    apart = models((-1.0, 1.0), (1.0, 1.0))
    width = {name: how(apart, shares(0.5, 0.5))[0] for name, how in (("average", averaged), ("pool", pooled))}
    np.testing.assert_allclose(width["average"], NORMAL, atol=1e-12)
    assert width["pool"][-1] - width["pool"][0] > 1.2 * (NORMAL[-1] - NORMAL[0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_within_and_between_are_the_variance_of_the_mixture(seed: int, weight: float) -> None:
    said = np.sort(np.random.default_rng(seed).normal(0, 1, (2, 1, len(LEVELS))), axis=-1)
    split = shares(weight, 1 - weight)
    within, between = split_variance(said, split)
    means, variances = mean_and_variance(said)
    second = (split * (variances + means**2)).sum(axis=0)
    np.testing.assert_allclose(within + between, second - (split * means).sum(axis=0) ** 2, atol=1e-10)
    assert within.min() >= 0
    assert between.min() >= 0


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.9))
def test_pooled_quantiles_are_those_of_samples_drawn_from_the_models(seed: int, weight: float) -> None:
    random = np.random.default_rng(seed)
    said = models((0.0, 1.0), (random.normal(), random.uniform(0.5, 2)))
    levels = np.array([0.0, *LEVELS, 1.0])
    knots = [np.array([q[0] - 1.69 * (q[1] - q[0]), *q, q[-1] + 1.69 * (q[-1] - q[-2])]) for q in said[:, 0]]
    ticks = (np.arange(100_000) + 0.5) / 100_000
    sample = np.concatenate([np.interp(ticks, levels, knot) for knot in knots])
    mass = np.repeat([weight, 1 - weight], 100_000)
    order = np.argsort(sample)
    drawn = np.interp(LEVELS, mass[order].cumsum() / mass.sum(), sample[order])
    # a hundred thousand ticks resolve a level to 1e-5, and no piece of a quantile function is steeper than 40
    np.testing.assert_allclose(pooled(said, shares(weight, 1 - weight))[0], drawn, atol=1e-3)


def test_quantiles_of_a_mixture_rise() -> None:
    random = np.random.default_rng(0)
    said = np.sort(random.normal(0, 1, (3, 4, 5, len(LEVELS))), axis=-1)
    weights = random.dirichlet([1, 1, 1], (4, 5)).transpose(2, 0, 1)
    made = pooled(said, weights)
    assert made.shape == (4, 5, len(LEVELS))
    assert (np.diff(made, axis=-1) >= 0).all()
