"""Covariance of the next session's returns, from a window of fixed length that ends at the session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.errors import MissingBarsError
from trading.interfaces import Bools, Floats

SESSIONS_PER_YEAR = 252
_FLOOR = 1e-12


@dataclass(frozen=True)
class CovarianceEstimate:
    """What is known of how the names move together.

    Attributes
    ----------
    covariance : (s, s) positive definite, of one session's log returns
    observed : (s,) True where the symbol had enough returns; the others stand in as the riskiest name
    """

    covariance: Floats
    observed: Bools

    @property
    def volatility(self) -> Floats:
        """(s,) standard deviation of one session's log return."""
        return np.sqrt(np.diagonal(self.covariance))

    @property
    def correlation(self) -> Floats:
        """(s, s) correlations, ones on the diagonal."""
        return self.covariance / np.outer(self.volatility, self.volatility)


@dataclass(frozen=True)
class ShrunkCovariance:
    """Exponentially weighted covariance, shrunk towards one correlation for all pairs.

    The target is that of Ledoit and Wolf, "Honey, I shrunk the sample covariance matrix" (2004),
    section 3; its weight is a setting, because their estimate of it assumes equally weighted rows.

    Attributes
    ----------
    half_life_sessions : age at which a return counts half
    shrinkage : weight of the target, in [0, 1]
    minimum_returns : fewer returns in the window than this do not make a variance
    """

    half_life_sessions: float = 21.0
    shrinkage: float = 0.2
    minimum_returns: int = 21

    def estimate(self, log_returns: Floats) -> CovarianceEstimate:
        """Covariance from log returns (w, s), NaN where there is none.

        Raises
        ------
        MissingBarsError
            If no symbol has enough returns.
        """
        observed = observed_in(log_returns, self.minimum_returns)
        sample = _weighted(log_returns, self._weights(len(log_returns)))
        return CovarianceEstimate(_positive(self._shrunk(sample, observed)), observed)

    def _weights(self, count: int) -> Floats:
        return 0.5 ** (np.arange(count)[::-1] / self.half_life_sessions)

    def _shrunk(self, sample: Floats, observed: Bools) -> Floats:
        variance = np.diagonal(sample)
        deviation = np.sqrt(np.where(observed, variance, variance[observed].max()))
        correlation = sample / np.outer(deviation, deviation)
        pairs = np.outer(observed, observed) & ~np.eye(len(observed), dtype=bool)
        average = float(correlation[pairs].mean()) if pairs.any() else 0.0
        correlation = np.where(pairs, (1 - self.shrinkage) * correlation + self.shrinkage * average, average)
        np.fill_diagonal(correlation, 1.0)
        return correlation * np.outer(deviation, deviation)


def observed_in(log_returns: Floats, minimum: int) -> Bools:
    """(s,) True where a window (w, s) holds enough returns.

    Raises
    ------
    MissingBarsError
        If no symbol has enough.
    """
    observed = np.isfinite(log_returns).sum(axis=0) >= minimum
    if not observed.any():
        raise MissingBarsError(
            f"no symbol has {minimum} returns in a window of {len(log_returns)} sessions; "
            "load earlier bars, or start later"
        )
    return np.asarray(observed)


def standardized(log_returns: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Returns (w, s) of weighted mean 0 and variance 1, missing ones as 0, and their deviations (s,)."""
    known = np.isfinite(log_returns)
    mass = np.maximum((known * weights[:, None]).sum(axis=0), _FLOOR)
    mean = (np.where(known, log_returns, 0.0) * weights[:, None]).sum(axis=0) / mass
    centred = np.where(known, log_returns - mean, 0.0)
    deviation = np.sqrt(np.maximum((np.square(centred) * weights[:, None]).sum(axis=0) / mass, _FLOOR))
    filling = np.sqrt(weights.sum() / mass)  # so that a name with holes has variance 1, too
    return centred / deviation * filling, deviation


def estimate_of(correlation: Floats, deviation: Floats, observed: Bools) -> CovarianceEstimate:
    """The estimate of correlations (s, s) and deviations (s,).

    A name that was not observed stands in as the riskiest, correlated with each as names are on average.
    """
    pairs = np.outer(observed, observed) & ~np.eye(len(observed), dtype=bool)
    average = float(correlation[pairs].mean()) if pairs.any() else 0.0
    filled = np.where(pairs, correlation, average)
    np.fill_diagonal(filled, 1.0)
    risk = np.where(observed, deviation, deviation[observed].max())
    return CovarianceEstimate(_positive(filled * np.outer(risk, risk)), observed)


def _weighted(values: Floats, weights: Floats) -> Floats:
    """Pairwise weighted covariance of (w, s) around each column's weighted mean, missing values left out."""
    known = np.isfinite(values)
    weight = known * weights[:, None]
    filled = np.where(known, values, 0.0)
    mean = (weight * filled).sum(axis=0) / np.maximum(weight.sum(axis=0), _FLOOR)
    root = np.sqrt(weights)[:, None]  # on both sides, so that the sums are symmetric to the last digit
    centred, present = root * np.where(known, values - mean, 0.0), root * known
    mass = np.einsum("ti,tj->ij", present, present)
    return np.einsum("ti,tj->ij", centred, centred) / np.maximum(mass, _FLOOR)


def _positive(covariance: Floats) -> Floats:
    """The matrix with its eigenvalues raised to a small part of the largest: pairwise weights can break it."""
    values, vectors = np.linalg.eigh(covariance)
    floor = max(float(values[-1]) * 1e-6, _FLOOR)
    if values[0] >= floor:
        return covariance
    repaired = (vectors * np.maximum(values, floor)) @ vectors.T
    return (repaired + repaired.T) / 2
