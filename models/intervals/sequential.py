"""What all sequential calibrators share: a window of scores, two margins in widths, and how they become bounds.

A score says by how many widths of the raw interval the outcome lay outside of it (Sesia and Candès 2020, CQR-r).
One margin serves both ends, or each end has its own. Letters of the shapes: n sessions, s symbols, h horizons.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from models.intervals.margins import pooled_margin
from trading.bounds import COUNT, FRACTION, NOT_NEGATIVE, SHARE, check_bounds
from trading.errors import CalibrationError
from trading.evaluation.coverage import covered
from trading.frames import HORIZONS
from trading.interfaces import Floats, Forecast, Interval


@dataclass(frozen=True)
class SequentialConformal:
    """A window of past scores and what a calibrator carries on from session to session.

    Parameters
    ----------
    target : miscoverage that is promised; the forecast must have the quantiles target/2 and 1 - target/2
    lowest, highest : range of the level, so that no interval is infinite or empty of meaning
    pooling : a symbol's own scores count n / (n + pooling), the rest is the quantile of all symbols' scores
    min_scores : scores that the symbol with most of them must have, else all bounds are NaN (warming up)
    asymmetric : a margin for each end, each of half the miscoverage
    half_life_sessions : after which a score counts half; 0 for scores that count alike
    other_regime : weight of a score that was issued in another regime than today's; 1 for scores that count alike

    Attributes
    ----------
    scores_ : (n, s, h) conformity scores, NaN where nothing matured; h are the first of `HORIZONS`
    ends_ : (n, s, h) the end that the outcome was nearer to, 1 the upper, -1 the lower
    miscoverage_ : (s, h) level in force
    carried_ : (s, h, 2) what is carried on for the lower and the upper end
    alike_ : (n, h) whether a score was issued in today's regime, NaN where unknown
    """

    target: float = 0.25
    lowest: float = 0.02
    highest: float = 0.6
    pooling: float = 500.0
    min_scores: int = 20
    asymmetric: bool = False
    half_life_sessions: float = 0.0
    other_regime: float = 1.0
    scores_: Floats | None = field(default=None, compare=False, repr=False)
    ends_: Floats | None = field(default=None, compare=False, repr=False)
    miscoverage_: Floats | None = field(default=None, compare=False, repr=False)
    carried_: Floats | None = field(default=None, compare=False, repr=False)
    alike_: Floats | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_bounds(self, target=SHARE, lowest=SHARE, highest=SHARE, pooling=NOT_NEGATIVE)
        check_bounds(self, min_scores=COUNT, half_life_sessions=NOT_NEGATIVE, other_regime=FRACTION)

    @property
    def by_regime(self) -> bool:
        """Whether the calibrator wants to know which scores were issued in today's regime."""
        return self.other_regime < 1

    def conformalize(
        self,
        scores: Floats,
        miscoverage: Floats | None,
        *,
        ends: Floats | None = None,
        carried: Floats | None = None,
        alike: Floats | None = None,
    ) -> Self:
        """A copy with past scores (n, s, h) and levels (s, h); the start where a level is NaN or None."""
        level = np.full(scores.shape[1:], np.nan) if miscoverage is None else miscoverage
        start = np.full((*scores.shape[1:], 2), np.nan) if carried is None else carried
        return replace(
            self,
            scores_=scores,
            ends_=ends,
            miscoverage_=np.where(np.isnan(level), self.target, level),
            carried_=np.where(np.isnan(start), self._start, start),
            alike_=alike,
        )

    def update(self, issued: Interval, realized: Floats) -> Self:
        """A copy after the intervals issued h sessions ago met `realized` (s, h)."""
        raise NotImplementedError

    def predict_interval(self, forecast: Forecast) -> Interval:
        """Bounds (s, h) for `forecast`, lower <= upper, NaN with fewer than `min_scores` scores."""
        level = self._level()
        low, high = (forecast.quantiles[..., place] for place in self._places(forecast))
        below, above = self._margins()
        warm = (~np.isnan(self._scores())).sum(axis=0).max(axis=0) >= self.min_scores  # (h,)
        lower = np.where(warm, low - below * (high - low), np.nan)
        upper = np.where(warm, high + above * (high - low), np.nan)
        middle = (lower + upper) / 2  # scores far below zero would turn the interval inside out
        return Interval(np.minimum(lower, middle), np.maximum(upper, middle), level, self.carried_)

    @property
    def _start(self) -> float:
        """What is carried on for an end before anything has matured."""
        return np.nan

    def _margins(self) -> tuple[Floats, Floats]:
        """(s, h) widths by which the lower and the upper end are moved out."""
        raise NotImplementedError

    def _window_margins(self, below: Floats, above: Floats) -> tuple[Floats, Floats]:
        """Margins of the window's scores: at the sum of both levels (s, h), or at each for its end."""
        weights = self._weights()
        if not self.asymmetric:
            margin = pooled_margin(self._scores(), below + above, self.pooling, weights)
            return margin, margin
        lower, upper = self._sided()
        return (
            pooled_margin(lower, below, self.pooling, weights),
            pooled_margin(upper, above, self.pooling, weights),
        )

    def _sided(self) -> tuple[Floats, Floats]:
        """(n, s, h) scores of each end: together they are minus one width, and the nearer end has the larger."""
        scores = self._scores()
        if self.ends_ is None:
            raise CalibrationError("an interval with a margin for each end needs the ends of its scores")
        return np.where(self.ends_ < 0, scores, -1 - scores), np.where(self.ends_ < 0, -1 - scores, scores)

    def _weights(self) -> Floats | None:
        """(n, h) weight of each session's scores, None where all count alike."""
        scores = self._scores()
        if not self.half_life_sessions and (not self.by_regime or self.alike_ is None):
            return None
        age = np.arange(len(scores) - 1, -1, -1.0)[:, np.newaxis]
        recent = 0.5 ** (age / self.half_life_sessions) if self.half_life_sessions else np.ones_like(age)
        same = np.ones((len(scores), scores.shape[2])) if self.alike_ is None else self.alike_
        return recent * np.where(same == 0, self.other_regime, 1.0)

    def _steps(self, rate: float, like: Floats) -> Floats:
        """(h,) step for one miss: the answer of h sessions comes h sessions late, so it is h times smaller."""
        return rate / np.array(HORIZONS[: like.shape[1]])

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

    def _carried(self) -> Floats:
        if self.carried_ is None:
            raise CalibrationError("the calibrator carries nothing on; call conformalize first")
        return self.carried_


def excess(issued: Interval, realized: Floats, target: float) -> Floats:
    """(s, h) miss minus the promised share of misses; zero where nothing matured or nothing was issued."""
    held = covered(issued.lower, issued.upper, realized)
    return np.where(np.isnan(held), 0.0, 1.0 - held - target)


def excess_of_ends(issued: Interval, realized: Floats, target: float) -> Floats:
    """(s, h, 2) the same below the lower and above the upper end, each of which may miss half as often."""
    known = ~np.isnan(covered(issued.lower, issued.upper, realized))
    missed = np.stack([realized < issued.lower, realized > issued.upper], axis=-1)
    return np.where(known[..., np.newaxis], missed - target / 2, 0.0)
