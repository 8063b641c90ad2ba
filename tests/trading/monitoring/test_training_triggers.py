"""What asks for a challenger: planted changes are seen, chance is not, and a training quiets the rules."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from trading.errors import UsageError
from trading.monitoring.training_triggers import (
    AGE,
    Reading,
    TriggerRules,
    accuracy_reading,
    age_reading,
    drift_reading,
    first_to_fire,
)

RULES = TriggerRules()
PLAIN = TriggerRules(accuracy_errors=0.0, drift_factor=0.0)


def accuracy(before: float, now: float) -> np.ndarray:
    """A year in which 30 sessions of ten names are right as often as `before`, then `now`; noise by binomial draws."""
    rng = np.random.default_rng(7)
    return np.concatenate([rng.binomial(10, before, 252), rng.binomial(10, now, 30)]) / 10


def returns(seed: int, sessions: int, scale: float = 0.02) -> np.ndarray:
    """(n, 10, 1) of names that move together."""
    rng = np.random.default_rng(seed)
    return scale * (rng.normal(size=(sessions, 1, 1)) + rng.normal(size=(sessions, 10, 1)))


def test_a_drop_is_the_difference_of_two_means_worked_by_hand() -> None:
    seen = np.concatenate([np.tile([0.4, 0.6], 50), np.tile([0.3, 0.5], 15)])

    reading = accuracy_reading(seen, replace(RULES, accuracy_errors=2.0))

    assert reading.value == pytest.approx(0.1)
    assert reading.threshold == pytest.approx(max(0.05, 2 * math.sqrt(seen.var(ddof=1) * (1 / 30 + 1 / 100))))
    assert reading.plain == 0.05


def test_a_large_drop_fires_and_a_small_one_only_by_the_roadmap_s_rule() -> None:
    assert accuracy_reading(accuracy(0.6, 0.3), RULES).fires
    small = accuracy(0.55, 0.48)
    assert accuracy_reading(small, PLAIN).fires
    assert not accuracy_reading(small, RULES).fires


def test_a_short_history_says_nothing() -> None:
    reading = accuracy_reading(accuracy(0.6, 0.1)[-80:], RULES)

    assert math.isnan(reading.value)
    assert not reading.fires


def test_wilder_inputs_are_a_drift_and_the_input_is_named() -> None:
    calm, wild = returns(1, 378), returns(2, 30, scale=0.08)
    training, recent = np.concatenate([calm, calm], axis=2), np.concatenate([calm[-30:], wild], axis=2)

    reading = drift_reading(training, recent, ("volume", "log_return"), RULES)

    assert reading.fires
    assert "log_return" in reading.about


def test_the_roadmap_s_threshold_takes_chance_for_drift() -> None:
    """Volatility of 21 sessions hardly moves within thirty, so that a stretch never looks like a year."""
    seen = [
        sliding_window_view(returns(seed, 428)[:, :, 0], 21, axis=0).std(axis=-1)[:, :, None]
        for seed in range(20)
    ]
    fair = [(one[:378], one[-30:]) for one in seen]

    plain, corrected = (
        sum(drift_reading(*pair, ("volatility_21",), rules).fires for pair in fair)
        for rules in (PLAIN, RULES)
    )

    assert plain >= 15
    assert corrected == 0


def test_thirty_sessions_after_the_last_training_another_is_due() -> None:
    assert [age_reading(since, RULES).fires for since in (29, 30, 31)] == [False, True, True]


def test_without_a_limit_no_age_is_too_old() -> None:
    assert not age_reading(10_000, replace(RULES, age_sessions=0)).fires


def test_one_cause_does_not_train_every_day() -> None:
    always = Reading(AGE, 9.0, 1.0, 1.0, "always")

    asked = [since for since in range(40) if first_to_fire([always], since, RULES) is always]

    assert asked == list(range(RULES.cooldown_sessions, 40))


def test_the_first_of_those_that_fire_is_the_cause() -> None:
    quiet, loud, louder = (Reading(AGE, value, 1.0, 1.0, "") for value in (0.5, 2.0, 3.0))

    assert first_to_fire([quiet, loud, louder], 99, RULES) is loud
    assert first_to_fire([quiet], 99, RULES) is None


@pytest.mark.parametrize("wrong", [{"accuracy_drop": 0.0}, {"window_sessions": 0}, {"drift_factor": -1.0}])
def test_a_threshold_that_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises(UsageError):
        TriggerRules(**wrong)
