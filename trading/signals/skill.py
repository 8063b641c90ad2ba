"""How much of a forecast to believe: the slope of what happened on the forecast mean, shrunk to 0.

Alpha is skill times the same mean, so the slope scales the very number that it was measured on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from trading.interfaces import Floats


@dataclass(frozen=True)
class SkillRules:
    """Hyper-parameters of the skill.

    Parameters
    ----------
    half_life_sessions : of the exponential averages
    prior_slope : standard deviation of the slope before any evidence, around 0
    """

    half_life_sessions: float = 126.0
    prior_slope: float = 0.5

    @property
    def keep(self) -> float:
        """Weight of yesterday's sums today."""
        return 0.5 ** (1 / self.half_life_sessions)


@dataclass(frozen=True)
class SkillState:
    """Exponentially weighted means over the sessions at which forecasts of one horizon matured.

    Attributes
    ----------
    product : of forecast times realized; square : of the forecast's square
    realized_square : of the realized return's square; observations : sessions that counted
    """

    product: float = 0.0
    square: float = 0.0
    realized_square: float = 0.0
    observations: int = 0

    def after(self, forecast: Floats, realized: Floats, rules: SkillRules) -> Self:
        """The state after forecasts (s,) met realized returns (s,); unchanged where none did (all NaN)."""
        known = ~(np.isnan(forecast) | np.isnan(realized))
        if not known.any():
            return self
        f, y = forecast[known], realized[known]
        step = (1 - rules.keep) / (1 - rules.keep ** (self.observations + 1))
        return replace(
            self,
            product=self.product + step * (float((f * y).mean()) - self.product),
            square=self.square + step * (float((f * f).mean()) - self.square),
            realized_square=self.realized_square + step * (float((y * y).mean()) - self.realized_square),
            observations=self.observations + 1,
        )

    def skill(self, horizon: int, rules: SkillRules) -> float:
        """Posterior mean of the slope under a normal prior around 0, clipped to [0, 1].

        The least-squares slope is product / square. Its prior N(0, prior_slope²) adds the ridge
        realized_square / (n prior_slope²) to the square, so that little evidence, or forecasts that
        are small beside the noise, give nearly 0. n counts independent sessions: the effective
        number under the exponential weights, divided by the horizon because outcomes overlap; a
        session's symbols move together and count as one.
        """
        if not self.observations or not self.square:
            return 0.0
        count = effective_sessions(self.observations, rules.keep) / horizon
        ridge = self.realized_square / (count * rules.prior_slope**2)
        return float(np.clip(self.product / (self.square + ridge), 0.0, 1.0))


def effective_sessions(observations: int, keep: float) -> float:
    """Effective size (sum w)² / sum w² of n observations with weights keep^0 .. keep^(n - 1)."""
    total = (1 - keep**observations) / (1 - keep)
    squares = (1 - keep ** (2 * observations)) / (1 - keep**2)
    return total**2 / squares
