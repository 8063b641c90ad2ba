"""How large one position may be, before anything is said about the book as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.bounds import FRACTION, NOT_NEGATIVE, check_bounds
from trading.interfaces import Floats

LEAST_PENALTY_FACTOR = 0.5


@dataclass(frozen=True)
class KellySizer:
    """Cap of each symbol: min(position limit, quarter Kelly x confidence x correlation penalty).

    Kelly's fraction for one asset in continuous time is mean / variance (Thorp 2006, section 7).
    Confidence is the probability that the return is positive.

    Attributes
    ----------
    position_limit : largest weight of one name
    kelly_fraction : part of the Kelly bet that is taken
    """

    position_limit: float = 0.20
    kelly_fraction: float = 0.25

    def __post_init__(self) -> None:
        check_bounds(self, position_limit=FRACTION, kelly_fraction=NOT_NEGATIVE)

    def caps(self, probability: Floats, expected: Floats, spread: Floats, correlation: Floats) -> Floats:
        """Caps (s,), 0 for a name with a NaN among its inputs.

        Parameters
        ----------
        probability : (s,) that the return is positive
        expected, spread : (s,) mean and standard deviation of the return over the same time
        correlation : (s, s)
        """
        kelly = self.kelly_fraction * np.maximum(expected, 0.0) / np.square(spread)
        sized = kelly * probability * correlation_penalty(correlation, np.isfinite(kelly * probability))
        return np.nan_to_num(np.minimum(self.position_limit, sized), nan=0.0)


def correlation_penalty(correlation: Floats, in_book: Floats | None = None) -> Floats:
    """(s,) max(0.5, 1 - 2 x average correlation with the rest of the book), at most 1.

    Parameters
    ----------
    correlation : (s, s)
    in_book : (s,) True for the names that count as the book; all by default

    Examples
    --------
    >>> correlation_penalty(np.array([[1.0, 0.2], [0.2, 1.0]]))
    array([0.6, 0.6])
    """
    member = np.ones(len(correlation), dtype=bool) if in_book is None else np.asarray(in_book, dtype=bool)
    others = np.broadcast_to(member, correlation.shape) & ~np.eye(len(correlation), dtype=bool)
    total = np.where(others, correlation, 0.0).sum(axis=1)
    average = total / np.maximum(others.sum(axis=1), 1)
    return np.clip(1.0 - 2.0 * average, LEAST_PENALTY_FACTOR, 1.0)
