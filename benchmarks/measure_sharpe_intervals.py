"""How often intervals of a difference of Sharpe ratios claim one where there is none. SIMULATED.

    python benchmarks/measure_sharpe_intervals.py

A book and equal weight share a market of heavy tails and slowly changing volatility, and neither earns anything. Each
interval is of 95 %, so it should lie wholly above zero in 2.5 % of all cases: the percentiles of a stationary
bootstrap with blocks of ten sessions, and the paired test that a claim of an edge rests on.
"""

from __future__ import annotations

import math
import sys

import numpy as np

from trading.digest import generator
from trading.evaluation.paired import sharpe_difference
from trading.evaluation.resampling import MEAN_BLOCK_SESSIONS, annual_sharpe, stationary_indices
from trading.interfaces import Floats

CASES, BOOTSTRAPS, FREEDOM = 1500, 400, 5


def pair(count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Simple returns (count,) of a book that holds less than equal weight does, and of equal weight."""
    volatility = np.exp(np.cumsum(0.03 * rng.normal(size=count)))
    common = 0.010 * rng.standard_t(FREEDOM, count) * volatility
    apart = 0.004 * rng.standard_t(FREEDOM, count), 0.006 * rng.standard_t(FREEDOM, count) * volatility
    return 0.4 * (0.9 * common + apart[1]), common + apart[0]


def percentile_low(own: Floats, equal: Floats, rng: np.random.Generator) -> float:
    """Lower end of the percentile interval of the difference."""
    places = stationary_indices(len(own), BOOTSTRAPS, MEAN_BLOCK_SESSIONS, rng)
    return float(np.quantile(annual_sharpe(own[places]) - annual_sharpe(equal[places]), 0.025))


def sizes(count: int, cases: int = CASES) -> dict[str, float]:
    """Share of cases in which each interval lies above zero, of `count` sessions each."""
    rng = generator("measure_sharpe_intervals", seed=count)
    found = {"percentile": 0, "paired": 0}
    for _ in range(cases):
        own, equal = pair(count, rng)
        found["percentile"] += percentile_low(own, equal, rng) > 0
        found["paired"] += sharpe_difference(own, equal)[0].low > 0
    return {name: hits / cases for name, hits in found.items()}


def main() -> None:
    """Print a table for three lengths."""
    error = math.sqrt(0.025 * 0.975 / CASES)
    sys.stdout.write(
        f"SIMULATED, {CASES} pairs each; a share of 2.5 % has a standard error of {error:.1%}\n\n"
    )
    sys.stdout.write("| sessions | percentile interval | paired test |\n| --- | --- | --- |\n")
    for count in (62, 125, 251):
        found = sizes(count)
        sys.stdout.write(f"| {count} | {found['percentile']:.1%} | {found['paired']:.1%} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
