"""Quantiles of conformity scores, of one symbol and of all of them, weighted or not.

Letters of the shapes: n sessions, s symbols, h horizons.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.interfaces import Floats

# Levels are sums of many steps of gamma: a rank must not jump by one for the last bit of such a sum.
_RANK_TOLERANCE = 1e-9


def conformal_quantile(scores: Floats, miscoverage: Floats) -> Floats:
    """The ceil((n + 1)(1 - miscoverage))-th smallest of each column's n known scores.

    Where that rank exceeds n the largest score stands in for infinity.

    Parameters
    ----------
    scores : (n, ...) NaN where unknown
    miscoverage : (...), or (k, ...) for k levels of each column of `scores`

    Returns
    -------
    (...) or (k, ...), NaN where no score is known.
    """
    if not len(scores):
        return np.full(miscoverage.shape, np.nan)
    ordered = np.sort(scores, axis=0)  # NaN last
    count = len(scores) - np.isnan(ordered).sum(axis=0)
    place = _place(count, miscoverage)
    if place.ndim == ordered.ndim:
        return np.take_along_axis(ordered, place, axis=0)
    return np.take_along_axis(ordered, place[np.newaxis], axis=0)[0]


def _place(count: NDArray[np.int64], miscoverage: Floats) -> NDArray[np.int64]:
    """Where the conformal quantile stands among `count` sorted scores."""
    rank = np.ceil((count + 1) * (1 - miscoverage) - _RANK_TOLERANCE).astype(np.int64)
    place: NDArray[np.int64] = np.minimum(np.maximum(rank, 1), np.maximum(count, 1)) - 1
    return place


def weighted_quantiles(scores: Floats, weights: Floats, miscoverage: Floats) -> Floats:
    """(..., k) the smallest score up to which lies 1 - miscoverage of the weight, a future one of weight 1 counted.

    Non-exchangeable conformal prediction (Barber, Candès, Ramdas and Tibshirani 2023, section 3.1): with weights
    of one it is `conformal_quantile`. Where the weight does not suffice the largest score stands in for infinity.

    Parameters
    ----------
    scores : (..., n) NaN where unknown; weights : (..., n) in [0, 1]; miscoverage : (..., k) levels of each row
    """
    order = np.argsort(scores, axis=-1, kind="stable")
    ordered = np.take_along_axis(scores, order, axis=-1)
    known = ~np.isnan(ordered)
    gathered = np.cumsum(np.where(known, np.take_along_axis(weights, order, axis=-1), 0.0), axis=-1)
    needed = (gathered[..., -1:] + 1) * (1 - miscoverage) - _RANK_TOLERANCE
    place = (gathered[..., np.newaxis, :] < needed[..., np.newaxis]).sum(axis=-1)
    last = np.maximum(known.sum(axis=-1, keepdims=True) - 1, 0)
    return np.take_along_axis(ordered, np.minimum(place, last), axis=-1)


def pooled_margin(
    scores: Floats, miscoverage: Floats, pooling: float, weights: Floats | None = None
) -> Floats:
    """(..., s, h) quantile of each symbol's scores, drawn towards that of all symbols' scores.

    A symbol's own quantile counts n / (n + pooling) with its n scores, or with the sum of their weights.

    Parameters
    ----------
    scores : (n, s, h) NaN where unknown; miscoverage : (..., s, h) one level of each, or several
    weights : (n, h) in [0, 1], None for ones
    """
    if not len(scores):
        return np.full(miscoverage.shape, np.nan)
    own = np.ascontiguousarray(scores.transpose(2, 1, 0))  # (h, s, n)
    level = np.swapaxes(miscoverage, -1, -2)  # (..., h, s)
    if weights is None:
        quantile, pooled, count = _plain(own, level)
    else:
        quantile, pooled, count = _weighted(own, level, weights.T[:, np.newaxis])
    share = np.divide(count, count + pooling, out=np.zeros(count.shape), where=count > 0)
    return np.swapaxes(share * np.where(count > 0, quantile, 0.0) + (1 - share) * pooled, -1, -2)


def _plain(own: Floats, level: Floats) -> tuple[Floats, Floats, Floats]:
    """Quantiles (..., h, s) of own and of pooled scores (h, s, n), and (h, s) the number of own ones."""
    ordered = np.sort(own, axis=-1)
    everyone = np.sort(ordered.reshape(len(own), -1), axis=-1, kind="stable")  # merges sorted runs
    count = own.shape[-1] - np.isnan(ordered).sum(axis=-1)
    horizon, symbol = np.ogrid[: own.shape[0], : own.shape[1]]
    quantile = ordered[horizon, symbol, _place(count, level)]
    pooled = everyone[horizon, _place(count.sum(axis=1, keepdims=True), level)]
    return quantile, pooled, count.astype(float)


def _weighted(own: Floats, level: Floats, weights: Floats) -> tuple[Floats, Floats, Floats]:
    """The same with weights (h, 1, n)."""
    spread = np.broadcast_to(weights, own.shape)
    levels = np.moveaxis(level.reshape(-1, *own.shape[:2]), 0, -1)  # (h, s, k)
    quantile = weighted_quantiles(own, spread, levels)
    flat = (len(own), -1)
    pooled = weighted_quantiles(own.reshape(flat), spread.reshape(flat), levels.reshape(flat)).reshape(
        levels.shape
    )
    known = np.where(np.isnan(own), 0.0, spread).sum(axis=-1)
    return *(np.moveaxis(part, -1, 0).reshape(level.shape) for part in (quantile, pooled)), known
