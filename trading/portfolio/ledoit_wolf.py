"""Covariance whose shrinkage is estimated from the data, of equally weighted returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.interfaces import Floats
from trading.portfolio.covariance import CovarianceEstimate, estimate_of, observed_in, standardized


@dataclass(frozen=True)
class LedoitWolfCovariance:
    """Correlations shrunk towards none by the intensity that minimises the expected squared error.

    Ledoit and Wolf, "A well-conditioned estimator for large-dimensional covariance matrices" (2004),
    lemma 3.2 to 3.5, on returns of variance one, so that no name's volatility is shrunk. A missing return
    counts as the mean.

    Attributes
    ----------
    minimum_returns : fewer returns in the window than this do not make a variance
    """

    minimum_returns: int = 21

    def estimate(self, log_returns: Floats) -> CovarianceEstimate:
        """Covariance from log returns (w, s), NaN where there is none.

        Raises
        ------
        MissingBarsError
            If no symbol has enough returns.
        """
        observed = observed_in(log_returns, self.minimum_returns)
        unit, deviation = standardized(log_returns, np.ones(len(log_returns)))
        sample = unit.T @ unit / len(unit)
        shrinkage = intensity(unit[:, observed])
        return estimate_of((1 - shrinkage) * sample, deviation, observed)


def intensity(unit: Floats) -> float:
    """The weight of the target, in [0, 1], for returns (w, s) of mean zero."""
    count, names = unit.shape
    sample = unit.T @ unit / count
    target = np.trace(sample) / names
    spread = float(np.square(sample - target * np.eye(names)).sum() / names)
    squares = np.square(unit)
    noise = float((squares.T @ squares).sum() / count - np.square(sample).sum()) / (names * count)
    return float(np.clip(noise / spread, 0.0, 1.0)) if spread > 0 else 0.0
