"""Kelly's bet on a distribution: by formula, by search, and what it does with skewness."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from trading.frames import LEVELS
from trading.portfolio.kelly import LARGEST_BET, kelly_fractions, outcomes_of, standardized_shape


def test_even_odds_at_three_in_five_stake_a_fifth() -> None:
    # Half of each bet is at stake: 2 p - 1 = 0.2 of wealth is a bet of 0.4.
    assert kelly_fractions(np.array([[0.5, 0.5, 0.5, -0.5, -0.5]])) == pytest.approx([0.4])


@pytest.mark.parametrize("seed", range(3))
def test_no_other_bet_grows_faster(seed: int) -> None:
    outcomes = np.random.default_rng(seed).normal(0.02, 0.2, 40)
    found = kelly_fractions(outcomes[np.newaxis])[0]

    best = minimize_scalar(lambda f: -np.log1p(f * outcomes).mean(), bounds=(0, 3), method="bounded")

    assert found == pytest.approx(max(best.x, 0.0), abs=1e-4)  # the search's tolerance


def test_a_loss_on_average_is_no_bet_and_a_sure_gain_the_largest() -> None:
    assert kelly_fractions(np.array([[-0.02, 0.01], [0.01, 0.02], [np.nan, 0.1]])) == pytest.approx(
        [0.0, LARGEST_BET, np.nan], nan_ok=True, abs=1e-6
    )


def test_outcomes_have_the_mean_and_spread_that_they_were_given() -> None:
    quantiles = np.stack([0.02 * ndtri(LEVELS), np.expm1(0.4 * ndtri(LEVELS))])

    found = outcomes_of(np.array([0.001, -0.002]), np.array([0.02, 0.03]), quantiles)

    assert found.mean(axis=1) == pytest.approx([0.001, -0.002])
    assert found.std(axis=1) == pytest.approx([0.02, 0.03])


def test_a_long_tail_of_losses_is_bet_on_less_than_its_mirror_image() -> None:
    fat_right = np.expm1(0.6 * ndtri(LEVELS))[np.newaxis]
    mean, spread = np.array([0.01]), np.array([0.15])

    left, right = (
        kelly_fractions(outcomes_of(mean, spread, quantiles))[0]
        for quantiles in (-fat_right[:, ::-1], fat_right)
    )

    assert left < right


def test_quantiles_that_coincide_have_no_shape_and_the_normal_stands_in() -> None:
    assert np.isnan(standardized_shape(np.full((1, len(LEVELS)), np.nan))).all()
    flat = outcomes_of(np.zeros(1), np.ones(1), np.full((1, len(LEVELS)), np.nan))
    assert flat == pytest.approx(outcomes_of(np.zeros(1), np.ones(1)))
