"""Which covariance the line uses, by one setting, and how far VIX may scale it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading.bounds import ABOVE_ZERO, COUNT, NOT_NEGATIVE, SHARE, check_bounds
from trading.interfaces import CovarianceModel, Floats
from trading.portfolio.covariance import CovarianceEstimate, ShrunkCovariance
from trading.portfolio.factor_covariance import FactorCovariance
from trading.portfolio.ledoit_wolf import LedoitWolfCovariance

_VIX_SESSIONS = 21  # a usual level: the mean of the last month


@dataclass(frozen=True)
class CovarianceRules:
    """One of three forms over one window.

    Attributes
    ----------
    form : `exponential` weights and a fixed shrinkage, `ledoit_wolf`, or `factor`
    half_life_sessions, shrinkage : of the exponential form; the factor form has the same half life
    factors : of the factor form
    minimum_returns : fewer returns in the window than this do not make a variance
    """

    form: Literal["exponential", "ledoit_wolf", "factor"] = "exponential"
    half_life_sessions: float = ShrunkCovariance.half_life_sessions
    shrinkage: float = ShrunkCovariance.shrinkage
    factors: int = FactorCovariance.factors
    minimum_returns: int = ShrunkCovariance.minimum_returns

    def __post_init__(self) -> None:
        check_bounds(
            self, shrinkage=SHARE, factors=COUNT, minimum_returns=(2, np.inf), half_life_sessions=ABOVE_ZERO
        )

    @property
    def model(self) -> CovarianceModel:
        """The form that is chosen."""
        if self.form == "ledoit_wolf":
            return LedoitWolfCovariance(self.minimum_returns)
        if self.form == "factor":
            return FactorCovariance(self.factors, self.half_life_sessions, self.minimum_returns)
        return ShrunkCovariance(self.half_life_sessions, self.shrinkage, self.minimum_returns)

    def estimate(self, log_returns: Floats) -> CovarianceEstimate:
        """See `interfaces.CovarianceModel`."""
        return self.model.estimate(log_returns)


@dataclass(frozen=True)
class VixScaling:
    """Raises or lowers a covariance by how far VIX is from its mean of a month.

    VIX speaks of the next 30 days, a window of returns of the last: where the two part, the market
    has heard something. Variances scale with the square of it, `strength` is how much of that is
    believed.

    Attributes
    ----------
    strength : power of (VIX / its mean) on volatility; 0 does nothing
    largest : most by which volatility is scaled, up or down
    """

    strength: float = 0.5
    largest: float = 1.5

    def __post_init__(self) -> None:
        check_bounds(self, strength=NOT_NEGATIVE, largest=(1.0, np.inf))

    def factor(self, vix: Floats) -> float:
        """On volatility, from the last levels (w,), oldest first; 1 without a known last level."""
        recent = vix[-_VIX_SESSIONS:]
        if not len(recent) or not np.isfinite(recent[-1]) or recent[-1] <= 0:
            return 1.0
        ratio = float(recent[-1] / np.nanmean(recent)) ** self.strength
        return float(np.clip(ratio, 1 / self.largest, self.largest))

    def scaled(self, estimate: CovarianceEstimate, vix: Floats) -> CovarianceEstimate:
        """The estimate at the volatility that VIX tells of; correlations stay."""
        return CovarianceEstimate(estimate.covariance * self.factor(vix) ** 2, estimate.observed)
