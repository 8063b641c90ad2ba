"""One distribution from several that are known by their quantiles."""

from __future__ import annotations

import numpy as np

from trading.frames import LEVELS
from trading.interfaces import Floats

# How far the ends lie beyond the outermost quantiles, over the gap beside them: with probability uniform up to
# the ends, the mean of a normal distribution's tail is kept.
REACH = 1.69
_LEVELS: Floats = np.array([0.0, *LEVELS, 1.0])


def with_ends(quantiles: Floats) -> Floats:
    """(..., q + 2) quantiles (..., q) with the ends of the distribution before and after them."""
    low = quantiles[..., 0] - REACH * (quantiles[..., 1] - quantiles[..., 0])
    high = quantiles[..., -1] + REACH * (quantiles[..., -1] - quantiles[..., -2])
    return np.concatenate([low[..., np.newaxis], quantiles, high[..., np.newaxis]], axis=-1)


def mean_and_variance(quantiles: Floats) -> tuple[Floats, Floats]:
    """(...) moments of distributions with quantiles (..., q), uniform between their knots."""
    knots = with_ends(quantiles)
    mass, left, right = np.diff(_LEVELS), knots[..., :-1], knots[..., 1:]
    mean = ((left + right) / 2) @ mass
    square = ((left**2 + left * right + right**2) / 3) @ mass
    return mean, np.maximum(square - mean**2, 0.0)


def split_variance(quantiles: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """(...) variance within models and between their means, from quantiles (m, ..., q) and shares (m, ...).

    The law of total variance: their sum is the variance of the mixture.
    """
    mean, variance = mean_and_variance(quantiles)
    center = (shares * mean).sum(axis=0)
    return (shares * variance).sum(axis=0), (shares * (mean - center) ** 2).sum(axis=0)


def averaged(quantiles: Floats, shares: Floats) -> Floats:
    """(..., q) quantiles averaged level by level: Vincentization (Ratcliff 1979)."""
    return np.asarray((shares[..., np.newaxis] * quantiles).sum(axis=0))


def pooled(quantiles: Floats, shares: Floats) -> Floats:
    """(..., q) quantiles of the mixture of the models, the linear pool (Stone 1961), from (m, ..., q) and (m, ...).

    The mixture's distribution function is a polygon between the models' knots, so its inverse is exact but
    where a model puts mass on a single point.
    """
    models, cells = len(quantiles), quantiles[0, ..., 0].size
    knots = with_ends(quantiles).reshape(models, cells, -1)
    weights = shares.reshape(models, cells)
    out = np.empty((cells, len(LEVELS)))
    for cell in range(cells):
        places = np.unique(knots[weights[:, cell] > 0, cell])
        mass = sum(
            (
                w * np.interp(places, k, _LEVELS)
                for w, k in zip(weights[:, cell], knots[:, cell], strict=True)
            ),
            start=np.zeros(len(places)),
        )
        out[cell] = np.interp(LEVELS, mass, places) if len(places) else np.nan
    return out.reshape(quantiles.shape[1:])
