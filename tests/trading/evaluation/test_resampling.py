"""The stationary bootstrap: its blocks, its figures against the plain ones, its intervals against arch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap
from hypothesis import given
from hypothesis import strategies as st

from trading.evaluation import resampling
from trading.evaluation.performance import maximum_drawdown, sharpe_ratio, sharpe_standard_error
from trading.evaluation.resampling import paired_figures, stationary_indices

RETURNS = np.random.default_rng(5).normal(0.0005, 0.01, (2, 250))


@given(st.integers(2, 40), st.floats(1.0, 20.0))
def test_places_stay_inside_and_blocks_walk_on(count: int, mean_block: float) -> None:
    places = stationary_indices(count, 50, mean_block, np.random.default_rng(0))

    assert places.shape == (50, count)
    assert ((places >= 0) & (places < count)).all()


def test_blocks_are_as_long_as_asked_on_average() -> None:
    places = stationary_indices(400, 200, 10.0, np.random.default_rng(0))
    broken = (np.diff(places, axis=1) % 400 != 1).mean()

    # A block ends with probability 1/10, and one time in 400 the new one happens to follow on.
    assert broken == pytest.approx(0.1 * (1 - 1 / 400), abs=0.004)  # four standard errors of 80,000 draws


def test_every_session_is_drawn_equally_often() -> None:
    drawn = np.bincount(stationary_indices(20, 5000, 5.0, np.random.default_rng(0)).ravel(), minlength=20)

    assert drawn / drawn.sum() == pytest.approx(np.full(20, 0.05), abs=0.002)


def test_figures_are_the_plain_ones() -> None:
    own = RETURNS[0]

    assert float(resampling.annual_sharpe(own)) == pytest.approx(sharpe_ratio(own))
    assert float(resampling.deepest_drawdown(own)) == pytest.approx(maximum_drawdown(own))
    assert float(resampling.total_return(np.array([0.1, -0.5]))) == pytest.approx(-0.45)
    assert float(resampling.deepest_drawdown(np.array([-0.2, 0.5]))) == pytest.approx(0.2)


def test_the_sharpe_interval_agrees_with_arch() -> None:
    found = paired_figures(RETURNS[0], RETURNS[1])["sharpe"][0]
    bootstrap = StationaryBootstrap(resampling.MEAN_BLOCK_SESSIONS, RETURNS[0], seed=3)
    theirs = bootstrap.conf_int(sharpe_ratio, reps=resampling.BOOTSTRAPS, method="percentile").ravel()

    # Two independent sets of 2000 draws: percentile ends of a Sharpe of standard error 1 differ by about 0.1.
    assert [found.low, found.high] == pytest.approx(theirs, abs=0.25)


def test_the_sharpe_interval_is_about_two_closed_form_errors_wide() -> None:
    returns = np.random.default_rng(2).normal(0.001, 0.01, 500)

    found, _, _ = paired_figures(returns, returns[::-1])["sharpe"]

    # Independent returns: block resampling adds noise, so the two widths agree to a fifth.
    assert found.low < sharpe_ratio(returns) < found.high
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(sharpe_standard_error(returns), rel=0.2)


def test_returns_that_do_not_vary_have_no_sharpe_interval() -> None:
    found, _, _ = paired_figures(np.zeros(100), RETURNS[0][:100])["sharpe"]

    assert math.isnan(found.low)


def test_a_strategy_beside_itself_differs_by_nothing() -> None:
    for _, _, difference in paired_figures(RETURNS[0], RETURNS[0]).values():
        assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_a_short_run_has_figures_without_intervals() -> None:
    own, _, _ = paired_figures(RETURNS[0][:20], RETURNS[1][:20])["volatility"]

    assert own.value > 0
    assert math.isnan(own.low)
