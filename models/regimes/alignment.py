"""Which fitted state is which regime: by likeness to the fit before, or by rule for the first fit.

States of a hidden Markov model are unordered: a cold refit permutes them nearly every time.
Letters: k states, c features.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from trading.frames import REGIMES
from trading.interfaces import Floats, RegimeFit

# Where each regime lies in the plane of standardised (trend, volatility): a rising calm market, a
# falling nervous one, a wild one without direction, a calm one without direction.
ARCHETYPES: dict[str, tuple[float, float]] = {
    "Bull": (1.0, -0.5),
    "Bear": (-1.0, 0.5),
    "Volatile": (0.0, 1.5),
    "Range": (0.0, -0.5),
}


def order_by_rule(mean: Floats, trend: int, volatility: int) -> NDArray[np.int64]:
    """(k,) for each regime the fitted state nearest to its archetype, no state twice.

    Parameters
    ----------
    mean : (k, c) state means of standardised features; trend, volatility : columns of `mean`
    """
    return _assign(_misfit(mean, trend, volatility))


def places_by_rule(values: Floats, trend: int, volatility: int) -> Floats:
    """(k, c) where the rule expects each regime in standardised values (w, c).

    The archetypes, and for the other features what goes with trend and volatility by least squares: a place to
    begin that is known from the window alone.
    """
    slopes = np.linalg.lstsq(values[:, [trend, volatility]], values, rcond=None)[0]  # (2, c)
    return _archetypes() @ slopes


def order_by_likeness(
    previous: RegimeFit, fitted: RegimeFit, trend: int, volatility: int, rule_weight: float
) -> NDArray[np.int64]:
    """(k,) for each state of `previous` the state of `fitted` that is most like it, and like its name.

    The cost of a pair is the squared distance in means and standard deviations (which bounds
    Wasserstein's from below), plus `rule_weight` times that from the archetype: likeness alone
    would let a name drift, over the years, to a state that no longer deserves it.
    """
    likeness = _distances(_portrait(previous), _portrait(fitted))
    return _assign(likeness + rule_weight * _misfit(fitted.mean, trend, volatility))


def permuted(fit: RegimeFit, order: NDArray[np.int64]) -> RegimeFit:
    """`fit` with its states in another order."""
    return replace(
        fit,
        start=fit.start[order],
        transition=fit.transition[order][:, order],
        mean=fit.mean[order],
        covariance=fit.covariance[order],
    )


def restated(fit: RegimeFit, center: Floats, scale: Floats) -> RegimeFit:
    """`fit` in units of another standardisation (c,).

    A feature that either of the two did not know gets mean 0 and a variance of 1 of its own.
    """
    shared = ~(np.isnan(fit.scale) | np.isnan(scale))
    ratio = np.where(shared, fit.scale / scale, 0.0)
    shift = np.where(shared, (fit.center - center) / scale, 0.0)
    covariance = fit.covariance * np.outer(ratio, ratio) + np.diag(np.where(shared, 0.0, 1.0))
    return replace(fit, mean=fit.mean * ratio + shift, covariance=covariance, center=center, scale=scale)


def _misfit(mean: Floats, trend: int, volatility: int) -> Floats:
    """(k, k) squared distance of each archetype from each state."""
    return _distances(_archetypes(), mean[:, [trend, volatility]])


def _archetypes() -> Floats:
    """(k, 2) trend and volatility, in the order of `REGIMES`."""
    return np.array([ARCHETYPES[regime] for regime in REGIMES])


def _portrait(fit: RegimeFit) -> Floats:
    """(k, 2c) means and standard deviations."""
    spread = np.sqrt(np.diagonal(fit.covariance, axis1=1, axis2=2))
    return np.concatenate([fit.mean, spread], axis=1)


def _distances(wanted: Floats, found: Floats) -> Floats:
    return ((wanted[:, np.newaxis] - found[np.newaxis]) ** 2).sum(axis=2)


def _assign(cost: Floats) -> NDArray[np.int64]:
    return linear_sum_assignment(cost)[1]
