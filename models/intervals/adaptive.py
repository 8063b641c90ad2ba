"""Adaptive conformal intervals: quantile forecasts, widened until they hold what they promise.

Conformalized quantile regression (Romano, Patterson & Candès 2019, eq. 6) gives the score
max(q_lower - y, y - q_upper); adaptive conformal inference (Gibbs & Candès 2021, eq. 2) moves the
level alpha by gamma * (target - miss) as intervals mature. The miss is that of the interval that
was issued h sessions ago, not of what today's scores would have said of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from trading.bounds import COUNT, NOT_NEGATIVE, SHARE, check_bounds
from trading.errors import CalibrationError
from trading.evaluation.coverage import covered
from trading.interfaces import Floats, Forecast, Interval

# Levels are sums of many steps of gamma: a rank must not jump by one for the last bit of such a sum.
_RANK_TOLERANCE = 1e-9


@dataclass(frozen=True)
class AdaptiveConformal:
    """An interval calibrator whose level walks with its misses, for each symbol and horizon.

    Parameters
    ----------
    target : miscoverage that is promised; the forecast must have the quantiles target/2 and 1 - target/2
    gamma : step of the level for one miss
    lowest, highest : range of the level, so that no interval is infinite or empty of meaning
    min_scores : with fewer scores the bounds are NaN (warming up)

    Attributes
    ----------
    scores_ : (n, s, h) conformity scores, NaN where nothing matured
    miscoverage_ : (s, h) level in force
    """

    target: float = 0.25
    gamma: float = 0.01
    lowest: float = 0.02
    highest: float = 0.6
    min_scores: int = 20
    scores_: Floats | None = field(default=None, compare=False, repr=False)
    miscoverage_: Floats | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_bounds(self, target=SHARE, gamma=NOT_NEGATIVE, lowest=SHARE, highest=SHARE, min_scores=COUNT)

    def conformalize(self, scores: Floats, miscoverage: Floats | None) -> Self:
        """A copy with past scores (n, s, h) and levels (s, h); the target where a level is NaN or None."""
        level = np.full(scores.shape[1:], np.nan) if miscoverage is None else miscoverage
        return replace(self, scores_=scores, miscoverage_=np.where(np.isnan(level), self.target, level))

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy whose levels (s, h) have answered to the intervals that matured with `realized` (s, h)."""
        held = covered(issued.lower, issued.upper, realized)
        step = np.where(np.isnan(held), 0.0, self.gamma * (self.target - (1.0 - held)))
        level = np.clip(self._level() + step, self.lowest, self.highest)
        return replace(self, miscoverage_=level)

    def predict_interval(self, forecast: Forecast) -> Interval:
        """Bounds (s, h) for `forecast`, lower <= upper, NaN with fewer than `min_scores` scores."""
        level = self._level()
        low, high = (forecast.quantiles[..., place] for place in self._places(forecast))
        margin = conformal_quantile(self._scores(), level)
        margin = np.where(self._counts() >= self.min_scores, margin, np.nan)
        lower, upper = low - margin, high + margin
        middle = (lower + upper) / 2  # scores far below zero would turn the interval inside out
        return Interval(np.minimum(lower, middle), np.maximum(upper, middle), level)

    def _places(self, forecast: Forecast) -> tuple[int, int]:
        try:
            return forecast.levels.index(self.target / 2), forecast.levels.index(1 - self.target / 2)
        except ValueError:
            raise CalibrationError(
                f"an interval at miscoverage {self.target} needs the quantiles {self.target / 2} and "
                f"{1 - self.target / 2}; the forecast has {forecast.levels}"
            ) from None

    def _scores(self) -> Floats:
        if self.scores_ is None:
            raise CalibrationError("the calibrator has no scores; call conformalize first")
        return self.scores_

    def _level(self) -> Floats:
        if self.miscoverage_ is None:
            raise CalibrationError("the calibrator has no level; call conformalize first")
        return self.miscoverage_

    def _counts(self) -> Floats:
        return (~np.isnan(self._scores())).sum(axis=0)


def conformal_quantile(scores: Floats, miscoverage: Floats) -> Floats:
    """The ceil((n + 1)(1 - miscoverage))-th smallest of each column's n known scores.

    Where that rank exceeds n the largest score stands in for infinity.

    Parameters
    ----------
    scores : (n, ...) NaN where unknown
    miscoverage : (...)

    Returns
    -------
    (...) NaN where no score is known.
    """
    if not len(scores):
        return np.full(miscoverage.shape, np.nan)
    count = (~np.isnan(scores)).sum(axis=0)
    rank = np.ceil((count + 1) * (1 - miscoverage) - _RANK_TOLERANCE).astype(np.int64)
    place = np.clip(rank, 1, np.maximum(count, 1)) - 1
    ordered = np.sort(scores, axis=0)  # NaN last
    return np.take_along_axis(ordered, place[np.newaxis], axis=0)[0]
