"""Alarms of degradation: bets worked by hand, ADWIN against brute force, and streams whose truth is known."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.interfaces import Floats
from trading.monitoring.adwin import adaptive_length, cut_gap
from trading.monitoring.degradation import (
    DRIFT,
    LARGEST_STAKE,
    LEAST_STAKE,
    NO_ALARM,
    WORSE,
    DegradationRules,
    Watch,
    next_evidence,
    stake,
)

RULES = DegradationRules()


def fresh(models: int, rules: DegradationRules = RULES) -> Watch:
    none = np.zeros(models, np.int64)
    return Watch(rules, np.empty((0, models)), np.zeros(models), none, none)


def watched(scores: Floats, rules: DegradationRules = RULES) -> list[Watch]:
    """Every state of a watch over scores (n, k)."""
    states = [fresh(scores.shape[1], rules)]
    for score in scores:
        states.append(states[-1].update(score))
    return states[1:]


def noise(sessions: int, models: int, seed: int) -> Floats:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (sessions, models))


def test_a_score_is_the_clipped_logarithm_of_the_loss_ratio() -> None:
    scores = RULES.score(np.array([1.0, math.exp(0.1), 9.0, np.nan]), 1.0)
    np.testing.assert_allclose(scores, [0.0, 0.5, 1.0, np.nan], atol=1e-12)


def test_wealth_grows_by_what_was_staked_and_starts_anew_below_one() -> None:
    after = next_evidence(np.array([0.5, -0.3]), np.array([1.0, -1.0]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(after, [0.5 + math.log(1.5), math.log(0.5)])


def test_a_session_without_a_score_leaves_the_wealth() -> None:
    assert next_evidence(np.array([0.5]), np.array([np.nan]), np.array([0.5])).tolist() == [0.5]


def test_stakes_know_the_past_only_and_keep_their_bounds() -> None:
    scores = np.column_stack([np.full(60, 1.0), np.full(60, -1.0), np.full(60, 0.2)])
    # sum 12 over squares 2.4 + 1: more than the most that may be staked
    assert stake(scores).tolist() == [LARGEST_STAKE, LEAST_STAKE, LARGEST_STAKE]
    assert stake(np.empty((0, 2))).tolist() == [LEAST_STAKE] * 2


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_a_fair_bet_has_no_expected_gain(seed: int) -> None:
    # Whatever was staked before: over the two outcomes of a fair coin the wealth's mean factor is one.
    staked = stake(noise(70, 3, seed))
    factors = [np.exp(next_evidence(np.zeros(3), np.full(3, side), staked)) for side in (-0.7, 0.7)]
    np.testing.assert_allclose(np.mean(factors, axis=0), 1.0)


def test_a_model_that_is_worse_is_told_and_put_on_probation() -> None:
    states = watched(np.column_stack([noise(200, 1, 3)[:, 0] + 0.4, noise(200, 1, 4)[:, 0] - 0.1]))
    alarms = [state.alarm for state in states]
    first = next(place for place, alarm in enumerate(alarms) if alarm[0] == WORSE)
    assert first < 60
    assert states[first].evidence[0] == 0.0  # the next alarm needs new evidence
    assert states[first].probation.tolist() == [RULES.probation_sessions, 0]
    assert {alarm[1] for alarm in alarms} == {NO_ALARM}


def test_probation_runs_out_session_by_session() -> None:
    before = Watch(RULES, np.zeros((1, 1)), np.zeros(1), np.ones(1, np.int64), np.array([2]))
    assert [int(s.probation[0]) for s in (before.update(np.zeros(1)), before.update(np.array([np.nan])))] == [
        1,
        2,
    ]


def test_a_model_better_than_the_baseline_that_gets_worse_drifts() -> None:
    scores = noise(300, 1, 5) * 0.4
    scores[:150] -= 0.6  # far better than the random walk at first, then as good
    alarms = [state.alarm[0] for state in watched(scores)]
    assert DRIFT in alarms[150:250]  # the cut needs some seventy sessions on its new side for a change of 0.3
    assert NO_ALARM in set(alarms[:150])
    assert len(set(alarms[:150])) == 1


def test_a_model_that_gets_better_shortens_its_window_without_an_alarm() -> None:
    scores = noise(300, 1, 6) * 0.4
    scores[150:] -= 0.6
    states = watched(scores)
    assert states[-1].alike[0] < 210  # of the 250 that it may hold: most of the old ones are gone
    assert {state.alarm[0] for state in states} == {NO_ALARM}


def test_weights_on_probation_are_halved_and_scaled() -> None:
    weights = RULES.weighed(np.array([0.5, 0.5]), np.array([3, 0]))
    np.testing.assert_allclose(weights, [1 / 3, 2 / 3])
    np.testing.assert_allclose(RULES.weighed(np.array([0.3, 0.7]), np.array([3, 9])), [0.3, 0.7])


def test_few_fair_streams_are_told_within_a_year() -> None:
    # Mean run length is at least 1,260 sessions; Markov leaves at most a fifth within 252, the bet far fewer.
    alarms = [state.alarm for state in watched(noise(252, 40, 7))]
    assert sum(any(alarm[k] == WORSE for alarm in alarms) for k in range(40)) <= 4


def brute_gap(values: Floats, confidence: float, cut: int) -> float:
    left, right = values[:cut], values[cut:]
    harmonic = 1 / (1 / len(left) + 1 / len(right))
    log_term = math.log(2 / (confidence / len(values)))
    bound = math.sqrt(2 / harmonic * float(np.var(values)) * log_term) + 2 / (3 * harmonic) * log_term
    return abs(float(left.mean() - right.mean())) - bound


@given(st.integers(12, 60), st.integers(0, 1000))
def test_every_cut_is_judged_as_the_paper_does(count: int, seed: int) -> None:
    values = np.random.default_rng(seed).uniform(0, 1, count)
    expected = [brute_gap(values, 0.01, cut) for cut in range(5, count - 4)]
    gaps = cut_gap(values, 0.01)
    np.testing.assert_allclose(gaps[4:-4], expected, atol=1e-12)
    assert np.isneginf(gaps[[0, -1]]).all()


@pytest.mark.parametrize("change", [40, 80])
def test_the_window_keeps_what_came_after_the_change(change: int) -> None:
    values = np.concatenate([np.zeros(change), np.ones(60)])
    # Of the zeros 21 may stay: beside 60 ones, a difference of 1 no longer exceeds the bound, 0.53 + 0.49.
    assert adaptive_length(values, 0.002) == 60 + 21


def test_a_constant_stream_is_never_cut() -> None:
    assert adaptive_length(np.full(250, 0.5), 0.002) == 250
