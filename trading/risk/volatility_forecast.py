"""How much the book will swing: what the overlay divides its target by.

Letters of the shapes: w sessions, s symbols.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading.bounds import ABOVE_ZERO, COUNT, check_bounds
from trading.interfaces import Floats
from trading.portfolio.covariance import SESSIONS_PER_YEAR
from trading.risk.overlay import portfolio_volatility
from trading.risk.tail import MINIMUM_RETURNS, decayed_deviations

_WARM_SESSIONS = 21  # before the first forecast that is held against what came
_LEAST, _MOST = 0.7, 1.5


@dataclass(frozen=True)
class VolatilityForecast:
    """A forecast from the past returns of today's weights, put right by how earlier forecasts of them did.

    Exponentially weighted deviations of the book itself hold all correlations at once, and hold those of the last
    weeks. What they miss again and again, a fat tail or a storm that grows, shows in past outcomes in units of
    their own forecast: their root mean square, within limits, multiplies today's. Half life and feedback were
    chosen on 2003 to 2014 (docs/results/risk.md).

    Attributes
    ----------
    method : `book` as above, or `covariance`: the root of the mix's own covariance form, without feedback
    half_life_sessions : age at which a session counts half
    feedback : whether past misses put today's forecast right
    window_sessions : of returns that are asked; misses are averaged over all of them but the first month
    """

    method: Literal["book", "covariance"] = "book"
    half_life_sessions: float = 10.0
    feedback: bool = True
    window_sessions: int = 168

    def __post_init__(self) -> None:
        check_bounds(self, half_life_sessions=ABOVE_ZERO, window_sessions=COUNT)

    def forecast(self, weights: Floats, log_returns: Floats, covariance: Floats) -> float:
        """Standard deviation of a year of weights (s,), from log returns (w, s) or the covariance (s, s) of a session.

        With fewer than 42 sessions of returns it is the covariance's.
        """
        outcomes = outcomes_of_known(weights, log_returns[-self.window_sessions :])
        if self.method == "covariance" or len(outcomes) < 2 * MINIMUM_RETURNS:
            return portfolio_volatility(weights, covariance)
        deviations = decayed_deviations(outcomes, 0.5 ** (1.0 / self.half_life_sessions))
        right = self._feedback(outcomes, deviations) if self.feedback else 1.0
        return float(deviations[-1]) * right * math.sqrt(SESSIONS_PER_YEAR)

    def _feedback(self, outcomes: Floats, deviations: Floats) -> float:
        """By what past forecasts, known before each outcome (w,), were too small on average."""
        said, came = deviations[_WARM_SESSIONS:-1], outcomes[_WARM_SESSIONS:]
        known = said > 0
        if not known.any():
            return 1.0
        missed = math.sqrt(float(np.mean(np.square(came[known] / said[known]))))
        return min(max(missed, _LEAST), _MOST)


def outcomes_of_known(weights: Floats, log_returns: Floats) -> Floats:
    """(v,) simple returns of weights (s,) in the sessions of (w, s) in which any weight has a return.

    A name without a return does as the rest of the book does.
    """
    known = np.isfinite(log_returns)
    size = np.abs(weights)
    held = np.einsum("ts,s->t", known, size)
    some = held > 0
    if not some.any():
        return np.zeros(0)
    made = np.einsum("ts,s->t", np.expm1(np.where(known, log_returns, 0.0)), weights)
    return np.asarray(made[some] * (float(size.sum()) / held[some]))
