"""SIMULATED returns with a pattern in them: something a forecaster could know, loud in some series, faint in most.

The patterns are those that the literature names of markets: persistent trends that turn, cycles,
autocorrelation and reversion to a level. Letters of the shapes: n series, t bars.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.signal import lfilter

from pipelines.training.synthetic_paths import Floats, SyntheticMarket

BURN_IN = 100


@dataclass(frozen=True)
class SyntheticPatterns:
    """Ranges from which each series draws its own pattern.

    Attributes
    ----------
    market : makes the noise
    loudness : log-uniform range of the pattern's standard deviation, in units of the noise's
    period : log-uniform range of a cycle, in bars
    duration : log-uniform range of the mean length of a trend, in bars
    autocorrelation : largest size of the AR(1) coefficient
    half_life : log-uniform range of a deviation from the level, in bars
    """

    market: SyntheticMarket = field(default_factory=SyntheticMarket)
    loudness: tuple[float, float] = (0.02, 1.0)
    period: tuple[float, float] = (8.0, 96.0)
    duration: tuple[float, float] = (25.0, 250.0)
    autocorrelation: float = 0.6
    half_life: tuple[float, float] = (2.0, 40.0)

    def returns(self, rng: np.random.Generator, count: int, length: int) -> Floats:
        """(n, t) log returns of `count` series, the patterns in equal parts and shuffled."""
        noise = self.market.returns(rng, count, length + BURN_IN)
        patterns = (self._trends, self._cycles, self._autocorrelated, self._reverting)
        parts = np.array_split(rng.permutation(count), len(patterns))
        out = np.empty((count, length))
        for rows, pattern in zip(parts, patterns, strict=True):
            out[rows] = pattern(rng, noise[rows])[:, BURN_IN:]
        return out

    def _trends(self, rng: np.random.Generator, noise: Floats) -> Floats:
        """A drift that turns its sign at random."""
        turns = rng.random(noise.shape) < 1 / _log_uniform(rng, *self.duration, len(noise))[:, None]
        sign = np.where(np.cumsum(turns, axis=1) % 2, 1.0, -1.0) * rng.choice([-1.0, 1.0], (len(noise), 1))
        return noise + sign * self._size(rng, noise)

    def _cycles(self, rng: np.random.Generator, noise: Floats) -> Floats:
        """A sine of one period."""
        period = _log_uniform(rng, *self.period, len(noise))[:, None]
        phase = rng.uniform(0, 2 * np.pi, (len(noise), 1))
        wave = np.sin(2 * np.pi * np.arange(noise.shape[1]) / period + phase)
        return noise + np.sqrt(2) * wave * self._size(rng, noise)

    def _autocorrelated(self, rng: np.random.Generator, noise: Floats) -> Floats:
        """Returns that go on, or turn back."""
        coefficient = rng.uniform(-self.autocorrelation, self.autocorrelation, len(noise))
        return np.stack([lfilter([1.0], [1.0, -of], row) for of, row in zip(coefficient, noise, strict=True)])

    def _reverting(self, rng: np.random.Generator, noise: Floats) -> Floats:
        """A path of which a part fades: a random walk and an autoregression around it."""
        decay = 0.5 ** (1 / _log_uniform(rng, *self.half_life, len(noise)))
        shocks = rng.standard_normal(noise.shape) * self._size(rng, noise)
        faded = np.stack([lfilter([1.0], [1.0, -of], row) for of, row in zip(decay, shocks, strict=True)])
        return noise + np.diff(faded, axis=1, prepend=0.0)

    def _size(self, rng: np.random.Generator, noise: Floats) -> Floats:
        loudness = _log_uniform(rng, *self.loudness, len(noise))
        return (loudness * noise.std(axis=1))[:, None]


def _log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Floats:
    return np.exp(rng.uniform(np.log(low), np.log(high), count))
