"""What choosing the best of a set of variants is worth: every figure of the choice, beside a benchmark."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.errors import UsageError
from trading.evaluation.figures import CHOICE, Figure, Of
from trading.evaluation.overfitting import GROUPS, PURGING, Overfitting, nested_walk_forward, overfitting
from trading.evaluation.paired import ALL
from trading.evaluation.resampling import annual_sharpe
from trading.evaluation.sharpe_tests import SharpeMoments, lo_interval
from trading.evaluation.superiority import superiority
from trading.evaluation.trials import Trials
from trading.interfaces import Floats

FIRST_TEST, TEST_SESSIONS = 252, 63
FEWEST_SESSIONS = GROUPS * (PURGING.horizon + PURGING.embargo + 1)
_ENDS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class Variants:
    """Simple returns (n, m) of several variants on the same sessions, and of a benchmark (n,).

    Attributes
    ----------
    source : where they come from, in words
    """

    source: str
    names: tuple[str, ...]
    sessions: pd.DatetimeIndex
    returns: Floats
    benchmark: Floats

    @classmethod
    def of(cls, source: str, wide: pd.DataFrame, benchmark: pd.Series[float]) -> Variants:
        """Variants of the columns of `wide` (indexed by session), over the sessions that all of them and the benchmark have.

        Raises
        ------
        UsageError
            If there are fewer than two, or too few sessions to split.
        """
        both = wide.join(benchmark.rename("_benchmark"), how="inner").dropna().sort_index()
        if wide.shape[1] < 2 or len(both) < FEWEST_SESSIONS:  # noqa: PLR2004 - one variant is no choice
            raise UsageError(
                f"{source}: a choice is judged among two variants at least, on {FEWEST_SESSIONS} sessions that all have; "
                f"there are {wide.shape[1]} variants and {len(both)} sessions"
            )
        names = tuple(str(name) for name in wide.columns)
        returns = both[list(wide.columns)].to_numpy(dtype=float)
        index = pd.DatetimeIndex(both.index)
        return cls(source, names, index, returns, both["_benchmark"].to_numpy(dtype=float))


def choice_figures(variants: Variants, trials: Trials) -> Iterator[Figure]:
    """Each variant alone, then what choosing the best of them is worth where it was not chosen.

    `sharpe` of the choice `walk_forward` is that of always holding the variant that was best before, with Lo's
    interval; `path_sharpe` the median over the paths of combinatorial purged cross-validation, from the 5th to the
    95th percentile.
    """
    count = len(variants.sessions)
    tests = superiority(variants.returns, variants.names, variants.benchmark)
    naive = float(annual_sharpe(variants.benchmark))
    for place, name in enumerate(variants.names):
        of, own = Of(CHOICE, name, ALL, ALL), variants.returns[:, place]
        yield Figure.estimated(of, "sharpe", lo_interval(own), naive)
        yield Figure.sure(of, "deflated_sharpe", trials.deflated(SharpeMoments.of(own)), count, 0.5)
        yield Figure.sure(of, "superior_by_stepm", float(name in tests.superior), count, 0.0)
        yield Figure.sure(of, "confidence_set_p", tests.confidence_set[name], count)
    yield Figure.sure(Of(CHOICE, "all", ALL, ALL), "spa_p", tests.spa, count)
    yield from _overfit(overfitting(variants.returns), count, naive)
    if count > FIRST_TEST:
        yield from _nested(variants, naive)


def _overfit(found: Overfitting, count: int, naive: float) -> Iterator[Figure]:
    of = Of(CHOICE, "cross_validation", ALL, ALL)
    low, middle, high = (float(end) for end in np.quantile(found.paths, _ENDS))
    splits = len(found.chosen_test)
    yield Figure.sure(of, "probability_of_overfitting", found.probability, splits, 0.5)
    yield Figure.sure(of, "sharpe_where_chosen", float(found.chosen_train.mean()), splits)
    yield Figure.sure(of, "sharpe_where_not", float(found.chosen_test.mean()), splits)
    yield Figure.sure(of, "slope", found.slope, splits, 0.0)
    yield Figure.sure(of, "probability_of_loss", found.loss, splits)
    yield Figure(of, "path_sharpe", middle, low, high, len(found.paths), naive)
    yield Figure.sure(of, "sessions", float(count), count, math.nan)


def _nested(variants: Variants, naive: float) -> Iterator[Figure]:
    of = Of(CHOICE, "walk_forward", ALL, ALL)
    held, chosen = nested_walk_forward(variants.returns, first_test=FIRST_TEST, test=TEST_SESSIONS)
    later = float(annual_sharpe(variants.benchmark[FIRST_TEST:]))
    yield Figure.estimated(of, "sharpe", lo_interval(held), later if math.isfinite(later) else naive)
    changes = int(np.count_nonzero(np.diff(chosen)))
    yield Figure.sure(of, "changes_of_choice", float(changes), len(chosen))
