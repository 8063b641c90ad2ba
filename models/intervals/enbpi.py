"""EnbPI: the shortest interval that the last residuals allow, each end at the level that suits it.

Xu and Xie (2021), "Conformal prediction interval for dynamic time-series", algorithm 1. Residuals are those of
forecasts that were made before their outcome, so no ensemble has to be left out of its own training: what
`models.intervals.fits.EnbpiFit` does for a model that is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.intervals.margins import pooled_margin
from models.intervals.sequential import SequentialConformal
from trading.interfaces import Floats, Interval

_SHARES = np.linspace(0.1, 0.9, 9)[:, np.newaxis, np.newaxis]  # of the miscoverage, for the lower end


@dataclass(frozen=True)
class EnbpiConformal(SequentialConformal):
    """A calibrator with a level that stays, and a margin for each end, chosen for the least width together."""

    asymmetric: bool = True

    def update(self, issued: Interval, realized: Floats) -> Self:  # noqa: ARG002 - the residuals answer alone
        """A copy: what matured is already among the scores."""
        return replace(self, miscoverage_=np.full(self._level().shape, self.target))

    def _margins(self) -> tuple[Floats, Floats]:
        weights, (lower, upper) = self._weights(), self._sided()
        level = self._level()
        below = pooled_margin(lower, level * _SHARES, self.pooling, weights)
        above = pooled_margin(upper, level * (1 - _SHARES), self.pooling, weights)
        best = np.nan_to_num(below + above, nan=np.inf).argmin(axis=0)[np.newaxis]
        return np.take_along_axis(below, best, axis=0)[0], np.take_along_axis(above, best, axis=0)[0]
