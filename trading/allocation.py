"""The ports of what builds the book: caps, covariances, costs and the optimiser.

Letters of the shapes: s symbols, w sessions of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from trading.forecasting import Floats

if TYPE_CHECKING:
    from trading.portfolio.covariance import CovarianceEstimate
    from trading.portfolio.mandates import Wanted


@dataclass(frozen=True)
class Mix:
    """A solved portfolio with its proof: no limit is violated by more than 1e-6, but those that the fallback waives.

    Attributes
    ----------
    weights : (s,) fractions of equity, negative for a short
    status : the solver's word; gap : relative duality gap or NaN; objective : what was optimised
    binding : names of the binding constraints; fallback : empty, or the fallback that was used
    conflicts : kinds of limits that could not all be met; masked : names whose numbers were not finite
    """

    weights: Floats
    status: str
    gap: float
    objective: str
    binding: tuple[str, ...]
    fallback: str
    conflicts: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()


class Sizer(Protocol):
    """Cap of each symbol's weight; none is above `position_limit`."""

    @property
    def position_limit(self) -> float:
        """Largest weight of one name."""
        ...

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
        """(s,) caps from the probability of winning (s,), mean (s,), standard deviation (s,), correlation (s, s).

        `usual_spread` (s,) is the deviation that a name's past explains, `quantiles` (s, q) the predictive
        distribution's shape.
        """
        ...


class CovarianceModel(Protocol):
    """How names move together, from a window of returns that ends at the session."""

    def estimate(self, log_returns: Floats) -> CovarianceEstimate:
        """Covariance of one session's returns from log returns (w, s), NaN where there is none.

        Raises
        ------
        MissingBarsError
            If no symbol has enough returns.
        """
        ...


class TradingCosts(Protocol):
    """What trading costs, as an optimiser counts it: the cost model of the simulator and no other."""

    def linear_rate(self, prices: Floats, session: pd.Timestamp | None = None) -> Floats:
        """(s,) cost of trading one dollar of each name at its price (s,), one way, but for impact.

        With the fees in force at `session`, without one no fees.
        """
        ...

    def impact_rate(self, volatility: Floats, dollar_volume: Floats, equity: float) -> Floats:
        """(s,) k such that changing a weight by d costs k |d|**1.5 of equity."""
        ...


class Optimizer(Protocol):
    """The mix within the caps; it always answers."""

    def solve(self, wanted: Wanted) -> Mix:
        """Weights, with the certificate of how they were found."""
        ...
