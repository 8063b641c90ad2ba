"""Adaptive conformal intervals: quantile forecasts, widened until they hold what they promise.

A score says by how many widths of the issued interval the outcome lay outside of it (Sesia and Candès 2020,
CQR-r); a quantile of past scores is the margin. Adaptive conformal inference (Gibbs and Candès 2021, eq. 2)
moves the level alpha by gamma * (target - miss) as intervals mature. The miss is that of the interval that was
issued h sessions ago, not of what today's scores would have said of it; because that answer comes h sessions late,
a step is h times smaller: with the same steps the level of twenty sessions swings, and intervals with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trading.bounds import COUNT, NOT_NEGATIVE, SHARE, check_bounds
from trading.errors import CalibrationError
from trading.evaluation.coverage import covered
from trading.frames import HORIZONS
from trading.interfaces import Floats, Forecast, Interval

# Levels are sums of many steps of gamma: a rank must not jump by one for the last bit of such a sum.
_RANK_TOLERANCE = 1e-9


@dataclass(frozen=True)
class AdaptiveConformal:
    """An interval calibrator whose level walks with its misses, for each symbol and horizon.

    Parameters
    ----------
    target : miscoverage that is promised; the forecast must have the quantiles target/2 and 1 - target/2
    gamma : step of the level for one miss one session ahead; h sessions ahead gamma / h
    lowest, highest : range of the level, so that no interval is infinite or empty of meaning
    pooling : a symbol's own scores count n / (n + pooling), the rest is the quantile of all symbols' scores
    min_scores : scores that the symbol with most of them must have, else all bounds are NaN (warming up)

    Attributes
    ----------
    scores_ : (n, s, h) conformity scores, NaN where nothing matured; h are the first of `HORIZONS`
    miscoverage_ : (s, h) level in force
    """

    target: float = 0.25
    gamma: float = 0.03
    lowest: float = 0.02
    highest: float = 0.6
    pooling: float = 500.0
    min_scores: int = 20
    scores_: Floats | None = field(default=None, compare=False, repr=False)
    miscoverage_: Floats | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_bounds(
            self, target=SHARE, gamma=NOT_NEGATIVE, lowest=SHARE, highest=SHARE, pooling=NOT_NEGATIVE
        )
        check_bounds(self, min_scores=COUNT)

    def conformalize(self, scores: Floats, miscoverage: Floats | None) -> Self:
        """A copy with past scores (n, s, h) and levels (s, h); the target where a level is NaN or None."""
        level = np.full(scores.shape[1:], np.nan) if miscoverage is None else miscoverage
        return replace(self, scores_=scores, miscoverage_=np.where(np.isnan(level), self.target, level))

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy whose levels (s, h) have answered to the intervals that matured with `realized` (s, h)."""
        held = covered(issued.lower, issued.upper, realized)
        gamma = self.gamma / np.array(HORIZONS[: held.shape[-1]])
        step = np.where(np.isnan(held), 0.0, gamma * (self.target - (1.0 - held)))
        level = np.clip(self._level() + step, self.lowest, self.highest)
        return replace(self, miscoverage_=level)

    def predict_interval(self, forecast: Forecast) -> Interval:
        """Bounds (s, h) for `forecast`, lower <= upper, NaN with fewer than `min_scores` scores."""
        level = self._level()
        low, high = (forecast.quantiles[..., place] for place in self._places(forecast))
        margin = self._margin(level) * (high - low)
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

    def _margin(self, level: Floats) -> Floats:
        """(s, h) widths by which an interval is moved out on both sides; NaN while it warms up."""
        scores = self._scores()
        count = (~np.isnan(scores)).sum(axis=0)
        own = conformal_quantile(scores, level, count)
        pooled = conformal_quantile(scores.reshape(-1, scores.shape[-1]), level, count.sum(axis=0))
        share = np.divide(count, count + self.pooling, out=np.zeros(level.shape), where=count > 0)
        margin = share * np.nan_to_num(own) + (1 - share) * pooled
        return np.where(count.max(axis=0) >= self.min_scores, margin, np.nan)


def conformal_quantile(scores: Floats, miscoverage: Floats, count: NDArray[np.int64] | None = None) -> Floats:
    """The ceil((n + 1)(1 - miscoverage))-th smallest of each column's n known scores.

    Where that rank exceeds n the largest score stands in for infinity.

    Parameters
    ----------
    scores : (n, ...) NaN where unknown
    miscoverage : (...), or (k, ...) for k levels of each column of `scores`
    count : (...) known scores, where the caller has counted them

    Returns
    -------
    (...) or (k, ...), NaN where no score is known.
    """
    if not len(scores):
        return np.full(miscoverage.shape, np.nan)
    count = (~np.isnan(scores)).sum(axis=0) if count is None else count
    rank = np.ceil((count + 1) * (1 - miscoverage) - _RANK_TOLERANCE).astype(np.int64)
    place = np.clip(rank, 1, np.maximum(count, 1)) - 1
    ordered = np.sort(scores, axis=0)  # NaN last
    if place.ndim == ordered.ndim:
        return np.take_along_axis(ordered, place, axis=0)
    return np.take_along_axis(ordered, place[np.newaxis], axis=0)[0]
