"""Log-price paths and quantile conversions for models that read levels and speak quantiles.

Letters of the shapes: b rows of the fixed batch, w sessions, s symbols, h horizons, m model levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from trading.errors import ModelError
from trading.interfaces import Bools, Floats

Value = TypeVar("Value", np.float64, np.bool_)


def log_paths(returns: Floats, length: int) -> tuple[Floats, Bools]:
    """Cumulative log returns of a window, ending at zero, and where nothing was known yet.

    A return that is missing inside a history counts as zero: the price stood still. What lies before
    the first known return is masked, never filled. A window shorter than `length` is masked in front.

    Parameters
    ----------
    returns : (w, s) log returns, NaN where unknown
    length : sessions of the paths

    Returns
    -------
    paths : (s, length), zero at the last session and where masked
    masked : (s, length) True before the first known return
    """
    recent = returns[-length:].T
    panel = np.full((recent.shape[0], length), np.nan)
    panel[:, length - recent.shape[1] :] = recent
    masked = ~np.maximum.accumulate(np.isfinite(panel), axis=1)
    paths = np.nan_to_num(panel).cumsum(axis=1)
    return np.where(masked, 0.0, paths - paths[:, -1:]), masked


def padded(rows: NDArray[Value], batch: int, model: str) -> NDArray[Value]:
    """`rows` with zero rows below up to the fixed batch: other batch sizes give other last digits.

    Raises
    ------
    ModelError
        If there are more rows than the batch holds.
    """
    if len(rows) > batch:
        raise ModelError(
            f"{model} forecasts {batch} symbols at once and was given {len(rows)}; raise `batch`"
        )
    out = np.zeros((batch, *rows.shape[1:]), dtype=rows.dtype)
    out[: len(rows)] = rows
    return out


def at_levels(quantiles: Floats, own: Sequence[float], wanted: Sequence[float]) -> Floats:
    """Quantiles at the `wanted` levels from those at a model's `own` levels, non-decreasing.

    Linear in the normal score z(p) between a model's levels. Beyond its outermost level the line from
    the median through that level goes on, as in a normal distribution: q(p) = q50 + (q90 - q50) z(p)/z(0.9).

    Parameters
    ----------
    quantiles : (..., m) in the order of `own`, which holds 0.5; crossing quantiles are sorted

    Returns
    -------
    (..., len(wanted))
    """
    ordered = np.sort(np.asarray(quantiles, dtype=np.float64), axis=-1)
    knots, targets = ndtri(np.asarray(own)), ndtri(np.asarray(wanted))
    lower = np.clip(np.searchsorted(knots, targets, side="right") - 1, 0, len(knots) - 2)
    share = np.clip((targets - knots[lower]) / (knots[lower + 1] - knots[lower]), 0.0, 1.0)
    inside = np.where(share >= 1.0, ordered[..., lower + 1], _between(ordered, lower, share))
    stretched = np.clip(targets, knots[0], knots[-1])
    stretch = np.where(stretched == 0, 1.0, targets / np.where(stretched == 0, 1.0, stretched))
    median = ordered[..., [int(np.argmin(np.abs(knots)))]]
    out = np.where(stretch == 1.0, inside, median + (inside - median) * stretch)
    return np.maximum.accumulate(out, axis=-1)


def _between(ordered: Floats, lower: NDArray[np.int64], share: Floats) -> Floats:
    return np.asarray(ordered[..., lower] + (ordered[..., lower + 1] - ordered[..., lower]) * share)
