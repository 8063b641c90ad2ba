"""How often daily looking promotes a challenger that is no better, and how soon one that is.

    python benchmarks/measure_promotion.py [--streams 10000] [--sessions 500]

Loss differences are SIMULATED: fair ones of several shapes, and ones with an edge. Beside the time to detect stands
the sample that a one-sided test at one fixed date needs for a power of 80 %.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from trading.evaluation.betting import Evidence

ALPHA = 0.05
NOISE = 0.02
Draw = Callable[[np.random.Generator, int], np.ndarray]
FAIR: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(0.0, NOISE, n),
    "Student t, 3 degrees": lambda rng, n: np.clip(NOISE * rng.standard_t(3, n), -1, 1),
    "skewed up": lambda rng, n: NOISE * (rng.exponential(1.0, n) - 1),
    "skewed down": lambda rng, n: NOISE * (1 - rng.exponential(1.0, n)),
    "calm and wild stretches": lambda rng, n: (
        rng.normal(0.0, 1.0, n) * np.repeat(rng.choice([0.005, 0.03], -(-n // 25)), 25)[:n]
    ),
}
EDGES = (0.1, 0.2, 0.3)  # mean over noise


def with_edge(edge: float) -> Draw:
    """Normal differences whose mean is `edge` times their noise."""
    return lambda rng, n: rng.normal(edge * NOISE, NOISE, n)


def first_pass(differences: np.ndarray) -> float:
    """Sessions until a promotion, infinite if there is none."""
    evidence = Evidence()
    for session, difference in enumerate(differences.tolist(), start=1):
        evidence = evidence.after(difference)
        if evidence.passes(ALPHA):
            return session
    return np.inf


def passes(draw: Draw, streams: int, sessions: int) -> np.ndarray:
    """Sessions until the promotion of each stream."""
    return np.array([first_pass(draw(np.random.default_rng(seed), sessions)) for seed in range(streams)])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=10_000)
    parser.add_argument("--sessions", type=int, default=500)
    asked = parser.parse_args()
    print(f"SIMULATED; {asked.streams:,} streams of {asked.sessions} sessions, stated error {ALPHA:.0%}")
    print("| no better, differences | promoted | standard error |\n| --- | --- | --- |")
    for name, draw in FAIR.items():
        share = float(np.isfinite(passes(draw, asked.streams, asked.sessions)).mean())
        error = np.sqrt(share * (1 - share) / asked.streams)
        print(f"| {name} | {share:.2%} | {error:.2%} |", flush=True)
    print("\n| better by, of the noise | promoted | median sessions | a test at one date needs |")
    print("| --- | --- | --- | --- |")
    for edge in EDGES:
        found = passes(with_edge(edge), asked.streams // 10, asked.sessions)
        fixed = ((1.645 + 0.842) / edge) ** 2
        print(
            f"| {edge} | {np.isfinite(found).mean():.0%} | {np.median(found):.0f} | {fixed:.0f} |", flush=True
        )


if __name__ == "__main__":
    main()
