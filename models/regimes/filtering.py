"""The forward filter of a Gaussian hidden Markov model: p(state_t | features up to t), and no smoother.

Letters: w sessions, k states, c features.
"""

from __future__ import annotations

import numpy as np

from trading.interfaces import Bools, Floats

_LOG_TWO_PI = float(np.log(2 * np.pi))


def log_densities(features: Floats, mean: Floats, covariance: Floats) -> Floats:
    """(w, k) log density of each row under each state; unknown (NaN) features are marginalised out.

    Parameters
    ----------
    features : (w, c); mean : (k, c); covariance : (k, c, c)
    """
    known = ~np.isnan(features)
    patterns, of_row = np.unique(known, axis=0, return_inverse=True)
    out = np.empty((len(features), len(mean)))
    for place, pattern in enumerate(patterns):
        rows = of_row == place
        out[rows] = _densities_of(features[rows], mean, covariance, pattern)
    return out


def _densities_of(features: Floats, mean: Floats, covariance: Floats, pattern: Bools) -> Floats:
    dimensions = int(pattern.sum())
    if not dimensions:
        return np.zeros((len(features), len(mean)))
    root = np.linalg.cholesky(covariance[:, pattern][:, :, pattern])  # (k, d, d)
    deviation = features[np.newaxis][:, :, pattern] - mean[:, np.newaxis, pattern]  # (k, w, d)
    white = np.linalg.solve(root, deviation.transpose(0, 2, 1))  # (k, d, w)
    log_volume = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)  # (k,)
    return (-0.5 * (white**2).sum(axis=1) - log_volume[:, np.newaxis] - 0.5 * dimensions * _LOG_TWO_PI).T


def forward(start: Floats, transition: Floats, log_density: Floats) -> Floats:
    """(w, k) filtered probabilities (Rabiner 1989, section III.A, with scaling).

    Parameters
    ----------
    start : (k,) probabilities before the first row; transition : (k, k); log_density : (w, k)
    """
    scaled = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    out = np.empty_like(scaled)
    predicted = start
    for row, density in enumerate(scaled):
        joint = predicted * density
        total = joint.sum()
        out[row] = joint / total if total > 0 else _in_logs(predicted, log_density[row])
        predicted = out[row] @ transition
    return out


def _in_logs(predicted: Floats, log_density: Floats) -> Floats:
    """The same step where every product has underflowed."""
    with np.errstate(divide="ignore"):
        joint = np.log(predicted) + log_density
    scaled = np.exp(joint - joint.max())
    return scaled / scaled.sum()


def stationary(transition: Floats) -> Floats:
    """(k,) long-run probabilities of a chain all of whose transitions (k, k) are possible."""
    states = len(transition)
    equations = np.vstack([transition.T - np.eye(states), np.ones(states)])
    solution = np.linalg.lstsq(equations, np.append(np.zeros(states), 1.0), rcond=None)[0]
    positive = np.maximum(solution, 0.0)
    return positive / positive.sum()
