"""What choosing the best of several variants is worth where it was not chosen.

Bailey, Borwein, López de Prado and Zhu (2017), "The probability of backtest overfitting", Journal of Computational
Finance 20, on the splits of combinatorial purged cross-validation; and the same choice nested in a walk forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from trading.errors import UsageError
from trading.evaluation.resampling import annual_sharpe
from trading.evaluation.splits import (
    Places,
    Purging,
    combinatorial_splits,
    groups_of,
    path_splits,
    walk_forward_splits,
)
from trading.interfaces import Floats

GROUPS = 10
FEWEST_VARIANTS = 2
# Returns of a session are labels of one session; books remember their positions for about a month.
PURGING = Purging(horizon=1, embargo=20)


@dataclass(frozen=True)
class Overfitting:
    """What half of the sessions say of the other half, over all halves.

    Attributes
    ----------
    probability : share of splits in which the variant that was best in training is below the median in the test
    chosen_train, chosen_test : (k,) its annual Sharpe ratio in training and in the test, a split
    slope : of the second on the first; below zero where a better past was followed by a worse future
    loss : share of splits in which it lost money in the test
    paths : (p,) annual Sharpe ratio of each whole path of tests of the variants that were chosen elsewhere
    """

    probability: float
    chosen_train: Floats
    chosen_test: Floats
    slope: float
    loss: float
    paths: Floats


def overfitting(
    returns: Floats, *, groups: int = GROUPS, purging: Purging = PURGING, tested: int | None = None
) -> Overfitting:
    """Probability of backtest overfitting of simple returns (n, m), a column a variant.

    Parameters
    ----------
    groups : runs of sessions; tested : how many of them a split tests, half by default

    Raises
    ------
    UsageError
        If there are fewer than two variants, gaps in the returns, or too few sessions for the groups.
    """
    require_variants(returns)
    splits = combinatorial_splits(len(returns), groups=groups, tested=tested or groups // 2, purging=purging)
    train = np.array([_sharpes(returns[split.train]) for split in splits])  # (k, m)
    test = np.array([_sharpes(returns[split.test]) for split in splits])
    best, each = train.argmax(axis=1), np.arange(len(splits))
    chosen_train, chosen_test = train[each, best], test[each, best]
    below = np.array([rankdata(row)[place] / (len(row) + 1) for row, place in zip(test, best, strict=True)])
    return Overfitting(
        probability=float((below <= 0.5).mean()),  # noqa: PLR2004 - the median; ties of all variants are no skill
        chosen_train=chosen_train,
        chosen_test=chosen_test,
        slope=_slope(chosen_train, chosen_test),
        loss=float((chosen_test < 0).mean()),
        paths=_paths(returns, best, path_splits(splits, groups)),
    )


def nested_walk_forward(
    returns: Floats, *, first_test: int, test: int, purging: Purging = PURGING, window: int | None = None
) -> tuple[Floats, Places]:
    """Returns of always holding the variant that was best before, over the sessions from `first_test` on.

    Returns
    -------
    (n - first_test,) simple returns that no choice has seen, and (folds,) the variant that each test held.

    Raises
    ------
    UsageError
        If there are fewer than two variants, gaps in the returns, or nothing before the first test.
    """
    require_variants(returns)
    folds = list(
        walk_forward_splits(len(returns), first_test=first_test, test=test, purging=purging, window=window)
    )
    chosen = np.array([int(_sharpes(returns[fold.train]).argmax()) for fold in folds], dtype=np.int64)
    held = [returns[fold.test, which] for fold, which in zip(folds, chosen, strict=True)]
    return np.concatenate(held) if held else np.empty(0), chosen


def require_variants(returns: Floats) -> None:
    """UsageError unless returns are (n, m) with at least two variants and without gaps."""
    if returns.ndim != 2 or returns.shape[1] < FEWEST_VARIANTS:  # noqa: PLR2004 - sessions and variants
        raise UsageError("a choice needs at least two variants: one column of returns each")
    if not np.isfinite(returns).all():
        raise UsageError(
            "variants must have a return in every session; leave out sessions that one of them lacks"
        )


def _sharpes(returns: Floats) -> Floats:
    """(m,) annual Sharpe ratio of each column, 0 for one that does not vary: it takes no part in the market."""
    return np.nan_to_num(annual_sharpe(returns.T), nan=0.0)


def _slope(train: Floats, test: Floats) -> float:
    centered = train - train.mean()
    square = float(centered @ centered)
    return float(centered @ test) / square if square > 0 else math.nan


def _paths(returns: Floats, best: Places, telling: Places) -> Floats:
    """(p,) annual Sharpe ratio of each path: in each group the variant that its split chose without that group."""
    group = groups_of(len(returns), telling.shape[1])
    held = best[telling][:, group]  # (p, n) variant that each path holds in each session
    return np.asarray(annual_sharpe(returns[np.arange(len(returns)), held]))
