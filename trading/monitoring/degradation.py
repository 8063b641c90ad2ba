"""Which models have become worse than they may be: a bet against each, and a window that adapts.

Both look at losses one session ahead only. Losses of longer forecasts share outcomes with their neighbours, so
that neither a bet on the next one nor a count of independent ones would be fair.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trading.bounds import ABOVE_ZERO, COUNT, FRACTION, NOT_NEGATIVE, check_bounds
from trading.interfaces import Floats
from trading.monitoring.adwin import adaptive_length

NO_ALARM, WORSE, DRIFT = "", "worse_than_baseline", "drift"
ALARMS = (NO_ALARM, WORSE, DRIFT)
BETTING_SESSIONS = 60
PRIOR_SESSIONS, PRIOR_SQUARE = 10, 0.1  # what the stake assumes of scores before it saw any
LEAST_STAKE, LARGEST_STAKE = 0.05, 0.8


@dataclass(frozen=True)
class DegradationRules:
    """When a model is told to have degraded, and what that costs it.

    Parameters
    ----------
    run_length_sessions : mean sessions until a false alarm of the bet, at least: five years
    drift_confidence : ADWIN's; chance of a false cut at one session, at most
    window_sessions : longest window of ADWIN
    ratio_limit : logarithm of a loss ratio at which a score ends: 0.2 is a loss 22 % larger
    probation_sessions : how long an alarm weighs on a model
    degraded_share : factor of its weight meanwhile, before weights are scaled to 1
    """

    run_length_sessions: float = 1260.0
    drift_confidence: float = 0.002
    window_sessions: int = 250
    ratio_limit: float = 0.2
    probation_sessions: int = 30
    degraded_share: float = 0.5

    def __post_init__(self) -> None:
        check_bounds(
            self,
            run_length_sessions=COUNT,
            drift_confidence=FRACTION,
            window_sessions=COUNT,
            ratio_limit=ABOVE_ZERO,
            probation_sessions=NOT_NEGATIVE,
            degraded_share=FRACTION,
        )

    def score(self, losses: Floats, baseline: float) -> Floats:
        """(...) in [-1, 1] how much worse than the baseline: clipped logarithm of the ratio; NaN if unknown."""
        ratio = np.log(losses / baseline) if baseline > 0 else np.full(np.shape(losses), np.nan)
        return np.clip(ratio / self.ratio_limit, -1.0, 1.0)

    def weighed(self, weights: Floats, probation: NDArray[np.int64]) -> Floats:
        """(k,) weights with those of models on probation reduced, scaled to 1."""
        reduced = np.where(probation > 0, weights * self.degraded_share, weights)
        return np.asarray(reduced / reduced.sum())


@dataclass(frozen=True)
class Watch:
    """What is known of k models before or after a session.

    Attributes
    ----------
    scores : (n, k) of `DegradationRules.score`, the newest last
    evidence : (k,) logarithm of the bet's wealth
    alike : (k,) scores in ADWIN's window; probation : (k,) sessions left; alarm : (k,) of this session
    """

    rules: DegradationRules
    scores: Floats
    evidence: Floats
    alike: NDArray[np.int64]
    probation: NDArray[np.int64]
    alarm: Sequence[str] = field(default=())

    def update(self, score: Floats) -> Self:
        """A copy after a session's scores (k,), NaN where nothing matured."""
        wealth = next_evidence(self.evidence, score, stake(self.scores))
        scores = np.vstack([self.scores, score])[-self.rules.window_sessions :]
        steps = [self._adapted(scores[:, place], place) for place in range(len(score))]
        alike = np.array([length for length, _ in steps], np.int64)
        worse = wealth >= math.log(self.rules.run_length_sessions)
        drifted = np.array([rose for _, rose in steps], bool)
        alarm = np.where(worse, WORSE, np.where(drifted, DRIFT, NO_ALARM))
        left = np.maximum(self.probation - ~np.isnan(score), 0)
        return replace(
            self,
            scores=scores,
            evidence=np.where(worse, 0.0, wealth),
            alike=alike,
            probation=np.where(alarm != NO_ALARM, self.rules.probation_sessions, left).astype(np.int64),
            alarm=tuple(alarm.tolist()),
        )

    def _adapted(self, scores: Floats, place: int) -> tuple[int, bool]:
        """Length of the model's window after this session, and whether it was cut because losses rose."""
        before = int(self.alike[place])
        if np.isnan(scores[-1]):
            return before, False
        known = (scores[~np.isnan(scores)][-(before + 1) :] + 1) / 2
        length = adaptive_length(known, self.rules.drift_confidence)
        gone = known[: len(known) - length]
        return length, bool(len(gone) and known[-length:].mean() > gone.mean())


def stake(scores: Floats) -> Floats:
    """(k,) share of its wealth that the bet against each model puts on the next score, from past ones (n, k).

    The mean over the mean square of the last scores, which grows wealth fastest where bets are small: Waudby-Smith
    and Ramdas (2024), "Estimating means of bounded random variables by betting", JRSS B 86, section 4 (aGRAPA).
    """
    recent = np.nan_to_num(scores[-BETTING_SESSIONS:])
    return np.clip(
        recent.sum(axis=0) / ((recent**2).sum(axis=0) + PRIOR_SESSIONS * PRIOR_SQUARE),
        LEAST_STAKE,
        LARGEST_STAKE,
    )


def next_evidence(evidence: Floats, score: Floats, staked: Floats) -> Floats:
    """(k,) logarithm of wealth after one more score, restarted at 1 whenever it fell below: an e-CUSUM.

    Shin, Ramdas and Rinaldo (2023), "E-detectors", section 2: while scores are at most 0 on average given the past,
    the first time that wealth reaches c comes after c sessions on average, or later. No model of scores is needed.
    """
    return np.maximum(evidence, 0.0) + np.log1p(staked * np.nan_to_num(score))
