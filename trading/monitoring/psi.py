"""Population stability index: how far recent inputs lie from those that a model learned from.

Shares of recent values in the deciles of the training range, against the tenth that each held then:
the sum of (share - tenth) ln(share / tenth). Of n independent values it is about (9 + noise) / n without any drift
(Yurdakul and Naranjo 2020, "Statistical properties of the population stability index"); values of markets are neither
independent over time nor across names, so that an index of 0.1 is what stretches of thirty sessions usually have.
What a stretch must exceed is therefore taken from the stretches of the training range itself.
"""

from __future__ import annotations

import numpy as np

from trading.interfaces import Floats

BINS = 10
_HALF = 0.5  # added to every count, so that an empty bin is a large index and not an infinite one


def bin_edges(values: Floats) -> Floats:
    """(9,) deciles of the finite values of any shape; NaN if there are none."""
    known = values[np.isfinite(values)]
    if not known.size:
        return np.full(BINS - 1, np.nan)
    return np.quantile(known, np.arange(1, BINS) / BINS)


def bin_counts(values: Floats, edges: Floats) -> Floats:
    """(n, 10) how many finite values of each row of values (n, s) lie in each bin."""
    place = np.searchsorted(edges, values, side="right")
    place = np.where(np.isfinite(values), place, -1)
    return np.asarray((place[:, :, None] == np.arange(BINS)).sum(axis=1), dtype=np.float64)


def stability_index(expected: Floats, observed: Floats) -> Floats:
    """(...) index of observed counts (..., 10) against expected ones (10,); 0 where nothing was observed."""
    before, now = _shares(expected), _shares(observed)
    index = ((now - before) * np.log(now / before)).sum(axis=-1)
    return np.where(observed.sum(axis=-1) > 0, index, 0.0)


def stretches(counts: Floats, sessions: int) -> Floats:
    """(n - sessions + 1, 10) counts of each stretch of so many sessions, from counts (n, 10) of single ones."""
    summed = np.vstack([np.zeros(BINS), counts.cumsum(axis=0)])
    return np.asarray(summed[sessions:] - summed[:-sessions])


def _shares(counts: Floats) -> Floats:
    padded = counts + _HALF
    return np.asarray(padded / padded.sum(axis=-1, keepdims=True))
