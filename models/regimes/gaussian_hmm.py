"""Market regimes as the states of a Gaussian hidden Markov model with full covariances.

hmmlearn fits (expectation-maximisation, maximum a posteriori); the filter is ours, because
`hmmlearn.predict_proba` smooths: it uses the future. Letters: w sessions, k states, c features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from models.regimes.estimator import RegimeEstimator
from models.regimes.filtering import stationary
from trading import digest
from trading.frames import REGIMES
from trading.interfaces import Floats, RegimeFit

if TYPE_CHECKING:
    from hmmlearn.hmm import GaussianHMM

_STATES = len(REGIMES)


@dataclass(frozen=True)
class GaussianRegimes(RegimeEstimator):
    """A hidden Markov model with a multivariate normal in each state.

    Parameters
    ----------
    tolerance : gain of log-likelihood below which expectation-maximisation stops
    covariance_sessions : weight, in sessions, of a unit covariance in each state: it cannot collapse
    persistence : pseudo-count of sessions that stay in their state, for each state
    spread : pseudo-count of each transition between states, above 0: every transition stays possible
    """

    tolerance: float = 1e-3
    covariance_sessions: float = 5.0
    persistence: float = 20.0
    spread: float = 0.5

    def _drawn(self, values: Floats, start: int) -> Floats:
        """Four sessions of the window."""
        random = digest.generator(f"gaussian_regimes/start/{start}", seed=self.seed)
        return values[random.choice(len(values), _STATES, replace=False)]

    def _start(self, mean: Floats, center: Floats, scale: Floats) -> RegimeFit:
        """Unit covariances, and states that last twenty sessions."""
        covariance = np.tile(np.eye(mean.shape[1]), (_STATES, 1, 1))
        uniform = np.full(_STATES, 1 / _STATES)
        transition = 0.95 * np.eye(_STATES) + 0.05 * uniform
        return RegimeFit(uniform, transition, mean, covariance, center, scale)

    def _climb(
        self, values: Floats, start: RegimeFit, remembered: Floats | None = None
    ) -> tuple[RegimeFit, float]:
        """Expectation-maximisation from `start`: the parameters and their log-likelihood."""
        model = self._hmm(values.shape[1], remembered)
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

    def _hmm(self, features: int, remembered: Floats | None) -> GaussianHMM:
        from hmmlearn.hmm import GaussianHMM

        # hmmlearn divides by max(covars_weight - c, 0) + n, and takes Dirichlet parameters (1 = no prior).
        return GaussianHMM(
            _STATES,
            covariance_type="full",
            covars_prior=self.covariance_sessions * np.eye(features),
            covars_weight=features + self.covariance_sessions,
            means_prior=0.0 if remembered is None else remembered,
            means_weight=1.0 if remembered is None else self.memory_sessions,
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
