"""First-order autoregression of log returns, pooled over the symbols."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import numpy as np

from models.forecasters.random_walk import scaled
from models.forecasters.volatility import ewma_volatility, student_t_quantiles
from models.forecasters.weights import Shape, names_in, pack, unpack
from trading.errors import NotFittedError, ShortHistoryError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Floats, Forecast, TrainingJournal, Window

LARGEST_SLOPE = 0.95
SHAPE: dict[str, Shape] = {"coefficients": (2,)}
# Of a version that learned from other bars than daily ones also how many sessions one of them spans.
OF_OTHER_BARS: dict[str, Shape] = SHAPE | {"bar_sessions": (1,)}


@dataclass(frozen=True)
class PooledAR1:
    """x(t+1) = c + phi x(t) + e, one c and one phi for all symbols, by least squares.

    Over h sessions the mean is h mu + phi (1 - phi^h)/(1 - phi) (x(t) - mu) with mu = c/(1 - phi), and
    the variance sigma² Σ_{j=1..h} ((1 - phi^j)/(1 - phi))² (Hamilton 1994, section 4.2). sigma is the
    exponentially weighted size of the residuals in the window of the prediction, the shape Student-t.

    Parameters
    ----------
    decay : of the residuals' weights, a session
    degrees_of_freedom : of the Student-t shape, above 2
    minimum_pairs : fewest pairs (x(t), x(t+1)) for a fit
    coefficients_ : (2,) c and phi, learned; bar_sessions_ : how much of a session the bars span that taught them
    """

    name: ClassVar[str] = "ar1"
    context_sessions: int = 64
    decay: float = 0.94
    degrees_of_freedom: float = 6.0
    minimum_pairs: int = 250
    coefficients_: Floats | None = field(default=None, compare=False)
    bar_sessions_: float = field(default=1.0, compare=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - one step
        """A copy with the coefficients of `window`; phi is kept within ±0.95.

        Raises
        ------
        ShortHistoryError
            If fewer than `minimum_pairs` pairs of returns are finite, or all are the same.
        """
        returns = window.channel("log_return")[:, window.mask]
        before, after = returns[:-1].ravel(), returns[1:].ravel()
        known = np.isfinite(before) & np.isfinite(after)
        if known.sum() < self.minimum_pairs or np.ptp(before[known]) == 0:
            day = str(window.sessions[-1])[:10]
            raise ShortHistoryError(
                f"ar1 cannot be fitted through {day}: {int(known.sum())} pairs of different returns, "
                f"{self.minimum_pairs} are needed; give the source an earlier start"
            )
        learned = _least_squares(before[known], after[known])
        return replace(self, coefficients_=learned, bar_sessions_=window.bar_sessions)

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q).

        Raises
        ------
        NotFittedError
            Before `fit` or `from_bytes`.
        """
        intercept, slope = self._coefficients()
        intercept *= window.bar_sessions / self.bar_sessions_  # drift is of time
        returns = window.channel("log_return")[-self.context_sessions :]
        volatility = ewma_volatility(returns[1:] - intercept - slope * returns[:-1], self.decay)
        last = np.where(window.mask, np.nan_to_num(returns[-1]), np.nan)[:, None]
        ahead = np.asarray(horizons, dtype=float)
        mean = intercept / (1 - slope)
        center = ahead * mean + slope * (1 - slope**ahead) / (1 - slope) * (last - mean)
        spread = volatility[:, None] * _growth(slope, horizons)
        shape = student_t_quantiles(LEVELS, self.degrees_of_freedom)
        return Forecast(window.symbols, tuple(horizons), center[:, :, None] + scaled(spread, shape))

    def to_bytes(self) -> bytes:
        """Safetensors with `coefficients`, or without a tensor before the fit."""
        if self.coefficients_ is None:
            return pack({})
        learned = {"coefficients": self.coefficients_}
        daily = self.bar_sessions_ == 1.0
        return pack(learned if daily else learned | {"bar_sessions": np.array([self.bar_sessions_])})

    def from_bytes(self, payload: bytes) -> Self:
        """A copy with the coefficients of `payload`."""
        shape = OF_OTHER_BARS if "bar_sessions" in names_in(payload) else SHAPE
        arrays = unpack(payload, shape, self.name)
        bars = float(arrays["bar_sessions"][0]) if "bar_sessions" in arrays else 1.0
        return replace(self, coefficients_=arrays["coefficients"], bar_sessions_=bars)

    def _coefficients(self) -> tuple[float, float]:
        if self.coefficients_ is None:
            raise NotFittedError("ar1 was asked to predict before fit; train it or load a version")
        return float(self.coefficients_[0]), float(self.coefficients_[1])


def _least_squares(before: Floats, after: Floats) -> Floats:
    """(2,) intercept and slope; the intercept fits the slope after clipping."""
    centered = before - before.mean()
    slope = float((centered * after).sum() / (centered * centered).sum())
    slope = min(max(slope, -LARGEST_SLOPE), LARGEST_SLOPE)
    return np.array([after.mean() - slope * before.mean(), slope])


def _growth(slope: float, horizons: Sequence[int]) -> Floats:
    """(h,) standard deviation of the return over each horizon, in units of one residual's."""
    impulses = (1 - slope ** np.arange(1, max(horizons) + 1)) / (1 - slope)
    variance = np.cumsum(impulses**2)
    return np.asarray(np.sqrt(variance[np.asarray(horizons) - 1]))
