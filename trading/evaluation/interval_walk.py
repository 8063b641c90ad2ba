"""A calibrator walked over sessions without a line: for measurements, and for markets whose truth is known.

Letters of the shapes: w sessions, s symbols, h horizons (the first of `HORIZONS`), q quantile levels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.frames import HORIZONS, LEVELS
from trading.interfaces import Floats, Forecast, Interval, IntervalCalibrator

WINDOW_SESSIONS = 250


@dataclass(frozen=True)
class IntervalWalk:
    """Quantile forecasts with what came of them, and the regime of each session.

    Attributes
    ----------
    quantiles : (w, s, h, q) issued at each session; ahead : (w, s, h) return over the next h sessions
    levels : of the quantiles; target : miscoverage whose ends are among them
    regimes : (w,) known at each session, None if nobody asks
    """

    quantiles: Floats
    ahead: Floats
    target: float = 0.25
    levels: tuple[float, ...] = LEVELS
    regimes: NDArray[np.object_] | None = None

    @property
    def raw(self) -> tuple[Floats, Floats]:
        """(w, s, h) lower and upper end of the raw interval."""
        low, high = self.levels.index(self.target / 2), self.levels.index(1 - self.target / 2)
        return self.quantiles[..., low], self.quantiles[..., high]

    def issued(
        self, calibrator: IntervalCalibrator, window_sessions: int = WINDOW_SESSIONS
    ) -> tuple[Floats, Floats]:
        """(w, s, h) bounds as the line would have issued them, each from what had matured by then."""
        lower, upper = np.full((2, *self.ahead.shape), np.nan)
        scores, ends, realized = self._scores()
        level = carried = None
        symbols = tuple(str(place) for place in range(self.ahead.shape[1]))
        for t in range(len(self.ahead)):
            span = slice(max(0, t + 1 - window_sessions), t + 1)
            ready = calibrator.conformalize(
                scores[span],
                level,
                ends=ends[span],
                carried=carried,
                alike=self._alike(span, by_regime=calibrator.by_regime),
            ).update(self._then(lower, upper, t), realized[t])
            forecast = Forecast(symbols, self._horizons, self.quantiles[t], self.levels)
            interval = ready.predict_interval(forecast)
            lower[t], upper[t] = interval.lower, interval.upper
            level, carried = interval.miscoverage, interval.carried
        return lower, upper

    @property
    def _horizons(self) -> tuple[int, ...]:
        return HORIZONS[: self.ahead.shape[2]]

    def _scores(self) -> tuple[Floats, Floats, Floats]:
        """(w, s, h) scores, ends and outcomes at the session at which they were known."""
        low, high = self.raw
        median = self.quantiles[..., self.levels.index(0.5)]
        width = high - low
        outside = np.maximum(low - self.ahead, self.ahead - high)
        score = np.divide(outside, width, out=np.full(width.shape, np.nan), where=width > 0)
        end = np.where(self.ahead > median, 1.0, -1.0)
        return self._matured(score), self._matured(end), self._matured(self.ahead)

    def _matured(self, values: Floats) -> Floats:
        out = np.full(values.shape, np.nan)
        for place, horizon in enumerate(self._horizons):
            out[horizon:, :, place] = values[:-horizon, :, place]
        return out

    def _then(self, lower: Floats, upper: Floats, t: int) -> Interval:
        """(s, h) bounds of what matures at session `t`, NaN before the first."""
        then = np.full((2, *lower.shape[1:]), np.nan)
        for place, horizon in enumerate(self._horizons):
            if t >= horizon:
                then[:, :, place] = lower[t - horizon, :, place], upper[t - horizon, :, place]
        return Interval(then[0], then[1], then[0])

    def _alike(self, span: slice, *, by_regime: bool) -> Floats | None:
        """(n, h) whether what matured at each session of the span was issued in the regime of its last."""
        if self.regimes is None or not by_regime:
            return None
        same = (self.regimes == self.regimes[span.stop - 1]).astype(float)
        moved = self._matured(np.broadcast_to(same[:, None, None], (len(same), 1, len(self._horizons))))
        return moved[span, 0]
