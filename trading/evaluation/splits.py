"""Training and test sessions that share no label: purged, embargoed, walked forward or combined.

An observation at place i is judged by what happens over places i + 1 to i + horizon. One whose outcome reaches
into the test, or that lies in the outcome of a test observation, is purged from training; the embargo drops some
more after each test, for what is still correlated there.

López de Prado (2018), "Advances in Financial Machine Learning", chapters 7 and 12.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.errors import UsageError
from trading.interfaces import Bools

Places = NDArray[np.int64]


@dataclass(frozen=True)
class Purging:
    """How far apart training and test are kept.

    Attributes
    ----------
    horizon : sessions that a label spans
    embargo : further sessions after each test that are not trained on
    """

    horizon: int = 1
    embargo: int = 0

    def __post_init__(self) -> None:
        if self.horizon < 0 or self.embargo < 0:
            raise UsageError(
                f"horizon ({self.horizon}) and embargo ({self.embargo}) of a split must not be negative"
            )


@dataclass(frozen=True)
class Split:
    """(n,) places to train on and (m,) places to test on, both rising; `groups` says which groups are tested."""

    train: Places
    test: Places
    groups: tuple[int, ...] = ()


def purged(tested: Bools, purging: Purging) -> Places:
    """Places that may be trained on when the places of the mask `tested` (n,) are tested.

    Examples
    --------
    >>> purged(np.array([False, False, False, True, True, False, False, False]), Purging(1, 1))
    array([0, 1, 7])
    """
    near = tested.copy()
    for reach in range(1, purging.horizon + 1):
        near[:-reach] |= tested[reach:]
    for reach in range(1, purging.horizon + purging.embargo + 1):
        near[reach:] |= tested[:-reach]
    return np.flatnonzero(~near)


def walk_forward_splits(
    count: int, *, first_test: int, test: int, purging: Purging, window: int | None = None
) -> Iterator[Split]:
    """Tests of `test` places one after another from `first_test` on, each trained on what lies before it.

    Parameters
    ----------
    window : most places to train on; all that there are by default

    Raises
    ------
    UsageError
        If nothing is left to train on before the first test.
    """
    if first_test - purging.horizon < 1 or test < 1:
        raise UsageError(
            f"a walk forward with its first test at place {first_test} and labels of {purging.horizon} has nothing "
            f"to train on; begin later"
        )
    for start in range(first_test, count, test):
        stop = start - purging.horizon
        begin = 0 if window is None else max(stop - window, 0)
        yield Split(np.arange(begin, stop), np.arange(start, min(start + test, count)))


def groups_of(count: int, groups: int) -> Places:
    """(count,) the group of each place: as many equal runs, what is left over goes to the last."""
    return np.minimum(np.arange(count) // max(count // groups, 1), groups - 1)


def combinatorial_splits(count: int, *, groups: int, tested: int, purging: Purging) -> list[Split]:
    """Every way to test `tested` of `groups` runs of sessions, trained on the rest: C(groups, tested) splits.

    Raises
    ------
    UsageError
        If the numbers make no sense, or the runs are shorter than what is purged around them.
    """
    if not 0 < tested < groups <= count:
        raise UsageError(
            f"{tested} of {groups} groups of {count} sessions cannot be tested; 0 < tested < groups <= n"
        )
    if purging.horizon + purging.embargo >= count // groups:
        raise UsageError(
            f"groups of {count // groups} sessions are no longer than the {purging.horizon + purging.embargo} that are "
            f"purged around each; take fewer groups or more sessions"
        )
    group = groups_of(count, groups)
    return [
        Split(purged(inside, purging), np.flatnonzero(inside), chosen)
        for chosen in itertools.combinations(range(groups), tested)
        for inside in [np.isin(group, chosen)]
    ]


def path_count(groups: int, tested: int) -> int:
    """How many whole paths the tests of `combinatorial_splits` make up: C(N, k) k / N.

    Examples
    --------
    >>> path_count(6, 2)
    5
    """
    return math.comb(groups, tested) * tested // groups


def path_splits(splits: list[Split], groups: int) -> Places:
    """(paths, groups) which split tells of each group on each path; every tested group is used exactly once."""
    telling = [
        [place for place, split in enumerate(splits) if group in split.groups] for group in range(groups)
    ]
    return np.array(telling, dtype=np.int64).T
