import numpy as np
import pytest

from trading.interfaces import Floats
from trading.signals.skill import SkillRules, SkillState, effective_sessions

RULES = SkillRules(half_life_sessions=126, prior_slope=0.5)


def walked(forecasts: Floats, realized: Floats, rules: SkillRules = RULES) -> SkillState:
    """The state after sessions of forecasts and outcomes (n, s)."""
    state = SkillState()
    for forecast, outcome in zip(forecasts, realized, strict=True):
        state = state.after(forecast, outcome, rules)
    return state


def test_the_first_session_is_its_own_mean() -> None:
    state = SkillState().after(np.array([0.01, 0.03]), np.array([0.02, -0.02]), RULES)
    assert state.product == pytest.approx((0.0002 - 0.0006) / 2)
    assert (state.square, state.realized_square) == pytest.approx((0.0005, 0.0004))


def test_the_sums_are_exponentially_weighted_means() -> None:
    random = np.random.default_rng(0)
    f, y = random.normal(size=(2, 40, 3))
    weights = RULES.keep ** np.arange(39, -1, -1)
    expected = np.average((f * y).mean(axis=1), weights=weights)
    assert walked(f, y).product == pytest.approx(expected, rel=1e-12)


def test_unknown_pairs_do_not_count_and_an_unknown_session_changes_nothing() -> None:
    state = SkillState().after(np.array([0.01, np.nan]), np.array([0.02, 0.5]), RULES)
    assert state == SkillState().after(np.array([0.01]), np.array([0.02]), RULES)
    assert state.after(np.array([np.nan]), np.array([0.1]), RULES) is state


def test_the_posterior_slope_worked_by_hand() -> None:
    # slope 0.8; ridge 1 / (1 * 0.25) on a square of 1: 0.8 / (1 + 4)
    assert SkillState(0.8, 1.0, 1.0, 1).skill(1, RULES) == pytest.approx(0.16)
    # twenty sessions ahead one session is a twentieth of an observation: 0.8 / (1 + 80)
    assert SkillState(0.8, 1.0, 1.0, 1).skill(20, RULES) == pytest.approx(0.8 / 81)


@pytest.mark.parametrize(("product", "skill"), [(-0.5, 0.0), (99.0, 1.0)])
def test_skill_is_neither_negative_nor_above_one(product: float, skill: float) -> None:
    assert SkillState(product, 1.0, 1.0, 100).skill(1, RULES) == skill


def test_without_evidence_there_is_no_skill() -> None:
    assert SkillState().skill(1, RULES) == 0.0


def test_noise_earns_next_to_nothing_where_the_plain_slope_would_earn_much() -> None:
    random = np.random.default_rng(11)
    f, y = random.normal(0, 0.001, (200, 300, 1)), random.normal(0, 0.02, (200, 300, 1))
    states = [walked(forecast, outcome) for forecast, outcome in zip(f, y, strict=True)]
    shrunk = np.mean([state.skill(1, RULES) for state in states])
    plain = np.mean([np.clip(state.product / state.square, 0, 1) for state in states])
    # forecasts a twentieth of the noise: the prior alone weighs some four times the evidence
    assert shrunk < 0.1
    assert plain > 0.3


def test_a_forecast_that_is_right_on_average_is_believed_in_time() -> None:
    random = np.random.default_rng(12)
    f = random.normal(0, 0.01, (400, 10))
    y = f + random.normal(0, 0.02, (400, 10))
    assert walked(f[:5], y[:5]).skill(1, RULES) < 0.5
    assert walked(f, y).skill(1, RULES) > 0.8


@pytest.mark.parametrize("count", [1, 10, 500])
def test_the_effective_number_of_sessions_is_that_of_the_weights(count: int) -> None:
    weights = 0.99 ** np.arange(count)
    assert effective_sessions(count, 0.99) == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
