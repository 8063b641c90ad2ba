"""Conformal PID control: the margin itself is steered by the misses, not the level of a quantile.

Angelopoulos, Candès and Tibshirani (2023), "Conformal PID control for time series prediction". Their scorecaster,
which says where scores are heading, is here the quantile of the window's scores; their quantile tracker
(eq. 6) is added to it, and their error integration (eq. 7) with a saturation by the tangent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.intervals.sequential import SequentialConformal, excess, excess_of_ends
from trading.bounds import COUNT, NOT_NEGATIVE, check_bounds
from trading.interfaces import Floats, Interval

_STEEPEST = 0.45 * np.pi  # short of where the tangent is infinite: an interval never is


@dataclass(frozen=True)
class PidConformal(SequentialConformal):
    """A calibrator that adds control to the margin of its window.

    The tracked part is carried on, in widths. The integral forgets: `miscoverage_` is the target minus the
    exponentially averaged excess of misses, so it says at which level the control aims now.

    Parameters
    ----------
    learning_rate : widths by which one miss one session ahead moves an end out; h sessions ahead 1 / h of it
    integral_gain : widths that the integral adds where the tangent is one
    saturation : excess of misses at which it is
    memory_sessions : of the averaged excess of misses
    furthest : the tracked part stays within so many widths
    """

    learning_rate: float = 0.1
    integral_gain: float = 0.1
    saturation: float = 0.3
    memory_sessions: float = 100.0
    furthest: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, learning_rate=NOT_NEGATIVE, integral_gain=NOT_NEGATIVE, memory_sessions=COUNT)
        check_bounds(self, saturation=(0.01, 1.0), furthest=NOT_NEGATIVE)

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy whose tracked margins and averaged misses answered to the intervals that matured."""
        rate, both = self._steps(self.learning_rate, realized), excess(issued, realized, self.target)
        each = excess_of_ends(issued, realized, self.target) if self.asymmetric else both[..., np.newaxis]
        tracked = np.clip(self._carried() + rate[:, np.newaxis] * each, -self.furthest, self.furthest)
        kept = np.where(both == 0, 1.0, 1 - 1 / self.memory_sessions)  # nothing matured: nothing is forgotten
        level = self.target - (kept * (self.target - self._level()) + both / self.memory_sessions)
        return replace(self, carried_=tracked, miscoverage_=np.clip(level, self.lowest, self.highest))

    @property
    def _start(self) -> float:
        return 0.0

    def _margins(self) -> tuple[Floats, Floats]:
        half = np.full(self._level().shape, self.target / 2)
        below, above = self._window_margins(half, half)
        steer = np.clip((self.target - self._level()) / self.saturation, -1.8, 1.8) * (np.pi / 4)
        integral = self.integral_gain * np.tan(np.clip(steer, -_STEEPEST, _STEEPEST))
        tracked = self._carried()
        return below + tracked[..., 0] + integral, above + tracked[..., 1] + integral
