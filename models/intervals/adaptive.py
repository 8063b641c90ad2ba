"""Adaptive conformal intervals: quantile forecasts, widened until they hold what they promise.

A quantile of past scores is the margin. Adaptive conformal inference (Gibbs and Candès 2021, eq. 2)
moves the level alpha by gamma * (target - miss) as intervals mature. The miss is that of the interval that was
issued h sessions ago, not of what today's scores would have said of it; because that answer comes h sessions late,
a step is h times smaller: with the same steps the level of twenty sessions swings, and intervals with it.

The level returns to the target over `memory_sessions`. A shift is first the level's affair and then the window's,
which fills with scores of after it; a level that only misses move still makes up for the shift months later, and
intervals are too wide by then. What that costs is the guarantee for any outcomes whatever: in the long run coverage
is off by (target - mean level) / (gamma * memory), which is nothing where the window itself holds what it promises.
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
    memory_sessions : over which a level that no miss moves returns to the target, one session ahead; h sessions
        ahead h times as many. With zero it never does: adaptive conformal inference as it was published
    """

    gamma: float = 0.025
    memory_sessions: float = 150.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, gamma=NOT_NEGATIVE, memory_sessions=NOT_NEGATIVE)

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy whose levels (s, h) have answered to the intervals that matured with `realized` (s, h)."""
        gamma, missed = self._steps(self.gamma, realized), excess(issued, realized, self.target)
        back = np.where(missed == 0, 0.0, self._forgotten(realized))  # nothing matured: nothing is forgotten
        if not self.asymmetric:
            level = self._level()
            moved = level + back * (self.target - level) - gamma * missed
            return replace(self, miscoverage_=np.clip(moved, self.lowest, self.highest))
        ends, step = self._carried(), gamma[:, np.newaxis] * excess_of_ends(issued, realized, self.target)
        moved = ends + back[..., np.newaxis] * (self.target / 2 - ends) - step
        ends = np.clip(moved, self.lowest / 2, self.highest / 2)
        return replace(self, carried_=ends, miscoverage_=ends.sum(axis=-1))

    def _forgotten(self, like: Floats) -> Floats:
        """(h,) share of the way to the target that a level returns in a session."""
        return self._steps(1 / max(self.memory_sessions, 1.0) if self.memory_sessions else 0.0, like)

    @property
    def _start(self) -> float:
        return self.target / 2 if self.asymmetric else np.nan

    def _margins(self) -> tuple[Floats, Floats]:
        if self.asymmetric:
            below, above = np.moveaxis(self._carried(), -1, 0)
            return self._window_margins(below, above)
        return self._window_margins(self._level() / 2, self._level() / 2)
