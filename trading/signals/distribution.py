"""The distribution that a few quantiles stand for, and what follows from it.

Between the fixed levels the quantile function is linear. Beyond the outermost ones the tails are
exponential, with the density of the outermost segment where they begin: so every return keeps
some probability, and mean and probability come from one and the same distribution.
"""

from __future__ import annotations

import numpy as np

from trading.frames import LEVELS
from trading.interfaces import Floats

_LEVELS = np.array(LEVELS)
# Quantiles may coincide; a segment of no width would have no density.
_LEAST_SCALE = 1e-9


def tail_scales(quantiles: Floats) -> tuple[Floats, Floats]:
    """Scales (...) of the lower and upper exponential tail of quantiles (..., q)."""
    low = _LEVELS[0] * (quantiles[..., 1] - quantiles[..., 0]) / (_LEVELS[1] - _LEVELS[0])
    high = (1 - _LEVELS[-1]) * (quantiles[..., -1] - quantiles[..., -2]) / (_LEVELS[-1] - _LEVELS[-2])
    return np.maximum(low, _LEAST_SCALE), np.maximum(high, _LEAST_SCALE)


def mean_of(quantiles: Floats) -> Floats:
    """(...) mean of the distribution of quantiles (..., q): trapezoids, and the tails' means."""
    low, high = tail_scales(quantiles)
    inside = ((quantiles[..., 1:] + quantiles[..., :-1]) / 2 * np.diff(_LEVELS)).sum(axis=-1)
    below = _LEVELS[0] * (quantiles[..., 0] - low)
    above = (1 - _LEVELS[-1]) * (quantiles[..., -1] + high)
    return below + inside + above


def probability_positive(quantiles: Floats) -> Floats:
    """(...) probability of a return above 0 under the distribution of quantiles (..., q)."""
    low, high = tail_scales(quantiles)
    below = _LEVELS[0] * np.exp(-np.maximum(quantiles[..., 0], 0.0) / low)
    above = 1 - (1 - _LEVELS[-1]) * np.exp(np.minimum(quantiles[..., -1], 0.0) / high)
    negative = np.where(
        quantiles[..., 0] > 0, below, np.where(quantiles[..., -1] < 0, above, _inside(quantiles))
    )
    return 1 - negative


def _inside(quantiles: Floats) -> Floats:
    """(...) level at which the linear quantile function is 0, for quantiles around 0."""
    last = quantiles.shape[-1] - 2
    segment = np.clip((quantiles <= 0).sum(axis=-1) - 1, 0, last)[..., np.newaxis]
    left = np.take_along_axis(quantiles, segment, axis=-1)[..., 0]
    right = np.take_along_axis(quantiles, segment + 1, axis=-1)[..., 0]
    start, stop = _LEVELS[segment[..., 0]], _LEVELS[segment[..., 0] + 1]
    width = right - left
    share = np.where(width > 0, -left / np.where(width > 0, width, 1.0), 0.0)
    return start + np.clip(share, 0.0, 1.0) * (stop - start)
