"""Covariance of a few statistical factors and what is each name's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.bounds import COUNT, check_bounds
from trading.interfaces import Floats
from trading.portfolio.covariance import CovarianceEstimate, estimate_of, observed_in, standardized
from trading.portfolio.problem import RiskModel

_LEAST_OWN = 1e-4  # of a name's variance, which is its own whatever the factors say


@dataclass(frozen=True)
class FactorCovariance:
    """Principal components of exponentially weighted returns of variance one (Connor and Korajczyk 1986).

    Attributes
    ----------
    factors : number of components
    half_life_sessions : age at which a return counts half
    minimum_returns : fewer returns in the window than this do not make a variance
    """

    factors: int = 3
    half_life_sessions: float = 21.0
    minimum_returns: int = 21

    def __post_init__(self) -> None:
        check_bounds(self, factors=COUNT)

    def estimate(self, log_returns: Floats) -> CovarianceEstimate:
        """Covariance from log returns (w, s), NaN where there is none.

        Raises
        ------
        MissingBarsError
            If no symbol has enough returns.
        """
        observed = observed_in(log_returns, self.minimum_returns)
        loadings, own, deviation = self._parts(log_returns)
        correlation = loadings.T @ loadings + np.diag(np.square(own))
        return estimate_of(correlation, deviation, observed)

    def risk_model(self, log_returns: Floats) -> RiskModel:
        """The same in factor form, for hundreds of names; each needs enough returns."""
        loadings, own, deviation = self._parts(log_returns)
        return RiskModel(loadings * deviation, own * deviation)

    def _parts(self, log_returns: Floats) -> tuple[Floats, Floats, Floats]:
        """Loadings (k, s) and own deviations (s,) of returns of variance one, and their deviations (s,)."""
        weights = 0.5 ** (np.arange(len(log_returns))[::-1] / self.half_life_sessions)
        unit, deviation = standardized(log_returns, weights)
        weighted = unit * np.sqrt(weights / weights.sum())[:, np.newaxis]
        _, sizes, directions = np.linalg.svd(weighted, full_matrices=False)
        loadings = sizes[: self.factors, np.newaxis] * directions[: self.factors]
        own = np.sqrt(np.maximum(1.0 - np.square(loadings).sum(axis=0), _LEAST_OWN))
        return loadings, own, deviation
