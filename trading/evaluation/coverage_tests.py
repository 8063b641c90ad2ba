"""Whether intervals miss as often as they may, and whether misses come in clusters.

Christoffersen (1998), "Evaluating interval forecasts", International Economic Review 39: misses must have the
promised share (unconditional coverage, Kupiec's statistic) and must not follow one another (independence);
conditional coverage is both. These tests take symbols and overlapping horizons as independent, which they
are not: the block bootstrap keeps sessions, and runs of them, together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, xlogy

from trading.digest import generator
from trading.evaluation.coverage import coverage_of
from trading.evaluation.resampling import stationary_indices
from trading.interfaces import Floats

SAMPLES = 2000
FEWEST_SESSIONS = 50  # fewer blocks than that say nothing of their own spread


@dataclass(frozen=True)
class Clustering:
    """Whether misses follow misses.

    Attributes
    ----------
    after_hit, after_miss : share of misses among the intervals after one that held, and after one that did not
    independence_p : of the likelihood ratio that both are the same, one degree of freedom
    conditional_p : that both are the promised share, two degrees of freedom
    """

    after_hit: float
    after_miss: float
    independence_p: float
    conditional_p: float


def clustering_of(flags: Floats, target: float) -> Clustering:
    """Of flags (n,) or (n, s) in order of time, 1 held, 0 missed, NaN unknown; a pair needs both known."""
    columns = flags.reshape(len(flags), -1)
    before, after = 1 - columns[:-1], 1 - columns[1:]  # 1 is a miss
    known = np.isfinite(before) & np.isfinite(after)
    counts = np.array(
        [[((before == a) & (after == b) & known).sum() for b in (0, 1)] for a in (0, 1)], dtype=float
    )
    from_hit, from_miss = counts.sum(axis=1)
    if not from_hit + from_miss:
        return Clustering(np.nan, np.nan, np.nan, np.nan)
    separate = sum(_likelihood(*row) for row in counts)
    ratio = max(0.0, 2 * (separate - _likelihood(*counts.sum(axis=0))))
    both = ratio + coverage_of(flags, target).statistic
    return Clustering(
        after_hit=float(counts[0, 1] / from_hit) if from_hit else np.nan,
        after_miss=float(counts[1, 1] / from_miss) if from_miss else np.nan,
        independence_p=float(chdtrc(1, ratio)),
        conditional_p=float(chdtrc(2, both)),
    )


def _likelihood(hits: float, misses: float) -> float:
    """Log likelihood of independent misses at their own share."""
    share = misses / (hits + misses) if hits + misses else 0.0
    return float(xlogy(misses, share) + xlogy(hits, 1 - share))


@dataclass(frozen=True)
class CoverageSpread:
    """Coverage with what else it could have been.

    Attributes
    ----------
    rate, low, high : share that held, with a percentile interval of the block bootstrap
    chi_square_p : share of bootstrap samples, moved to the promised coverage, whose distance from it is as large
    """

    rate: float
    low: float
    high: float
    chi_square_p: float


def coverage_spread(
    flags: Floats, target: float, *, mean_block: float, seed: int = 0, confidence: float = 0.95
) -> CoverageSpread:
    """Coverage of flags (n,) or (n, s) by the stationary bootstrap over sessions; NaN with fewer than 50.

    Parameters
    ----------
    mean_block : sessions of a block on average; at least the horizon, because misses of overlapping
        intervals come together
    """
    columns = flags.reshape(len(flags), -1)
    known = np.isfinite(columns)
    columns, known = columns[known.any(axis=1)], known[known.any(axis=1)]
    hits, counts = np.where(known, columns, 0.0).sum(axis=1), known.sum(axis=1)
    if not len(counts):
        return CoverageSpread(np.nan, np.nan, np.nan, np.nan)
    rate = float(hits.sum() / counts.sum())
    if len(counts) < FEWEST_SESSIONS:
        return CoverageSpread(rate, np.nan, np.nan, np.nan)
    places = stationary_indices(len(counts), SAMPLES, mean_block, generator("coverage_spread", seed=seed))
    drawn = hits[places].sum(axis=1) / counts[places].sum(axis=1)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    as_far = np.abs(drawn - rate) >= abs(rate - target)
    return CoverageSpread(rate, float(low), float(high), float((1 + as_far.sum()) / (1 + SAMPLES)))
