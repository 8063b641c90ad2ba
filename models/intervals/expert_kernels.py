"""Experts of the aggregated calibrator walked over a window, compiled: a hundred thousand small steps a session."""

# ruff: noqa: PLR0917 - compiled functions take their numbers one by one

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit  # type: ignore[import-not-found,import-untyped,unused-ignore]


def _compiled(function: Callable[..., Any]) -> Any:
    """The function compiled at its first call and kept beside its bytecode where numba may write."""
    try:
        return njit(cache=True)(function)
    except RuntimeError:
        return njit(function)


@njit  # type: ignore[untyped-decorator,unused-ignore]
def _insert(ordered: Any, count: int, value: float) -> int:
    """Put a value into the first `count` of a sorted array; the new count."""
    place = np.searchsorted(ordered[:count], value)
    for k in range(count, place, -1):
        ordered[k] = ordered[k - 1]
    ordered[place] = value
    return count + 1


def _betas(scores: Any, horizon: int, pooling: float, fewest: int) -> Any:
    """(n, s) share of the scores known at issue that are no smaller, own and pooled as the margin is.

    Of scores (n, s); NaN where one is unknown, or where fewer than `fewest` were known.
    """
    sessions, symbols = scores.shape
    out = np.full(scores.shape, np.nan)
    own, counts = np.empty((symbols, sessions)), np.zeros(symbols, dtype=np.int64)
    everyone, total = np.empty(sessions * symbols), 0
    for t in range(horizon, sessions):
        for s in range(symbols):
            arrived = scores[t - horizon, s]
            if not np.isnan(arrived):
                counts[s] = _insert(own[s], counts[s], arrived)
                total = _insert(everyone, total, arrived)
        for s in range(symbols):
            if total >= fewest and not np.isnan(scores[t, s]):
                mine = counts[s]
                larger = mine - np.searchsorted(own[s, :mine], scores[t, s])
                pooled = 1 - np.searchsorted(everyone[:total], scores[t, s]) / (total + 1)
                weight = mine / (mine + pooling) if mine else 0.0
                out[t, s] = weight * (larger + 1) / (mine + 1) + (1 - weight) * pooled
    return out


def _levels(
    beta: Any, gammas: Any, target: float, lowest: float, highest: float, rate: float, share: float
) -> Any:
    """(s,) weighted mean of the levels to which experts with steps `gammas` walk as they meet beta (n, s)."""
    out = np.empty(beta.shape[1])
    for s in range(beta.shape[1]):
        alpha, weight = np.full(len(gammas), target), np.full(len(gammas), 1 / len(gammas))
        for t in range(len(beta)):
            met = beta[t, s]
            if not np.isnan(met):
                loss = np.maximum(target * (met - alpha), (target - 1) * (met - alpha))
                weight *= np.exp(-rate * loss)
                weight = (1 - share) * weight / weight.sum() + share / len(weight)
                alpha += gammas * (target - (met < alpha))
                alpha = np.minimum(np.maximum(alpha, lowest), highest)
        out[s] = (weight * alpha).sum()
    return out


betas, levels = _compiled(_betas), _compiled(_levels)
