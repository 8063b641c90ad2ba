"""Putting a probability right by what came of earlier ones: Platt, beta or isotonic recalibration.

Only pairs that had matured are given, so a recalibrated probability is causal. A session's names move
together and neighbouring outcomes overlap, so pairs count for less than their number: a prior around
"leave it as it is" weighs against `effective` observations, not against all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import expit

from trading.bounds import ABOVE_ZERO, COUNT, check_bounds
from trading.interfaces import Floats

Method = Literal["none", "platt", "beta", "isotonic"]
_EDGE = 1e-4  # probabilities are kept this far from 0 and 1, whose logarithm is infinite
_STEPS = 8  # of Newton, from the prior: a convex problem in two or three numbers


@dataclass(frozen=True)
class CalibrationRules:
    """Hyper-parameters of the recalibration.

    Parameters
    ----------
    method : `none`; `platt`: a line in the logit (Platt 1999); `beta`: lines in log p and log 1 - p, which can
        bend the ends apart (Kull, Silva Filho and Flach 2017); `isotonic`: any rising step (Zadrozny and Elkan 2002)
    window_sessions : of matured forecasts that are looked at
    prior_sessions : how many independent sessions of evidence weigh as much as the belief that nothing is wrong
    """

    method: Method = "none"
    window_sessions: int = 252
    prior_sessions: float = 25.0

    def __post_init__(self) -> None:
        check_bounds(self, window_sessions=COUNT, prior_sessions=ABOVE_ZERO)

    def recalibrated(self, past: Floats, happened: Floats, probability: Floats, horizon: int) -> Floats:
        """(s,) `probability` put right by forecasts `past` (w, s) and whether they came true (w, s), NaN unknown."""
        known = np.isfinite(past) & np.isfinite(happened)
        if self.method == "none" or not known.any():
            return probability
        sessions = float(known.any(axis=1).sum()) / horizon
        share = sessions / float(known.sum())  # what one pair counts
        p, y = past[known], happened[known]
        if self.method == "isotonic":
            trust = sessions / (sessions + self.prior_sessions)
            return probability + trust * (isotonic(p, y, probability) - probability)
        features = _logit if self.method == "platt" else _beta
        prior = np.append(np.ones(features(p).shape[1] - 1), 0.0)
        slopes = posterior_slopes(features(p), y, prior, share, self.prior_sessions)
        return np.asarray(expit(features(probability) @ slopes))


def _logit(p: Floats) -> Floats:
    """(n, 2) logit and 1."""
    q = np.clip(p, _EDGE, 1 - _EDGE)
    return np.stack([np.log(q / (1 - q)), np.ones_like(q)], axis=1)


def _beta(p: Floats) -> Floats:
    """(n, 3) log p, -log(1 - p) and 1; slopes of 1 and no offset leave p as it is."""
    q = np.clip(p, _EDGE, 1 - _EDGE)
    return np.stack([np.log(q), -np.log(1 - q), np.ones_like(q)], axis=1)


def posterior_slopes(
    features: Floats, outcomes: Floats, prior: Floats, share: float, prior_sessions: float
) -> Floats:
    """(k,) slopes of a logistic regression, by Newton's method on their posterior.

    Parameters
    ----------
    features, outcomes : (n, k) and (n,) of the past
    prior : (k,) mean of the slopes; their prior weighs as `prior_sessions` observations of variance 1/4
    share : what one of the pairs counts
    """
    slopes, precision = prior.copy(), prior_sessions / 4
    for _ in range(_STEPS):
        told = expit(features @ slopes)
        gradient = share * features.T @ (outcomes - told) - precision * (slopes - prior)
        curvature = share * (features.T * (told * (1 - told))) @ features + precision * np.eye(len(prior))
        slopes = slopes + np.linalg.solve(curvature, gradient)
    return slopes


def isotonic(past: Floats, happened: Floats, probability: Floats) -> Floats:
    """(m,) the rising step function nearest to what happened (n,), between its steps linear.

    NaN stays NaN; beyond the past probabilities the outermost step holds.
    """
    from scipy.optimize import isotonic_regression

    order = np.argsort(past, kind="stable")
    fitted = isotonic_regression(happened[order]).x
    return np.where(np.isnan(probability), np.nan, np.interp(probability, past[order], fitted))
