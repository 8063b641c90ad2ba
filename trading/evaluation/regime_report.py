"""What named regimes were worth: how long they lasted, what followed what, how late a fall was named.

Letters: n sessions, k regimes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import beta

from trading.frames import REGIMES
from trading.interfaces import Bools, Floats

PERKS = 1 / len(REGIMES)  # one session in all
COLUMNS = ("from_regime", "to_regime", "n", "probability", "low", "high")
Labels = NDArray[np.object_]


def complete_stays(labels: NDArray[np.generic]) -> Floats:
    """Lengths of the stays in one regime that began and ended within the sessions (n,)."""
    changes = np.flatnonzero(labels[1:] != labels[:-1]) + 1
    return np.diff(changes).astype(float)


def transition_table(labels: Labels, confidence: float = 0.95) -> pd.DataFrame:
    """`COLUMNS`: how often each regime followed each, its posterior mean and the ends of its credible interval.

    The next regime given the present one is taken as multinomial with Perks's prior (1947), so the marginal of
    each probability is a beta distribution (Gelman et al., "Bayesian Data Analysis", section 3.4). A regime
    that never was keeps the prior: its intervals are nearly all of [0, 1].

    Parameters
    ----------
    labels : (n,) names of `frames.REGIMES`, one a session
    """
    places = np.array([REGIMES.index(name) for name in labels], dtype=np.int64)
    counts = np.zeros((len(REGIMES), len(REGIMES)), dtype=np.int64)
    np.add.at(counts, (places[:-1], places[1:]), 1)
    hits = counts + PERKS
    misses = hits.sum(axis=1, keepdims=True) - hits
    tail = (1 - confidence) / 2
    table = pd.MultiIndex.from_product([REGIMES, REGIMES], names=["from_regime", "to_regime"]).to_frame(
        index=False
    )
    return table.assign(
        n=counts.ravel(),
        probability=(hits / (hits + misses)).ravel(),
        low=beta.ppf(tail, hits, misses).ravel(),
        high=beta.ppf(1 - tail, hits, misses).ravel(),
    )


def delay_until(named: Bools, start: int, stop: int) -> int | None:
    """Sessions from place `start` until `named` (n,) first holds, None if it does not before `stop`."""
    hits = np.flatnonzero(named[start:stop])
    return int(hits[0]) if len(hits) else None


def fall_within(prices: Floats, start: int, stop: int) -> tuple[int, int]:
    """Places of the peak and of the trough after it of the deepest fall of `prices` (n,) in [start, stop)."""
    inside = prices[start:stop]
    peaks = np.maximum.accumulate(inside)
    trough = int((inside / peaks).argmin())
    return start + int(inside[: trough + 1].argmax()), start + trough
