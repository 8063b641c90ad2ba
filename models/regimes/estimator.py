"""What every regime model shares: standardised features, names for its states, one way from fit to refit.

Letters: w sessions, k states, c features.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self

import numpy as np

from models.regimes.alignment import order_by_likeness, order_by_rule, permuted, places_by_rule, restated
from models.regimes.filtering import FilterStep, Onward, forward, log_densities, over_all_paths
from trading.errors import ModelError, NotFittedError
from trading.interfaces import Floats, RegimeFit


@dataclass(frozen=True)
class RegimeEstimator(ABC):
    """Four regimes; the first fit is named by rule, later ones are aligned to the fit before.

    Every fit is the best of several climbs, one of which begins where the naming rule expects the regimes. That
    climb knows the window alone, so walks that began at different sessions come to the same regimes.

    Parameters
    ----------
    starts : random starts of a first fit, beside the rule's; a refit starts from the fit before instead
    iterations : rounds of a fit at most
    min_known : share of the window in which a feature must be known to be used at all
    min_sessions : sessions with all used features known, below which there is no fit
    trend, volatility : columns of the features that the naming rule looks at
    rule_weight : how much the rule counts beside likeness to the fit before when states are aligned
    memory_sessions : weight, in sessions, of a state's mean in the fit before; a regime that the window lacks
        is so not forgotten, and its name not given to a part of another
    seed : of the random starts

    Attributes
    ----------
    fit_ : parameters with states in the order of `trading.frames.REGIMES`, or None
    """

    starts: int = 10
    iterations: int = 100
    min_known: float = 0.8
    min_sessions: int = 60
    trend: int = 3
    volatility: int = 1
    rule_weight: float = 20.0
    memory_sessions: float = 20.0
    seed: int = 0
    fit_: RegimeFit | None = field(default=None, compare=False, repr=False)

    def fit(self, features: Floats, previous: RegimeFit | None = None) -> Self:
        """A copy fitted on raw (w, c) features; rows with an unknown used feature are left out.

        Raises
        ------
        ModelError
            If fewer than `min_sessions` rows are complete.
        """
        center, scale = self._standardisation(features)
        complete = self._complete(standardised(features, center, scale), scale)
        expected = self._start(places_by_rule(complete, self.trend, self.volatility), center, scale)
        if previous is None:
            drawn = (self._start(self._drawn(complete, n), center, scale) for n in range(self.starts))
            fitted = self._best(complete, [*drawn, expected])
            return self.resume(permuted(fitted, order_by_rule(fitted.mean, self.trend, self.volatility)))
        before = restated(previous, center, scale)
        fitted = self._best(complete, [before, expected], before.mean)
        order = order_by_likeness(before, fitted, self.trend, self.volatility, self.rule_weight)
        return self.resume(permuted(fitted, order))

    def resume(self, fit: RegimeFit) -> Self:
        """A copy with parameters that were fitted earlier."""
        return replace(self, fit_=fit)

    def filter(self, features: Floats) -> Floats:
        """(w, k) probabilities given the raw (w, c) features up to each row.

        Before the window's first row stand the chain's long-run probabilities.
        """
        fit = self.parameters
        values = standardised(features, fit.center, fit.scale)
        densities = log_densities(values, fit.mean, fit.covariance)
        return forward(fit.start, fit.transition, densities, self.onward)

    def update(self, belief: Floats, features: Floats) -> Floats:
        """(k,) probabilities after one more session of raw features (c,), given those before it."""
        return self._step(belief, features)

    @cached_property
    def _step(self) -> FilterStep:
        """The update, with what the parameters fix made once."""
        return FilterStep.of(self.parameters, self.onward)

    @property
    def parameters(self) -> RegimeFit:
        """What was fitted.

        Raises
        ------
        NotFittedError
            If nothing was.
        """
        if self.fit_ is None:
            raise NotFittedError("the regime model has no parameters; call fit or resume first")
        return self.fit_

    @property
    def onward(self) -> Onward:
        """How belief moves from one session to the next."""
        return over_all_paths

    @abstractmethod
    def _drawn(self, values: Floats, start: int) -> Floats:
        """(k, c) means at which the climb number `start` of a first fit begins."""

    @abstractmethod
    def _start(self, mean: Floats, center: Floats, scale: Floats) -> RegimeFit:
        """Parameters to climb from with means (k, c)."""

    @abstractmethod
    def _climb(
        self, values: Floats, start: RegimeFit, remembered: Floats | None = None
    ) -> tuple[RegimeFit, float]:
        """Parameters fitted to (w, c) standardised values from `start`, and how good they are.

        `remembered` (k, c) are the means of the fit before, which count as `memory_sessions` in each state.
        """

    def _best(
        self, values: Floats, starts: Sequence[RegimeFit], remembered: Floats | None = None
    ) -> RegimeFit:
        """Where the best of the climbs ended; of equal ones the first."""
        climbs = [self._climb(values, start, remembered) for start in starts]
        return max(climbs, key=lambda climb: climb[1])[0]

    def _standardisation(self, features: Floats) -> tuple[Floats, Floats]:
        """(c,) mean and standard deviation; NaN for a feature that is unknown too often."""
        known = ~np.isnan(features)
        used = known.mean(axis=0) >= self.min_known
        count = np.maximum(known.sum(axis=0), 1)
        center = np.where(known, features, 0.0).sum(axis=0) / count
        variance = np.where(known, (features - center) ** 2, 0.0).sum(axis=0) / count
        scale = np.sqrt(variance)
        scale = np.where(scale > 1e-12 * np.maximum(np.abs(center), 1.0), scale, 1.0)
        return np.where(used, center, 0.0), np.where(used, scale, np.nan)

    def _complete(self, values: Floats, scale: Floats) -> Floats:
        """Rows to fit on; a feature that is not used is 0 in all of them and tells nothing."""
        filled = np.where(np.isnan(scale), 0.0, values)
        complete = filled[~np.isnan(filled).any(axis=1)]
        if len(complete) < self.min_sessions or np.isnan(scale).all():
            raise ModelError(
                f"a regime fit needs {self.min_sessions} sessions with known features, but of {len(values)} "
                f"only {len(complete)} are complete; check the features of the window for gaps"
            )
        return complete


def standardised(features: Floats, center: Floats, scale: Floats) -> Floats:
    """(w, c) features in units of a fit; NaN where unknown, and all of a feature that the fit does not use."""
    return (features - center) / scale
