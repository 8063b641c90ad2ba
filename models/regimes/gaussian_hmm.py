"""Market regimes as the states of a Gaussian hidden Markov model with full covariances.

hmmlearn fits (expectation-maximisation, maximum a posteriori); the filter is ours, because
`hmmlearn.predict_proba` smooths: it uses the future. Letters: w sessions, k states, c features.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np
from threadpoolctl import threadpool_limits

from models.regimes.alignment import order_by_likeness, order_by_rule, permuted, restated
from models.regimes.filtering import forward, log_densities, stationary
from trading import digest
from trading.errors import ModelError, NotFittedError
from trading.frames import REGIMES
from trading.interfaces import Floats, RegimeFit

if TYPE_CHECKING:
    from hmmlearn.hmm import GaussianHMM

_STATES = len(REGIMES)


@dataclass(frozen=True)
class GaussianRegimes:
    """Four regimes; the first fit is named by rule, later ones are aligned to the fit before.

    Parameters
    ----------
    starts : random starts of a first fit, of which the likeliest is kept; a refit starts warm instead
    iterations, tolerance : when expectation-maximisation stops (rounds, gain of log-likelihood)
    covariance_sessions : weight, in sessions, of a unit covariance in each state: it cannot collapse
    persistence : pseudo-count of sessions that stay in their state, for each state
    spread : pseudo-count of each transition between states, above 0: every transition stays possible
    min_known : share of the window in which a feature must be known to be used at all
    min_sessions : sessions with all used features known, below which there is no fit
    trend, volatility : columns of the features that the naming rule looks at
    rule_weight : how much the rule counts beside likeness to the fit before when states are aligned
    seed : of the random starts

    Attributes
    ----------
    fit_ : parameters with states in the order of `trading.frames.REGIMES`, or None
    """

    starts: int = 10
    iterations: int = 100
    tolerance: float = 1e-3
    covariance_sessions: float = 5.0
    persistence: float = 20.0
    spread: float = 0.5
    min_known: float = 0.8
    min_sessions: int = 60
    trend: int = 3
    volatility: int = 1
    rule_weight: float = 2.0
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
        if previous is None:
            fitted = self._cold(complete, center, scale)
            return self.resume(permuted(fitted, order_by_rule(fitted.mean, self.trend, self.volatility)))
        before = restated(previous, center, scale)
        fitted, _ = self._climb(complete, before)
        order = order_by_likeness(before, fitted, self.trend, self.volatility, self.rule_weight)
        return self.resume(permuted(fitted, order))

    def resume(self, fit: RegimeFit) -> Self:
        """A copy with parameters that were fitted earlier."""
        return replace(self, fit_=fit)

    def filter(self, features: Floats) -> Floats:
        """(w, k) probabilities given the raw (w, c) features up to each row.

        Before the window's first row stand the chain's long-run probabilities.
        """
        if self.fit_ is None:
            raise NotFittedError("the regime model has no parameters; call fit or resume first")
        fit = self.fit_
        values = standardised(features, fit.center, fit.scale)
        return forward(fit.start, fit.transition, log_densities(values, fit.mean, fit.covariance))

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

    def _cold(self, values: Floats, center: Floats, scale: Floats) -> RegimeFit:
        starts = (self._random_start(values, center, scale, start) for start in range(self.starts))
        climbs = [self._climb(values, start) for start in starts]
        return max(climbs, key=lambda climb: climb[1])[0]

    def _random_start(self, values: Floats, center: Floats, scale: Floats, start: int) -> RegimeFit:
        """Means at four sessions of the window, unit covariances, states that last twenty sessions."""
        random = digest.generator(f"gaussian_regimes/start/{start}", seed=self.seed)
        mean = values[random.choice(len(values), _STATES, replace=False)]
        covariance = np.broadcast_to(np.eye(values.shape[1]), (_STATES, values.shape[1], values.shape[1]))
        uniform = np.full(_STATES, 1 / _STATES)
        transition = 0.95 * np.eye(_STATES) + 0.05 * uniform
        return RegimeFit(uniform, transition, mean, covariance.copy(), center, scale)

    def _climb(self, values: Floats, start: RegimeFit) -> tuple[RegimeFit, float]:
        """Expectation-maximisation from `start`: the parameters and their log-likelihood."""
        model = self._hmm(values.shape[1])
        model.startprob_, model.transmat_ = start.start, start.transition
        model.means_, model.covars_ = start.mean, start.covariance
        monitor = _QuietMonitor(self.iterations, self.tolerance)
        model.monitor_ = monitor
        with threadpool_limits(1):  # the same digits on any machine; and ten times faster than two threads
            model.fit(values)
        covariance = (model.covars_ + model.covars_.transpose(0, 2, 1)) / 2
        transition = model.transmat_
        fitted = replace(
            start,
            start=stationary(transition),
            transition=transition,
            mean=model.means_,
            covariance=covariance,
        )
        return fitted, monitor.last

    def _hmm(self, features: int) -> GaussianHMM:
        from hmmlearn.hmm import GaussianHMM

        # hmmlearn divides by max(covars_weight - c, 0) + n, and takes Dirichlet parameters (1 = no prior).
        return GaussianHMM(
            _STATES,
            covariance_type="full",
            covars_prior=self.covariance_sessions * np.eye(features),
            covars_weight=features + self.covariance_sessions,
            means_prior=0.0,
            means_weight=1.0,
            transmat_prior=1.0 + self.spread + self.persistence * np.eye(_STATES),
            n_iter=self.iterations,
            init_params="",
        )


@dataclass
class _QuietMonitor:
    """hmmlearn's convergence monitor without its writing to standard error.

    With priors the plain log-likelihood need not rise in every round; hmmlearn would warn.
    """

    rounds: int
    tolerance: float
    iter: int = 0
    last: float = -np.inf
    gain: float = np.inf

    def _reset(self) -> None:
        self.iter, self.last, self.gain = 0, -np.inf, np.inf

    def report(self, log_prob: float) -> None:
        """Take in the log-likelihood of one round."""
        self.gain = log_prob - self.last
        self.last = float(log_prob)
        self.iter += 1

    @property
    def converged(self) -> bool:
        """Whether to stop."""
        return self.iter >= self.rounds or self.gain < self.tolerance


def standardised(features: Floats, center: Floats, scale: Floats) -> Floats:
    """(w, c) features in units of a fit; NaN where unknown, and all of a feature that the fit does not use."""
    return (features - center) / scale
