"""When a model that learns should have a challenger before the calendar trains one.

Three rules of the roadmap: accuracy has dropped, inputs have drifted from those that the newest version learned from,
or the last training is long ago. The first two ask of thirty sessions of ten names more than these can tell: without any
change they are exceeded in most quarters (docs/results/triggers.md). So each must also exceed what chance does, unless
that is set to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading.bounds import COUNT, FRACTION, NOT_NEGATIVE, check_bounds
from trading.interfaces import Floats
from trading.monitoring.psi import bin_counts, bin_edges, stability_index, stretches

ACCURACY: Literal["accuracy"] = "accuracy"
DRIFT: Literal["drift"] = "drift"
AGE: Literal["age"] = "age"
KINDS = (ACCURACY, DRIFT, AGE)
REFERENCE_SESSIONS, FEWEST_SESSIONS = 252, 63


@dataclass(frozen=True)
class TriggerRules:
    """When a challenger is trained that the calendar did not ask for.

    Parameters
    ----------
    act : whether a trigger that is seen live trains a challenger; if not, it is told only
    accuracy_drop : by how much the share of right directions must have dropped
    accuracy_errors : and by how many of its standard errors; 0 leaves it to `accuracy_drop`
    drift_score : population stability index that an input must exceed
    drift_factor : and how many times the largest index of any stretch of the training range; 0 leaves it to `drift_score`
    age_sessions : since the last training; 0 for never
    window_sessions : that are called recent
    cooldown_sessions : after a training, in which no trigger asks for another
    """

    act: bool = False
    accuracy_drop: float = 0.05
    accuracy_errors: float = 3.0
    drift_score: float = 0.1
    drift_factor: float = 3.0
    age_sessions: int = 30
    window_sessions: int = 30
    cooldown_sessions: int = 21

    def __post_init__(self) -> None:
        check_bounds(
            self,
            accuracy_drop=FRACTION,
            accuracy_errors=NOT_NEGATIVE,
            drift_score=NOT_NEGATIVE,
            drift_factor=NOT_NEGATIVE,
            age_sessions=NOT_NEGATIVE,
            window_sessions=COUNT,
            cooldown_sessions=NOT_NEGATIVE,
        )


@dataclass(frozen=True)
class Reading:
    """What one rule sees of one model: `value` fires above `threshold`; NaN where too little is known.

    `plain` is the roadmap's threshold alone, `about` what the value is of.
    """

    kind: Literal["accuracy", "drift", "age"]
    value: float
    threshold: float
    plain: float
    about: str

    @property
    def fires(self) -> bool:
        """Whether the rule asks for a challenger."""
        return self.value > self.threshold

    @property
    def reason(self) -> str:
        """In words, for a log."""
        return f"{self.about}: {self.value:.3f} exceeds {self.threshold:.3f}"


def accuracy_reading(accuracy: Floats, rules: TriggerRules) -> Reading:
    """How far accuracy has dropped.

    Parameters
    ----------
    accuracy : (n,) share of names whose direction was right, one session ahead, the newest session last; NaN where
        nothing matured. The recent ones are compared with up to a year before them. A session counts as one observation,
        because its names move together.
    """
    known = accuracy[np.isfinite(accuracy)]
    recent, before = known[-rules.window_sessions :], known[: -rules.window_sessions][-REFERENCE_SESSIONS:]
    about = f"direction right {rules.window_sessions} sessions before and now"
    if len(before) < FEWEST_SESSIONS:
        return Reading(ACCURACY, math.nan, rules.accuracy_drop, rules.accuracy_drop, about)
    error = math.sqrt(known[-len(before) - len(recent) :].var(ddof=1) * (1 / len(recent) + 1 / len(before)))
    about = (
        f"direction right {before.mean():.1%} before, {recent.mean():.1%} in {rules.window_sessions} sessions"
    )
    threshold = max(rules.accuracy_drop, rules.accuracy_errors * error)
    return Reading(ACCURACY, float(before.mean() - recent.mean()), threshold, rules.accuracy_drop, about)


def drift_reading(training: Floats, recent: Floats, channels: Sequence[str], rules: TriggerRules) -> Reading:
    """How far the input that has drifted most, against what it may, lies from where it was learned.

    Parameters
    ----------
    training : (m, s, c) inputs that the newest version learned from; recent : (w, s, c) the newest ones
    channels : names of the c inputs
    """
    found = [
        _drift_of(training[:, :, place], recent[:, :, place], name, rules)
        for place, name in enumerate(channels)
    ]
    return max(found, key=lambda one: one.value / one.threshold if one.threshold > 0 else one.value)


def age_reading(sessions: int, rules: TriggerRules) -> Reading:
    """How many sessions ago the newest version learned."""
    limit = float(rules.age_sessions) - 0.5 if rules.age_sessions else math.inf
    return Reading(AGE, float(sessions), limit, limit, "sessions since the last training")


def first_to_fire(readings: Iterable[Reading], since: int, rules: TriggerRules) -> Reading | None:
    """The reading that asks for a challenger, in the order given; none in the cooldown after a training.

    Parameters
    ----------
    since : sessions since the newest version learned
    """
    if since < rules.cooldown_sessions:
        return None
    return next((one for one in readings if one.fires), None)


def _drift_of(training: Floats, recent: Floats, name: str, rules: TriggerRules) -> Reading:
    edges = bin_edges(training)
    counts = bin_counts(training, edges)
    expected = counts.sum(axis=0)
    value = float(stability_index(expected, bin_counts(recent, edges).sum(axis=0)))
    usual = stability_index(expected, stretches(counts, min(rules.window_sessions, len(counts))))
    threshold = max(rules.drift_score, rules.drift_factor * float(usual.max()))
    return Reading(DRIFT, value, threshold, rules.drift_score, f"stability index of {name}")
