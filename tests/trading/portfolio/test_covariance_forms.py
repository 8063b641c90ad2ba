"""Ledoit and Wolf's intensity against scikit-learn's, factors against algebra, VIX and the alarm by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from trading.interfaces import Floats
from trading.portfolio.breakdown import BreakdownAlarm, common_part, stability
from trading.portfolio.covariance import ShrunkCovariance
from trading.portfolio.covariance_rules import VixScaling
from trading.portfolio.factor_covariance import FactorCovariance
from trading.portfolio.ledoit_wolf import LedoitWolfCovariance


def market(seed: int, sessions: int, correlation: float, names: int = 8) -> Floats:
    """(w, s) Gaussian returns of 2 % with one correlation for all pairs."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(sessions, 1)), rng.normal(size=(sessions, names))
    return 0.02 * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


@pytest.mark.parametrize("seed", range(3))
def test_ledoit_and_wolf_agree_with_scikit_learn_on_returns_of_variance_one(seed: int) -> None:
    values = market(seed, 63, 0.4)
    deviation = values.std(axis=0)

    found = LedoitWolfCovariance().estimate(values).covariance
    oracle = ledoit_wolf((values - values.mean(axis=0)) / deviation, assume_centered=True)[0]

    # Theirs leaves the diagonal a little below one; ours puts each name's own variance back.
    off = ~np.eye(8, dtype=bool)
    np.testing.assert_allclose(found[off], (oracle * np.outer(deviation, deviation))[off], rtol=1e-9)
    np.testing.assert_allclose(np.diagonal(found), np.square(deviation), rtol=1e-9)


def test_as_many_factors_as_names_are_the_weighted_correlations() -> None:
    values = market(1, 63, 0.4)
    every = FactorCovariance(factors=8, half_life_sessions=1e12).estimate(values)

    # A ten-thousandth of each variance is always a name's own.
    assert every.correlation == pytest.approx(np.corrcoef(values.T), abs=2e-4)


def test_the_factor_form_is_the_matrix_that_it_estimates() -> None:
    values, rule = market(2, 63, 0.5), FactorCovariance(factors=2)

    np.testing.assert_allclose(
        rule.risk_model(values).covariance, rule.estimate(values).covariance, rtol=1e-3, atol=1e-8
    )


def test_vix_at_four_times_its_month_raises_volatility_up_to_the_limit() -> None:
    level = np.r_[np.full(20, 15.0), 15.0]
    estimate = ShrunkCovariance().estimate(market(3, 63, 0.4))

    assert VixScaling().factor(level) == 1.0
    assert VixScaling().factor(np.r_[level[:-1], 60.0]) == 1.5
    assert VixScaling(strength=0.0).factor(np.r_[level[:-1], 60.0]) == 1.0
    assert VixScaling().factor(np.r_[level[:-1], np.nan]) == 1.0
    raised = VixScaling().scaled(estimate, np.r_[level[:-1], 60.0])
    assert raised.volatility == pytest.approx(1.5 * estimate.volatility)
    assert raised.correlation == pytest.approx(estimate.correlation)


def test_names_that_move_as_one_share_everything_and_opposite_pairs_nothing() -> None:
    signs = np.tile([1.0, -1.0], 15)[:, np.newaxis]

    assert common_part(signs * np.ones(4) * 0.01)[-1] == pytest.approx(1.0)
    assert common_part(signs * np.array([1.0, -1.0, 1.0, -1.0]) * 0.01)[-1] == pytest.approx(-1 / 3)


def test_a_break_of_correlation_rings_within_a_month_and_calm_seldom_does() -> None:
    calm = [BreakdownAlarm().alarms(market(seed, 1000, 0.35)).sum() for seed in range(4)]
    delays = []
    for seed in range(8):
        broken = np.vstack([market(seed, 300, 0.25), market(100 + seed, 120, 0.8)])
        rung = np.flatnonzero(BreakdownAlarm().alarms(broken)[300:])
        delays.append(rung[0] if len(rung) else 120)

    assert np.median(delays) <= 21
    assert np.sum(calm) / (4 * 874 / 252) <= 2.0  # false alarms a year; measured in docs/results/portfolio.md


def test_an_alarm_uses_only_its_past() -> None:
    whole = market(5, 400, 0.4)

    assert np.array_equal(BreakdownAlarm().alarms(whole)[:300], BreakdownAlarm().alarms(whole[:300]))


def test_a_matrix_that_repeats_itself_is_stable_and_noise_is_not() -> None:
    pattern = market(6, 5, 0.4)

    assert stability(np.tile(pattern, (20, 1))) == pytest.approx(0.0, abs=1e-9)
    assert stability(market(7, 100, 0.4)).mean() > 0.05
