"""No skill leaves equal weight; skill moves it by what it has earned."""

from __future__ import annotations

import numpy as np
import pytest

from trading.portfolio.alpha import expected_returns, implied_returns
from trading.portfolio.covariance import ShrunkCovariance
from trading.portfolio.mandates import ConvexOptimizer, Wanted
from trading.portfolio.sizing import KellySizer
from trading.universe import SYMBOLS, groups

EVERYONE = np.ones(10, dtype=bool)
GROUPS = tuple(groups()[symbol] for symbol in SYMBOLS)


def covariance(seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 0.017, (63, 1))
    return ShrunkCovariance().estimate(market + rng.normal(0, 0.018, (63, 10))).covariance


def test_the_implied_return_of_two_names_is_worked_by_hand() -> None:
    matrix = np.array([[4e-4, 1e-4], [1e-4, 2e-4]])

    # 4 x (4e-4 + 1e-4) / 2 and 4 x (1e-4 + 2e-4) / 2
    assert implied_returns(matrix, np.ones(2, dtype=bool)) == pytest.approx([1e-3, 6e-4])


def test_a_forecast_adds_what_it_says_for_one_session() -> None:
    implied = implied_returns(covariance(), EVERYONE)

    moved = expected_returns(covariance(), np.full(10, 0.005), 5, EVERYONE)

    assert moved - implied == pytest.approx([0.001] * 10)


def test_a_masked_name_has_no_return_and_no_say() -> None:
    mask = EVERYONE.copy()
    mask[9] = False

    found = expected_returns(covariance(), np.full(10, np.nan), 5, mask)

    assert found[9] == 0.0
    assert found[:9] == pytest.approx(4 * covariance()[:9, :9].mean(axis=1))


def test_nobody_eligible_means_no_return() -> None:
    assert not implied_returns(covariance(), ~EVERYONE).any()


@pytest.mark.parametrize("seed", range(5))
def test_no_skill_within_wide_caps_is_equal_weight(seed: int) -> None:
    alpha = expected_returns(covariance(seed), np.zeros(10), 5, EVERYONE)

    mix = ConvexOptimizer(linked_from=1.0).solve(
        Wanted.plain(alpha, covariance(seed), np.full(10, 0.2), np.zeros(10), GROUPS)
    )

    # The objective is flat at its optimum: a gap of 1e-10 leaves weights within the square root of it.
    assert mix.weights == pytest.approx([0.1] * 10, abs=2e-5)


@pytest.mark.parametrize("seed", range(5))
def test_no_skill_within_kelly_caps_is_about_equal_weight(seed: int) -> None:
    matrix = covariance(seed)
    spread, alpha = np.sqrt(np.diagonal(matrix)), expected_returns(matrix, np.zeros(10), 5, EVERYONE)
    correlation = matrix / np.outer(spread, spread)

    caps = KellySizer().caps(np.full(10, 0.5), alpha, spread, correlation)
    mix = ConvexOptimizer(linked_from=1.0).solve(Wanted.plain(alpha, matrix, caps, np.zeros(10), GROUPS))

    # A cap is beta to equal weight x 0.5 x 0.5 to 1: names of one volatility have room for 0.1, but
    # a sample of 63 sessions makes some look wilder, and those are held to less.
    assert mix.weights == pytest.approx([0.1] * 10, abs=0.04)


def test_skill_in_one_name_raises_its_weight_most() -> None:
    forecast = np.zeros(10)
    forecast[3] = 0.002

    plain, tilted = (
        ConvexOptimizer(linked_from=1.0)
        .solve(
            Wanted.plain(
                expected_returns(covariance(), f, 5, EVERYONE),
                covariance(),
                np.full(10, 0.2),
                np.zeros(10),
                GROUPS,
            )
        )
        .weights
        for f in (np.zeros(10), forecast)
    )

    assert tilted[3] > plain[3] + 0.01
    assert (tilted - plain).argmax() == 3


def test_with_a_tilt_the_weights_in_proportion_to_it_are_what_is_optimal() -> None:
    tilt = np.linspace(0, 2, 10)
    matrix = covariance()
    implied = implied_returns(matrix, EVERYONE, tilt=tilt)
    # the best mix of mean-variance is proportional to the inverse covariance times the returns
    assert np.linalg.solve(matrix, implied) / 4 == pytest.approx(tilt / tilt.sum())


def test_a_tilt_of_ones_is_equal_weight_to_the_last_digit_and_one_of_nothing_too() -> None:
    plain = implied_returns(covariance(), EVERYONE)
    for tilt in (np.ones(10), np.zeros(10)):
        assert implied_returns(covariance(), EVERYONE, tilt=tilt).tolist() == plain.tolist()
