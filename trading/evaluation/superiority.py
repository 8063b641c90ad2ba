"""Is any of several variants better than a benchmark, which ones, and which could be the best: tests for many at once.

The package arch computes them (Hansen 2005, "A test for superior predictive ability"; Romano and Wolf 2005, "Stepwise
multiple testing as formalized data snooping"; Hansen, Lunde and Nason 2011, "The model confidence set"). It takes
seconds to load, and only here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trading.digest import generator
from trading.errors import UsageError
from trading.evaluation.resampling import MEAN_BLOCK_SESSIONS, MINIMUM_SESSIONS
from trading.interfaces import Floats

REPLICATIONS = 1000


@dataclass(frozen=True)
class Superiority:
    """What several variants are beside a benchmark.

    Attributes
    ----------
    spa : p-value of no variant being better than the benchmark (Hansen's consistent one)
    superior : variants that StepM finds better, at a family-wise error of 5 %
    confidence_set : p-value of each variant in the model confidence set; one above 0.05 could be the best
    """

    spa: float
    superior: tuple[str, ...]
    confidence_set: dict[str, float]


def superiority(
    returns: Floats, names: Sequence[str], benchmark: Floats, *, size: float = 0.05, seed: int = 0
) -> Superiority:
    """Tests of simple returns (n, m), a column a variant, beside those (n,) of a benchmark of the same sessions.

    A stationary bootstrap with blocks of ten sessions on average.

    Raises
    ------
    UsageError
        With fewer than two variants or 21 sessions.
    """
    if returns.shape[1] != len(names) or len(names) < 2 or len(returns) < MINIMUM_SESSIONS:  # noqa: PLR2004
        raise UsageError(
            f"tests of many variants need two and {MINIMUM_SESSIONS} sessions at least, not {len(names)} and {len(returns)}"
        )
    from arch.bootstrap import MCS, SPA, StepM

    drawn = {"reps": REPLICATIONS, "block_size": MEAN_BLOCK_SESSIONS, "bootstrap": "stationary"}
    losses, other = -np.asarray(returns, dtype=float), -np.asarray(benchmark, dtype=float)
    spa, step, kept = (
        SPA(other, losses, seed=generator("spa", seed=seed), **drawn),
        StepM(other, losses, size=size, seed=generator("stepm", seed=seed), **drawn),
        MCS(losses, size=size, seed=generator("mcs", seed=seed), **drawn),
    )
    for test in (spa, step, kept):
        test.compute()
    values = kept.pvalues["Pvalue"]
    return Superiority(
        spa=float(spa.pvalues["consistent"]),
        superior=tuple(names[place] for place in sorted(step.superior_models)),
        confidence_set={names[place]: float(values.loc[place]) for place in range(len(names))},
    )
