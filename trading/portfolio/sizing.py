"""How large one position may be, before anything is said about the book as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.bounds import FRACTION, NOT_NEGATIVE, check_bounds
from trading.interfaces import Floats
from trading.portfolio.kelly import kelly_fractions, outcomes_of

LEAST_PENALTY_FACTOR = 0.5


@dataclass(frozen=True)
class KellySizer:
    """Cap of each symbol: min(position limit, quarter Kelly x confidence x correlation penalty).

    Kelly's bet is that on the whole predictive distribution (`kelly`). Confidence has two parts: the
    probability that the bet wins, and how much of the interval's width the name's own volatility
    explains. Width beyond that is doubt of the forecast, which variance alone does not charge for.

    Attributes
    ----------
    position_limit : largest weight of one name
    kelly_fraction : part of the Kelly bet that is taken
    width_power : of (usual spread / spread), where the interval is wider than usual; 0 ignores it
    correlation_penalty : whether a name that moves with the rest of the book is sized down
    """

    position_limit: float = 0.20
    kelly_fraction: float = 0.25
    width_power: float = 1.0
    correlation_penalty: bool = True

    def __post_init__(self) -> None:
        check_bounds(self, position_limit=FRACTION, kelly_fraction=NOT_NEGATIVE, width_power=NOT_NEGATIVE)

    def caps(
        self,
        probability: Floats,
        expected: Floats,
        spread: Floats,
        correlation: Floats,
        *,
        usual_spread: Floats | None = None,
        quantiles: Floats | None = None,
    ) -> Floats:
        """Caps (s,), 0 for a name with a NaN among its inputs.

        Parameters
        ----------
        probability : (s,) that the bet wins: that the return is positive, for a long one
        expected, spread : (s,) mean and standard deviation of the return over the same time
        correlation : (s, s), NaN where unknown
        usual_spread : (s,) standard deviation that the name's past explains
        quantiles : (s, q) predictive quantiles at `frames.LEVELS`, of which only the shape counts
        """
        kelly = self.kelly_fraction * kelly_fractions(outcomes_of(expected, spread, quantiles))
        bet = kelly * probability * self._width_confidence(spread, usual_spread)
        sized = bet * correlation_penalty(correlation, np.isfinite(bet)) if self.correlation_penalty else bet
        return np.nan_to_num(np.minimum(self.position_limit, sized), nan=0.0)

    def _width_confidence(self, spread: Floats, usual: Floats | None) -> Floats:
        if usual is None:
            return np.ones_like(spread)
        return np.minimum(1.0, usual / spread) ** self.width_power


def correlation_penalty(correlation: Floats, in_book: Floats | None = None) -> Floats:
    """(s,) max(0.5, 1 - 2 x average known correlation with the rest of the book), at most 1.

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
    others &= np.isfinite(correlation)
    total = np.where(others, correlation, 0.0).sum(axis=1)
    average = total / np.maximum(others.sum(axis=1), 1)
    return np.clip(1.0 - 2.0 * average, LEAST_PENALTY_FACTOR, 1.0)
