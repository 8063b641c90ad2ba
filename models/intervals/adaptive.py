"""Adaptive conformal intervals: quantile forecasts, widened until they hold what they promise.

A quantile of past scores is the margin. Adaptive conformal inference (Gibbs and Candès 2021, eq. 2)
moves the level alpha by gamma * (target - miss) as intervals mature. The miss is that of the interval that was
issued h sessions ago, not of what today's scores would have said of it; because that answer comes h sessions late,
a step is h times smaller: with the same steps the level of twenty sessions swings, and intervals with it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.intervals.sequential import SequentialConformal, excess, excess_of_ends
from trading.bounds import NOT_NEGATIVE, check_bounds
from trading.interfaces import Floats, Interval


@dataclass(frozen=True)
class AdaptiveConformal(SequentialConformal):
    """An interval calibrator whose level walks with its misses, for each symbol and horizon.

    With `asymmetric` each end has a level of its own, carried on, and `miscoverage_` is their sum.

    Parameters
    ----------
    gamma : step of the level for one miss one session ahead; h sessions ahead gamma / h. With zero the level
        stays at the target: split conformal prediction on a sliding window
    """

    gamma: float = 0.03

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, gamma=NOT_NEGATIVE)

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy whose levels (s, h) have answered to the intervals that matured with `realized` (s, h)."""
        gamma = self._steps(self.gamma, realized)
        if not self.asymmetric:
            step = gamma * excess(issued, realized, self.target)
            return replace(self, miscoverage_=np.clip(self._level() - step, self.lowest, self.highest))
        step = gamma[:, np.newaxis] * excess_of_ends(issued, realized, self.target)
        ends = np.clip(self._carried() - step, self.lowest / 2, self.highest / 2)
        return replace(self, carried_=ends, miscoverage_=ends.sum(axis=-1))

    @property
    def _start(self) -> float:
        return self.target / 2 if self.asymmetric else np.nan

    def _margins(self) -> tuple[Floats, Floats]:
        if self.asymmetric:
            below, above = np.moveaxis(self._carried(), -1, 0)
            return self._window_margins(below, above)
        return self._window_margins(self._level() / 2, self._level() / 2)
