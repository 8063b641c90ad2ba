"""The random walk without drift: the floor that every other forecaster stands beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from models.forecasters.volatility import ewma_volatility, student_t_quantiles
from models.forecasters.weights import pack, unpack
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Floats, Forecast, TrainingJournal, Window


@dataclass(frozen=True)
class RandomWalk:
    """Zero drift; width from the window's recent volatility, growing with the root of the horizon.

    Quantile p of the return over h sessions is sigma √h t(p), with sigma the exponentially weighted
    volatility of the last `context_sessions` and t the unit-variance Student quantile. Zero-shot.

    Parameters
    ----------
    decay : of the weights, a session (0.94 has a half-life of 11 sessions; RiskMetrics 1996)
    degrees_of_freedom : of the Student-t shape, above 2
    """

    name: ClassVar[str] = "random_walk"
    context_sessions: int = 63
    decay: float = 0.94
    degrees_of_freedom: float = 6.0

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - zero-shot
        """Itself."""
        return self

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q)."""
        recent = window.channel("log_return")[-self.context_sessions :]
        volatility = np.where(window.mask, ewma_volatility(recent, self.decay), np.nan)
        shape = student_t_quantiles(LEVELS, self.degrees_of_freedom)
        quantiles = scaled(volatility[:, None] * np.sqrt(np.asarray(horizons, dtype=float)), shape)
        return Forecast(window.symbols, tuple(horizons), quantiles)

    def to_bytes(self) -> bytes:
        """Safetensors without a tensor."""
        return pack({})

    def from_bytes(self, payload: bytes) -> Self:
        """Itself, if the payload is an empty state."""
        unpack(payload, {}, self.name)
        return self


def scaled(spread: Floats, shape: Floats) -> Floats:
    """(s, h) standard deviations times (q,) unit quantiles: (s, h, q)."""
    return spread[:, :, None] * shape
