"""The SIMULATED series from which the shipped checkpoint learns: four sources in fixed shares.

Stylised stocks (`synthetic_paths`), stocks of whole simulated markets (`trading.testing`), processes and
patterns of the package synforecast (the extra `train`), and trends, cycles and level shifts in noise of
our own. Letters of the shapes: n series, t sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from pipelines.training.synthetic_paths import Floats, SyntheticMarket, log_uniform
from trading.testing.market_model import MarketOptions
from trading.testing.market_paths import simulate

GROUP = 24  # series of synforecast that share their parameters
MARKET_SESSIONS = 2000
BENT, SHIFTED, WHITE = 0.3, 0.25, 0.5  # shares of the patterns with a second slope, each shift, white noise
FIRST_MARKET = 900_000  # seeds of the markets that are learned from; no home uses them


@dataclass(frozen=True)
class SyntheticMix:
    """Shares of the sources.

    Attributes
    ----------
    stocks, markets, processes, patterns : parts of a pool; they sum to 1
    simulated_markets : how many markets are made, once, for windows to be cut from
    """

    stocks: float = 0.60
    markets: float = 0.08
    processes: float = 0.16
    patterns: float = 0.16
    simulated_markets: int = 16
    market: SyntheticMarket = field(default_factory=SyntheticMarket)

    def returns(self, rng: np.random.Generator, count: int, length: int) -> Floats:
        """(n, t) log returns, the sources shuffled."""
        sizes = _sizes(count, (self.stocks, self.markets, self.processes, self.patterns))
        makers = (self.market.returns, self._from_markets, processes, patterns)
        parts = [maker(rng, size, length) for maker, size in zip(makers, sizes, strict=True)]
        return np.concatenate(parts)[rng.permutation(count)]

    def _from_markets(self, rng: np.random.Generator, count: int, length: int) -> Floats:
        """Windows of the simulated stocks, wherever they begin."""
        history = self._histories
        start = rng.integers(0, history.shape[1] - length + 1, count)
        chosen = history[rng.integers(0, len(history), count)]
        return np.take_along_axis(chosen, start[:, None] + np.arange(length), axis=1)

    @cached_property
    def _histories(self) -> Floats:
        """(instruments of all markets, sessions) log returns, dividends and splits included."""
        return np.concatenate([_market(FIRST_MARKET + seed) for seed in range(self.simulated_markets)])


def _sizes(count: int, shares: tuple[float, ...]) -> list[int]:
    """Whole numbers that sum to `count`."""
    ends = np.rint(np.cumsum(shares) * count).astype(int)
    return [int(size) for size in np.diff(ends, prepend=0)]


def _market(seed: int) -> Floats:
    paths = simulate(MarketOptions(seed=seed), MARKET_SESSIONS)
    listed = paths.listed.all(axis=0)
    held = paths.close[1:] * paths.ratio[1:] + paths.dividend[1:]
    return np.log(held / paths.close[:-1])[:, listed].T


def processes(rng: np.random.Generator, count: int, length: int) -> Floats:
    """(n, t) returns of synforecast's stochastic processes, each group with parameters of its own."""
    return _groups(rng, count, length, _PROCESSES)


def patterns(rng: np.random.Generator, count: int, length: int) -> Floats:
    """(n, t) returns of series with a trend, a season, a cycle or shifts: a third ours, the rest synforecast's."""
    own = count // 3
    made = _scaled(rng, np.diff(_pattern_levels(rng, own, length + 1), axis=1))
    return np.concatenate([made, _groups(rng, count - own, length, _PATTERNS)])


Draw = Callable[[np.random.Generator], Mapping[str, Any]]


@dataclass(frozen=True)
class _Source:
    """A generator of synforecast, its parameters, and whether it gives returns or levels."""

    generator: str
    draw: Draw
    gives_returns: bool = False


def _garch_parameters(rng: np.random.Generator) -> dict[str, Any]:
    arch = rng.uniform(0.03, 0.15)
    return {"omega": 0.05, "alpha": [arch], "beta": [rng.uniform(0.9, 0.99) - arch]}


def _heston_parameters(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "vol_mean_reversion": rng.uniform(1, 8),
        "vol_of_vol": rng.uniform(0.1, 0.5),
        "correlation": rng.uniform(-0.9, 0.0),
        "output_type": "returns",
    }


def _regime_parameters(rng: np.random.Generator) -> dict[str, Any]:
    calm, stressed = 1 - 1 / rng.uniform(40, 250), 1 - 1 / rng.uniform(10, 80)
    return {
        "regime_means": [0.0, 0.0],
        "regime_variances": [1.0, rng.uniform(2, 9)],
        "transition_matrix": [[calm, 1 - calm], [1 - stressed, stressed]],
    }


def _seasonal_parameters(rng: np.random.Generator) -> dict[str, Any]:
    return {
        "seasonality_period": int(rng.integers(5, 64)),
        "seasonality_amplitude": rng.uniform(1, 10),
        "trend": rng.normal(0, 0.05),
    }


def _ets_parameters(rng: np.random.Generator) -> dict[str, Any]:
    return {"seasonal_period": int(rng.integers(4, 32)), "beta": rng.uniform(0.01, 0.1), "damped": True}


_PROCESSES: tuple[_Source, ...] = (
    _Source("GARCHGenerator", _garch_parameters, gives_returns=True),
    _Source("StochasticVolatilityGenerator", _heston_parameters, gives_returns=True),
    _Source("RegimeSwitchingGenerator", _regime_parameters, gives_returns=True),
    _Source("FractionalBrownianMotionGenerator", lambda rng: {"hurst": rng.uniform(0.4, 0.65)}),
    _Source("OrnsteinUhlenbeckGenerator", lambda rng: {"theta": float(np.exp(rng.uniform(-4.6, -1.0)))}),
)
_PATTERNS: tuple[_Source, ...] = (
    _Source("TSIGenerator", lambda _: {}),
    _Source("SeasonalGenerator", _seasonal_parameters),
    _Source("CyclicGenerator", lambda rng: {"cycle_period_mean": rng.uniform(20, 120)}),
    _Source("ETSGenerator", _ets_parameters),
)


def _groups(rng: np.random.Generator, count: int, length: int, sources: tuple[_Source, ...]) -> Floats:
    """Groups of one generator after the other, in turn."""
    from synforecast import generators

    made = []
    for place, start in enumerate(range(0, count, GROUP)):
        source, size = sources[place % len(sources)], min(GROUP, count - start)
        options = {"min_length": length + 1, "max_length": length + 1, "freq": 1, **source.draw(rng)}
        maker = getattr(generators, source.generator)(seed=int(rng.integers(2**31)), **options)
        values = maker.generate(size)["y"].to_numpy(dtype=float).reshape(size, length + 1)
        made.append(values[:, 1:] if source.gives_returns else np.diff(values, axis=1))
    return _scaled(rng, np.concatenate(made)) if made else np.empty((0, length))


def _scaled(rng: np.random.Generator, steps: Floats) -> Floats:
    """Steps with the volatility of a stock; what stands still or is not finite stands still."""
    known = np.nan_to_num(steps, nan=0.0, posinf=0.0, neginf=0.0)
    deviation = known.std(axis=1, keepdims=True)
    unit = np.where(deviation > 0, known / np.where(deviation > 0, deviation, 1.0), 0.0)
    return unit * log_uniform(rng, 0.004, 0.06, len(steps))[:, None]


def _pattern_levels(rng: np.random.Generator, count: int, length: int) -> Floats:
    """(n, t) a line or two, up to two cycles, up to three shifts, in noise that is white or walks."""
    time = np.arange(length) / length
    slope, bend = rng.normal(0, 4, (2, count, 1))
    knee = rng.uniform(0.2, 0.9, (count, 1))
    levels = slope * time + np.where(rng.random((count, 1)) < BENT, bend * np.maximum(time - knee, 0), 0.0)
    for amplitude, period in _waves(rng, count):
        phase = rng.uniform(0, 2 * np.pi, (count, 1))
        levels += amplitude * np.sin(2 * np.pi * np.arange(length) / period + phase)
    for _ in range(3):
        shift = rng.normal(0, 2, (count, 1)) * (rng.random((count, 1)) < SHIFTED)
        levels += shift * (time >= rng.uniform(0, 1, (count, 1)))
    white = rng.normal(0, 1, (count, length)) * log_uniform(rng, 0.02, 1.0, count)[:, None]
    walk = rng.normal(0, 1, (count, length)).cumsum(axis=1) * log_uniform(rng, 0.002, 0.1, count)[:, None]
    return levels + np.where(rng.random((count, 1)) < WHITE, white, 0.0) + walk


def _waves(rng: np.random.Generator, count: int) -> Iterator[tuple[Floats, Floats]]:
    """Amplitude and period (n, 1) of each of two cycles; a third of the series lack either."""
    for _ in range(2):
        present = rng.random((count, 1)) < 2 / 3
        yield present * log_uniform(rng, 0.1, 2.0, count)[:, None], log_uniform(rng, 5, 128, count)[:, None]
