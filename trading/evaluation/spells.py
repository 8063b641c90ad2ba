"""Stretches of a book's life: falls from a highest equity, and how long a name was held."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from trading.interfaces import Floats


@dataclass(frozen=True)
class Fall:
    """From a highest value to the next time that it is reached again.

    Attributes
    ----------
    peak, trough, recovered : places; the last is None while it is below
    depth : 1 - trough over peak
    """

    peak: int
    trough: int
    recovered: int | None
    depth: float


def worst_falls(values: Floats, most: int) -> list[Fall]:
    """The deepest falls of values (n,) above 0, the deepest first.

    Examples
    --------
    >>> [(fall.peak, fall.trough, fall.recovered) for fall in worst_falls(np.array([4.0, 2.0, 4.0, 5.0, 4.5]), 9)]
    [(0, 1, 2), (3, 4, None)]
    """
    if not len(values):
        return []
    highest = np.maximum.accumulate(values)
    below = np.concatenate([[False], values < highest, [False]])
    starts, ends = (np.flatnonzero(np.diff(below.astype(int)) == step) for step in (1, -1))
    falls = [_fall(values, int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
    return sorted(falls, key=lambda fall: (-fall.depth, fall.peak))[:most]


def _fall(values: Floats, start: int, end: int) -> Fall:
    """The fall whose places below the peak are `start` to `end`, without the latter."""
    trough = start + int(values[start:end].argmin())
    depth = 1 - float(values[trough] / values[start - 1])
    return Fall(start - 1, trough, end if end < len(values) else None, depth)


def holding_spells(quantities: Floats) -> tuple[Floats, Floats]:
    """Sessions that each stay of a name in a book of quantities (n, s) lasted: those over, and those that go on.

    A position that changes its side begins a new stay.
    """
    over: list[int] = []
    running: list[int] = []
    for side in np.sign(quantities).T:
        cuts = np.concatenate([[0], np.flatnonzero(np.diff(side)) + 1, [len(side)]])
        for start, end in itertools.pairwise(cuts):
            if end > start and side[start] != 0:
                (running if end == len(side) else over).append(int(end - start))
    return np.array(over, dtype=float), np.array(running, dtype=float)
