"""How well the simulated market's regimes can be told at all: filters that know its parameters (SIMULATED)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from models.regimes.filtering import forward, log_densities
from trading.frames import REGIMES
from trading.interfaces import Floats
from trading.testing import market_model as model

Labels = NDArray[np.int64]


def transition() -> Floats:
    """(k, k) that the simulated market's regimes follow."""
    leave = 1.0 / np.array(model.MEAN_DURATIONS)
    return np.diag(1 - leave) + leave[:, np.newaxis] * model._NEXT_REGIME  # noqa: SLF001 - the market's own chain


def told_from_features(state: Floats, truth: Labels) -> Labels:
    """(w,) likeliest regime of (w, c) features by a normal distribution a regime, fitted on the true labels themselves."""
    parts = [state[truth == place] for place in range(len(REGIMES))]
    mean, covariance = np.stack([p.mean(axis=0) for p in parts]), np.stack([np.cov(p.T) for p in parts])
    return _likeliest(log_densities(state, mean, covariance))


def told_from_shocks(seed: int, truth: Labels) -> Labels:
    """(t,) likeliest regime for one who sees every source of risk and knows its variance but for the regime.

    More than any observer of prices knows: an upper bound.
    """
    shocks = model.shocks(seed, truth)
    common = np.arange(model.SOURCES_OF_RISK) < model.FIRST_GROUP
    level = np.where(common, model.COMMON_MULTIPLIER[:, None], model.OWN_MULTIPLIER[:, None])  # (k, sources)
    total = np.zeros((len(truth), len(REGIMES)))
    for part, share in (
        (shocks.overnight, model.OVERNIGHT_SHARE),
        (shocks.intraday, 1 - model.OVERNIGHT_SHARE),
    ):
        seen = part / np.sqrt(share) / model._STUDENT_SCALE * level[truth]  # noqa: SLF001 - in units of its draws
        for place, scale in enumerate(level):
            total[:, place] += (student.logpdf(seen / scale, model.TAIL_FREEDOM) - np.log(scale)).sum(axis=1)
    return _likeliest(total)


def _likeliest(log_density: Floats) -> Labels:
    """(w,) after each session, filtered forward."""
    start = np.full(len(REGIMES), 1 / len(REGIMES))
    return forward(start, transition(), log_density).argmax(axis=1)
