"""Is one forecaster's loss smaller than another's? Diebold-Mariano, and the model confidence set."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from trading.digest import generator
from trading.interfaces import Floats

MINIMUM_LOSSES = 21
CONFIDENCE_SET_SAMPLES = 1000
CONFIDENCE_SET_SEED_LIMIT = 2**31


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


def model_confidence_set(
    losses: Floats, models: Sequence[str], block: int, seed: int = 0
) -> dict[str, float]:
    """P-value of each model in the model confidence set of losses (n, m) of the same sessions.

    Hansen, Lunde and Nason (2011), "The model confidence set", Econometrica 79, range statistic, with a
    stationary bootstrap of mean `block`: the set at level 1 - a holds the models with a p-value above a.
    Empty with fewer than two models or 21 sessions. Models that lose exactly the same share a p-value.
    """
    unique, place = np.unique(losses, axis=1, return_inverse=True)
    if len(losses) < MINIMUM_LOSSES or losses.shape[1] < 2:  # noqa: PLR2004 - one model is no set
        return {}
    if unique.shape[1] == 1:
        return dict.fromkeys(models, 1.0)
    from arch.bootstrap import MCS

    draws = int(generator("model_confidence_set", seed=seed).integers(CONFIDENCE_SET_SEED_LIMIT))
    found = MCS(unique, size=0.1, reps=CONFIDENCE_SET_SAMPLES, block_size=block, method="R", seed=draws)
    found.compute()
    p_values = found.pvalues["Pvalue"]
    return {model: float(p_values.loc[at]) for model, at in zip(models, place.ravel(), strict=True)}
