"""Value at risk and shortfall by four methods: by hand, against closed forms, and what all of them must do."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from trading.risk.backtest import backtest
from trading.risk.tail import DECAY, DEGREES, Method, decayed_deviations, tail_loss

METHODS: tuple[Method, ...] = get_args(Method)
ONE = np.ones(1)


def still(scale: float = 0.01, sessions: int = 252) -> np.ndarray:
    """Returns that alternate, so that every weighting gives the same deviation."""
    return np.log1p(np.tile([scale, -scale], sessions // 2))[:, None]


def test_the_historical_loss_is_the_one_that_one_session_in_twenty_exceeds() -> None:
    outcomes = np.arange(-0.10, 0.101, 0.01)  # 21 sessions; the quantile 0.05 is the second worst

    found = tail_loss("historical", np.array([0.5]), np.log1p(outcomes)[:, None])

    assert found.value_at_risk == pytest.approx(0.045)
    assert found.shortfall == pytest.approx((0.05 + 0.045) / 2)


def test_the_parametric_loss_is_that_of_a_normal_distribution() -> None:
    found = tail_loss("parametric", ONE, still(), 0.99)

    assert found.value_at_risk == pytest.approx(0.01 * stats.norm.ppf(0.99))
    assert found.shortfall == pytest.approx(
        0.01 * stats.norm.expect(lb=stats.norm.ppf(0.99), conditional=True)
    )


def test_the_simulated_loss_is_that_of_the_t_it_draws_from() -> None:
    unit = math.sqrt((DEGREES - 2) / DEGREES) * stats.t.ppf(0.95, DEGREES)

    found = tail_loss("monte_carlo", ONE, still())

    assert found.value_at_risk == pytest.approx(0.01 * unit, rel=0.06)  # 4,000 draws: standard error 2.6 %


def test_the_filtered_loss_follows_todays_volatility_and_the_historical_one_does_not() -> None:
    calm, wild = still(0.01, 200), still(0.03, 20)
    before, after = calm, np.vstack([calm, wild])

    ratio = {
        m: tail_loss(m, ONE, after).value_at_risk / tail_loss(m, ONE, before).value_at_risk for m in METHODS
    }

    assert ratio["historical"] == pytest.approx(1.0)
    assert ratio["filtered"] > 2.0
    assert ratio["parametric"] > 2.0


def test_deviations_are_known_before_the_session_they_speak_of() -> None:
    deviations = decayed_deviations(np.array([0.01, 0.03]))

    start = (0.01**2 + 0.03**2) / 2
    first = DECAY * start + (1 - DECAY) * 0.01**2
    assert np.square(deviations) == pytest.approx([start, first, DECAY * first + (1 - DECAY) * 0.03**2])


@pytest.mark.parametrize("method", METHODS)
def test_every_method_needs_history_and_takes_an_unknown_name_for_nothing(method: Method) -> None:
    known = np.log1p(np.linspace(-0.1, 0.1, 30))[:, None]
    both = np.hstack([known, np.full((30, 1), np.nan)])

    assert math.isnan(tail_loss(method, ONE, known[:20]).value_at_risk)
    alone = tail_loss(method, np.array([0.5]), known).value_at_risk
    rough = 0.08 if method == "monte_carlo" else 1e-12  # two names draw other numbers than one
    assert tail_loss(method, np.array([0.5, 0.5]), both).value_at_risk == pytest.approx(alone, rel=rough)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(METHODS), st.integers(0, 10_000), st.floats(0.1, 2.0))
def test_losses_grow_with_the_book_and_with_the_level(method: Method, seed: int, size: float) -> None:
    rng = np.random.default_rng(seed)
    returns, weights = rng.normal(0, 0.02, (120, 4)), rng.dirichlet(np.ones(4))

    usual, rare = tail_loss(method, weights, returns), tail_loss(method, weights, returns, 0.99)

    assert 0 <= usual.value_at_risk <= usual.shortfall + 1e-12
    assert usual.value_at_risk <= rare.value_at_risk
    assert tail_loss(method, weights * size, returns).value_at_risk == pytest.approx(
        usual.value_at_risk * size
    )


def test_a_right_value_at_risk_passes_and_one_half_as_large_is_caught() -> None:
    outcomes = np.random.default_rng(3).normal(0, 0.01, 2000)
    right = np.full(2000, 0.01 * stats.norm.ppf(0.95))

    good, bad = (backtest(v, v * 1.25, outcomes, 0.95) for v in (right, right / 2))

    assert (good.sessions, good.kupiec_p > 0.05, bad.kupiec_p < 1e-6) == (2000, True, True)
    assert bad.exceeded == pytest.approx(np.mean(-outcomes > right / 2))


def test_exceedances_in_a_run_are_caught_though_their_number_is_right() -> None:
    outcomes = np.full(1000, 0.01)
    outcomes[500:550] = -0.05

    found = backtest(np.full(1000, 0.02), np.full(1000, 0.025), outcomes, 0.95)

    assert found.exceeded == pytest.approx(0.05)
    assert found.kupiec_p == pytest.approx(1.0)
    assert found.independence_p < 1e-6
    assert found.shortfall_ratio == pytest.approx(2.0)
