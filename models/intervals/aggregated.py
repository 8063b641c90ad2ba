"""A level that needs no gamma: several walk, and those that were right lately count more.

Gibbs and Candès (2024), "Conformal inference for online prediction with arbitrary distribution shifts",
algorithm 1 (DtACI); AgACI of Zaffran et al. (2022) aggregates in the same spirit. Experts are walked anew over the
window each session: they are a function of it, and carry nothing on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from models.intervals.sequential import SequentialConformal
from trading.errors import UsageError
from trading.frames import HORIZONS
from trading.interfaces import Floats, Interval

GAMMAS: tuple[float, ...] = (0.003, 0.01, 0.03, 0.1)
MEMORY_SESSIONS = 100  # over which experts are to be told apart: the interval I of the paper
FEWEST = 20  # scores, all symbols counted, before the experts begin to walk


@dataclass(frozen=True)
class AggregatedConformal(SequentialConformal):
    """A calibrator whose level is the weighted mean of experts, each with a gamma of its own.

    beta of an outcome is the largest miscoverage at which the interval of its session of issue would have held
    it, given the scores known then; an expert at alpha missed where beta < alpha.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.asymmetric:
            raise UsageError("the aggregated calibrator has one level for both ends: leave asymmetric off")

    def update(self, issued: Interval, realized: Floats) -> Self:  # noqa: ARG002 - the window tells
        """A copy with the level to which the experts have walked over the window of scores."""
        scores = self._scores()
        horizons = np.array(HORIZONS[: scores.shape[2]])
        columns = [self._walked(scores[:, :, k], int(h)) for k, h in enumerate(horizons)]
        return replace(self, miscoverage_=np.stack(columns, axis=1))

    def _walked(self, scores: Floats, horizon: int) -> Floats:
        """(s,) level after the experts met the scores (n, s) of one horizon."""
        from models.intervals.expert_kernels import betas, levels  # numba takes a second to load

        gammas, bounds = np.array(GAMMAS) / horizon, (self.lowest, self.highest)
        met = betas(np.ascontiguousarray(scores), horizon, self.pooling, FEWEST)
        level: Floats = levels(met, gammas, self.target, *bounds, *_rates(self.target))
        return level

    def _margins(self) -> tuple[Floats, Floats]:
        return self._window_margins(self._level() / 2, self._level() / 2)


def _rates(target: float) -> tuple[float, float]:
    """Learning rate and share of the experts' weights (section 3.2 of the paper)."""
    count, length = len(GAMMAS), MEMORY_SESSIONS
    spread = (1 - target) ** 2 * target**3 + target**2 * (1 - target) ** 3
    rate = np.sqrt(3 / length * (np.log(count * length) + 2) / spread)
    return float(rate), 1 / (2 * length)
