"""SIMULATED log returns with the stylised facts of single stocks, for pre-training only.

Four families of volatility (GJR-GARCH, stochastic volatility, Markov regimes, constant), each dressed
with fat tails, a little autocorrelation, slow drifts, announcement jumps and halts. Letters of the
shapes: n series, t sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BURN_IN = 200
SESSIONS_A_YEAR = 252
SESSIONS_A_QUARTER = 63


@dataclass(frozen=True)
class SyntheticMarket:
    """Ranges from which each series draws its own parameters.

    Attributes
    ----------
    daily_volatility : log-uniform range of a series' unconditional standard deviation
    degrees_of_freedom : log-uniform range of the Student-t shocks, scaled to unit variance
    persistence : range of the persistence of variance (GARCH, stochastic volatility)
    yearly_sharpe : standard deviation of the constant drift, as a Sharpe ratio
    autocorrelation : standard deviation of the AR(1) coefficient of returns
    trend : largest standard deviation of a slow drift, in units of daily volatility
    jump_share, halt_share : shares of the series that jump once a quarter, or stand still at times
    halt_rate : share of the sessions at which those stand still
    """

    daily_volatility: tuple[float, float] = (0.004, 0.06)
    degrees_of_freedom: tuple[float, float] = (3.0, 15.0)
    persistence: tuple[float, float] = (0.90, 0.995)
    yearly_sharpe: float = 0.5
    autocorrelation: float = 0.04
    trend: float = 0.08
    jump_share: float = 0.3
    halt_share: float = 0.1
    halt_rate: float = 0.03

    def returns(self, rng: np.random.Generator, count: int, length: int) -> Floats:
        """(n, t) log returns of `count` series, the families in equal parts and shuffled."""
        families = (_garch, _stochastic_volatility, _regimes, _constant)
        sizes = [len(part) for part in np.array_split(np.arange(count), len(families))]
        total = length + BURN_IN
        parts = [family(self, rng, size, total) for family, size in zip(families, sizes, strict=True)]
        shocks = np.concatenate(parts)[rng.permutation(count)]
        return self._dress(rng, shocks)[:, BURN_IN:]

    def _dress(self, rng: np.random.Generator, shocks: Floats) -> Floats:
        count, length = shocks.shape
        out = shocks + _jumps(self, rng, count, length)
        out = _autoregress(out, np.clip(rng.normal(0, self.autocorrelation, count), -0.3, 0.3))
        out += rng.normal(0, self.yearly_sharpe / np.sqrt(SESSIONS_A_YEAR), (count, 1))
        out += _slow_drift(self, rng, count, length)
        halted = (rng.random((count, 1)) < self.halt_share) & (rng.random((count, length)) < self.halt_rate)
        return np.where(halted, 0.0, out) * log_uniform(rng, *self.daily_volatility, count)[:, None]


def log_uniform(rng: np.random.Generator, low: float, high: float, count: int) -> Floats:
    """(n,) numbers whose logarithms are uniform between those of `low` and `high`."""
    return np.exp(rng.uniform(np.log(low), np.log(high), count))


def _shocks(market: SyntheticMarket, rng: np.random.Generator, count: int, length: int) -> Floats:
    """(n, t) Student-t shocks of unit variance."""
    freedom = log_uniform(rng, *market.degrees_of_freedom, count)[:, None]
    return rng.standard_t(freedom, (count, length)) * np.sqrt((freedom - 2) / freedom)


def _garch(market: SyntheticMarket, rng: np.random.Generator, count: int, length: int) -> Floats:
    """GJR-GARCH(1, 1) of unit unconditional variance (Glosten, Jagannathan and Runkle 1993)."""
    shocks = _shocks(market, rng, count, length)
    persistence = rng.uniform(*market.persistence, count)
    symmetric, leverage = rng.uniform(0.02, 0.12, count), rng.uniform(0.0, 0.1, count)
    decay = persistence - symmetric - leverage / 2
    variance = np.ones(count)
    out = np.empty((count, length))
    for t in range(length):
        out[:, t] = np.sqrt(variance) * shocks[:, t]
        arch = (symmetric + leverage * (out[:, t] < 0)) * out[:, t] ** 2
        variance = np.minimum(1 - persistence + arch + decay * variance, 100.0)
    return out


def _stochastic_volatility(
    market: SyntheticMarket, rng: np.random.Generator, count: int, length: int
) -> Floats:
    """Log volatility as an AR(1) that falls when returns rise (Taylor 1986, with leverage)."""
    shocks = _shocks(market, rng, count, length)
    persistence = rng.uniform(*market.persistence, count)
    spread, leverage = rng.uniform(0.2, 0.7, count), rng.uniform(-0.6, 0.0, count)
    noise = rng.standard_normal((count, length)) * np.sqrt(1 - leverage**2)[:, None]
    log_volatility = spread * rng.standard_normal(count)
    out = np.empty((count, length))
    for t in range(length):
        out[:, t] = np.exp(log_volatility - spread**2) * shocks[:, t]
        step = leverage * np.clip(shocks[:, t], -4, 4) + noise[:, t]
        log_volatility = persistence * log_volatility + spread * np.sqrt(1 - persistence**2) * step
    return out


def _regimes(market: SyntheticMarket, rng: np.random.Generator, count: int, length: int) -> Floats:
    """Calm, normal and stressed states that last 15 to 250 sessions on average (Hamilton 1989)."""
    volatility = np.array([0.6, 1.0, 2.2]) * rng.uniform(0.8, 1.2, (count, 3))
    drift = np.array([0.04, 0.0, -0.06]) * rng.uniform(0.0, 2.0, (count, 3))
    leave = 1 / log_uniform(rng, 15, 250, count)
    switch, target = rng.random((count, length)) < leave[:, None], rng.integers(0, 3, (count, length))
    last_switch = np.maximum.accumulate(np.where(switch, np.arange(length), 0), axis=1)
    state = np.take_along_axis(target, last_switch, axis=1)
    scale, mean = (np.take_along_axis(part, state, axis=1) for part in (volatility, drift))
    return scale * (_shocks(market, rng, count, length) + mean)


def _constant(market: SyntheticMarket, rng: np.random.Generator, count: int, length: int) -> Floats:
    return _shocks(market, rng, count, length)


def _jumps(market: SyntheticMarket, rng: np.random.Generator, count: int, length: int) -> Floats:
    """One jump every 63 sessions, from a phase of its own, two to four times a usual move."""
    phase, size = rng.integers(0, SESSIONS_A_QUARTER, (count, 1)), rng.uniform(2, 4, (count, 1))
    jumps = rng.random((count, 1)) < market.jump_share
    due = (np.arange(length)[None, :] + phase) % SESSIONS_A_QUARTER == 0
    return np.where(jumps & due, size * rng.standard_normal((count, length)), 0.0)


def _slow_drift(market: SyntheticMarket, rng: np.random.Generator, count: int, length: int) -> Floats:
    """A mean-reverting drift with a half-life of 20 to 120 sessions."""
    decay = 0.5 ** (1 / rng.uniform(20, 120, count))
    size = rng.uniform(0, market.trend, count)
    noise = rng.standard_normal((count, length)) * (size * np.sqrt(1 - decay**2))[:, None]
    return _autoregress(noise, decay)


def _autoregress(values: Floats, coefficient: Floats) -> Floats:
    out = values.copy()
    for t in range(1, values.shape[1]):
        out[:, t] += coefficient * out[:, t - 1]
    return out
