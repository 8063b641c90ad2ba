"""Kelly's bet on a whole predictive distribution: the fraction that makes expected log wealth grow fastest."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from trading.frames import LEVELS
from trading.interfaces import Floats
from trading.signals.distribution import tail_scales

OUTCOMES = 40  # equally likely ones that stand for a distribution
LARGEST_BET = 20.0
_WORST = -0.99  # of a stake: a name can be lost, not more
_HALVINGS = 40
_PLACES = (np.arange(OUTCOMES) + 0.5) / OUTCOMES
_NORMAL = ndtri(_PLACES) / ndtri(_PLACES).std()


def kelly_fractions(outcomes: Floats) -> Floats:
    """(s,) the f in [0, 20] at which the mean of log(1 + f x) over outcomes (s, o) is largest; NaN if one is.

    The mean of x / (1 + f x) falls with f; its zero is found by halving (Kelly 1956; Thorp 2006,
    section 3). An f at which the worst outcome would ruin is never reached.

    Examples
    --------
    >>> kelly_fractions(np.array([[0.5, 0.5, 0.5, -0.5, -0.5]])).round(3)  # a fifth of wealth at stake
    array([0.4])
    """
    x = np.maximum(outcomes, _WORST)
    ruin = 1.0 / np.maximum(-x.min(axis=-1), 1.0 / LARGEST_BET)
    low, high = np.zeros_like(ruin), np.minimum(ruin * (1 - 1e-9), LARGEST_BET)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        grows = (x / (1 + middle[..., np.newaxis] * x)).mean(axis=-1) > 0
        low, high = np.where(grows, middle, low), np.where(grows, high, middle)
    return np.where(np.isfinite(outcomes).all(axis=-1), low, np.nan)


def outcomes_of(expected: Floats, spread: Floats, quantiles: Floats | None = None) -> Floats:
    """(s, o) equally likely returns with mean `expected` (s,) and standard deviation `spread` (s,).

    Their shape is that of predictive `quantiles` (s, q), tails and skewness included; that of the normal
    where there are none. Mean and spread are what skill and calibrated intervals made of them.
    """
    shape = np.broadcast_to(_NORMAL, (len(expected), OUTCOMES))
    if quantiles is not None:
        own = standardized_shape(quantiles)
        shape = np.where(np.isfinite(own), own, shape)
    return expected[:, np.newaxis] + spread[:, np.newaxis] * shape


def standardized_shape(quantiles: Floats) -> Floats:
    """(s, o) outcomes of mean 0 and deviation 1 from quantiles (s, q): linear between, exponential beyond."""
    levels = np.array(LEVELS)
    low, high = (scale[:, np.newaxis] for scale in tail_scales(quantiles))
    inside = np.stack([np.interp(_PLACES, levels, row) for row in quantiles])
    below = quantiles[:, :1] + low * np.log(np.minimum(_PLACES / levels[0], 1.0))
    above = quantiles[:, -1:] - high * np.log(np.minimum((1 - _PLACES) / (1 - levels[-1]), 1.0))
    drawn = np.where(levels[0] > _PLACES, below, np.where(levels[-1] < _PLACES, above, inside))
    centred = drawn - drawn.mean(axis=1, keepdims=True)
    deviation = centred.std(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(deviation > 0, centred / deviation, np.nan)
