"""The forward filter of a Gaussian hidden Markov model: p(state_t | features up to t), and no smoother.

Letters: w sessions, k states, c features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trading.interfaces import Bools, Floats, RegimeFit

_LOG_TWO_PI = float(np.log(2 * np.pi))
Onward = Callable[[Floats, Floats], Floats]
_greatest, _sum = np.maximum.reduce, np.add.reduce  # half the time of the methods, in the step of one session


def over_all_paths(belief: Floats, transition: Floats) -> Floats:
    """(k,) probability of each state one session later."""
    return belief.dot(transition)


def over_best_path(belief: Floats, transition: Floats) -> Floats:
    """(k,) probability, up to a factor, of the likeliest path into each state one session later."""
    return _greatest(belief[:, np.newaxis] * transition)


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


def forward(
    start: Floats, transition: Floats, log_density: Floats, onward: Onward = over_all_paths
) -> Floats:
    """(w, k) filtered probabilities (Rabiner 1989, section III.A, with scaling).

    Parameters
    ----------
    start : (k,) probabilities before the first row; transition : (k, k); log_density : (w, k)
    onward : over all paths into a state, or over the best of them, as in Viterbi's algorithm
    """
    scaled = np.exp(log_density - log_density.max(axis=1, keepdims=True))
    out = np.empty_like(scaled)
    predicted = start
    for row, density in enumerate(scaled):
        joint = predicted * density
        total = joint.sum()
        out[row] = joint / total if total > 0 else _in_logs(predicted, log_density[row])
        predicted = onward(out[row], transition)
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


@dataclass(frozen=True)
class FilterStep:
    """One session of the filter, in microseconds: what does not change between sessions is made beforehand.

    Attributes
    ----------
    fit : parameters; used : places of the d features that the fit knows; onward : see `forward`
    whitening : (k * d, d) and offset : (k * d,) turn raw features into independent unit normals of each state
    square_sums : (k, k * d) and log_volume : (k,) turn their squares into log densities
    """

    fit: RegimeFit
    used: NDArray[np.intp] | slice
    onward: Onward
    whitening: Floats
    offset: Floats
    square_sums: Floats
    log_volume: Floats

    @classmethod
    def of(cls, fit: RegimeFit, onward: Onward = over_all_paths) -> Self:
        """The step for some parameters."""
        used = np.flatnonzero(~np.isnan(fit.scale))
        states, count = len(fit.mean), len(used)
        root = np.linalg.cholesky(fit.covariance[:, used][:, :, used])  # (k, d, d)
        inverse = np.linalg.inv(root)
        center = fit.mean[:, used] + fit.center[used] / fit.scale[used]
        return cls(
            fit,
            used if count < len(fit.scale) else slice(None),
            onward,
            (inverse / fit.scale[used]).reshape(states * count, count),
            (inverse @ center[:, :, np.newaxis]).reshape(states * count),
            np.repeat(-0.5 * np.eye(states), count, axis=1),
            np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1),
        )

    def __call__(self, belief: Floats, features: Floats) -> Floats:
        """(k,) probabilities after raw `features` (c,), given those of the session before."""
        white = self.whitening.dot(features[self.used])
        white -= self.offset
        white *= white
        log_density = self.square_sums.dot(white)
        log_density -= self.log_volume
        log_density -= _greatest(log_density)
        joint = self.onward(belief, self.fit.transition)
        joint *= np.exp(log_density, out=log_density)
        total = _sum(joint)
        return joint / total if total > 0 else self._careful(belief, features)

    def _careful(self, belief: Floats, features: Floats) -> Floats:
        """The same where a feature is unknown or every product has underflowed."""
        values = (features - self.fit.center) / self.fit.scale
        density = log_densities(values[np.newaxis], self.fit.mean, self.fit.covariance)
        predicted = self.onward(belief, self.fit.transition)
        return forward(predicted, self.fit.transition, density, self.onward)[0]
