"""Is one forecaster's loss smaller than another's? Diebold-Mariano, and the model confidence set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from trading.interfaces import Floats

MINIMUM_LOSSES = 21


@dataclass(frozen=True)
class LossTest:
    """Whether a mean loss difference is zero.

    Attributes
    ----------
    statistic : negative where the first forecaster lost less; NaN where there is nothing to test
    critical : its absolute value at which a two-sided test of 5 % rejects
    p_value : two-sided
    observations : loss differences, one a session
    """

    statistic: float
    critical: float
    p_value: float
    observations: int


def newey_west_variance(values: Floats, lags: int) -> float:
    """Long-run variance of values (n,) with Bartlett weights over `lags` autocovariances.

    Newey and West (1987), "A simple, positive semi-definite, heteroskedasticity and autocorrelation
    consistent covariance matrix", Econometrica 55. Autocovariances are divided by n.
    """
    centered = values - values.mean()
    count = len(values)
    weights = 1 - np.arange(1, lags + 1) / (lags + 1)
    products = [float(centered[lag:] @ centered[:-lag]) for lag in range(1, lags + 1)]
    return (float(centered @ centered) + 2 * float(weights @ np.array(products))) / count


def lags_for(count: int, horizon: int) -> int:
    """Lags of the Newey-West variance for `count` losses of forecasts that span `horizon` sessions.

    Losses of overlapping forecasts share up to horizon - 1 sessions. Bartlett weights over just those
    find two thirds of the variance of such sums, over three times as many nine tenths; what is left is
    the usual 4 (n / 100)^(2/9). Never more than a third of the losses.
    """
    usual = int(4 * (count / 100) ** (2 / 9))
    return max(0, min(max(3 * (horizon - 1), usual), count // 3))


def diebold_mariano(losses: Floats, others: Floats, horizon: int = 1) -> LossTest:
    """Test that two forecasters lose the same on average, from their losses (n,) of the same sessions.

    Diebold and Mariano (1995), with a Newey-West variance, the small-sample factor of Harvey, Leybourne
    and Newbold (1997), equation 9, and their t distribution with n - 1 degrees of freedom. NaN losses
    are left out; fewer than 21, or forecasters that never differ, give NaN.
    """
    differences = losses - others
    known = differences[np.isfinite(differences)]
    count = len(known)
    variance = newey_west_variance(known, lags_for(count, horizon)) if count >= MINIMUM_LOSSES else 0.0
    if variance <= 0 or horizon >= count:
        return LossTest(math.nan, math.nan, math.nan, count)
    factor = max((count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count, 0.0)
    statistic = float(known.mean()) / math.sqrt(variance / count) * math.sqrt(factor)
    freedom = count - 1
    critical = float(stdtrit(freedom, 0.975))
    return LossTest(statistic, critical, 2 * float(stdtr(freedom, -abs(statistic))), count)


def model_confidence_set(losses: Floats, models: Sequence[str], weights: Floats) -> dict[str, float]:
    """P-value of each model in the model confidence set of losses (n, m) of the same sessions.

    Hansen, Lunde and Nason (2011), "The model confidence set", Econometrica 79, range statistic: the set at
    level 1 - a holds the models with a p-value above a. Empty with fewer than two models or 21 sessions.
    Models that lose exactly the same share a p-value. The package arch gives the same and takes 4 s to load.

    Parameters
    ----------
    weights : (b, n) how often each session comes in each sample of a block bootstrap
    """
    unique, place = np.unique(losses, axis=1, return_inverse=True)
    if len(losses) < MINIMUM_LOSSES or losses.shape[1] < 2:  # noqa: PLR2004 - one model is no set
        return {}
    p_values = _eliminated(*_range_statistics(unique, weights))
    return {model: float(p_values[at]) for model, at in zip(models, place.ravel(), strict=True)}


def _range_statistics(losses: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """(m, m) how many standard errors each model loses more than each other, and (b, m, m) the samples' own, absolute."""
    drawn_at_all = weights[weights.sum(axis=1) > 0]  # a short slice may be missed by a sample
    drawn = drawn_at_all @ losses / drawn_at_all.sum(axis=1, keepdims=True)  # (b, m)
    mean = losses.mean(axis=0)
    difference = mean[:, np.newaxis] - mean
    centered = drawn[:, :, np.newaxis] - drawn[:, np.newaxis, :] - difference
    error = np.sqrt((centered**2).mean(axis=0))
    np.fill_diagonal(error, 1.0)
    return difference / error, np.abs(centered) / error


def _eliminated(statistic: Floats, samples: Floats) -> Floats:
    """(m,) p-values of taking away the worst model until one is left."""
    left = list(range(len(statistic)))
    p_values, highest = np.ones(len(statistic)), 0.0
    while len(left) > 1:
        among = np.ix_(left, left)
        widest = samples[:, among[0], among[1]].max(axis=(1, 2))
        highest = max(highest, float((widest > np.abs(statistic[among]).max()).mean()))
        worst = left[int(statistic[among].max(axis=1).argmax())]
        p_values[worst] = highest
        left.remove(worst)
    return p_values
