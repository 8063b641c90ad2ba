"""Evidence that one forecaster loses less than another, valid however often somebody looks.

A gambler with one dollar bets each session that the challenger's loss will be below the champion's. If the
challenger is no better, no way of betting makes money on average, and the chance that the wealth ever reaches
1 / alpha is at most alpha (Ville's inequality): one may look every day and stop at will.

Waudby-Smith and Ramdas (2023), "Estimating means of bounded random variables by betting"; Choe and Ramdas (2023),
"Comparing sequential forecasters". Only losses one session ahead are bet on: what is lost over h sessions is
known in part before it matures, and looking at that part would break the promise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

WARM_UP = 21
_CLIP = 6.0  # how many mean absolute differences one session may count at most
_MOST = 0.8  # share of the wealth that one session may cost at most
_MEMORY = 1 - 1 / 250


@dataclass(frozen=True)
class Evidence:
    """Wealth of the gambler, and what the next bet rests on; all of it is a row of a table.

    Attributes
    ----------
    log_wealth : logarithm of the wealth; its exponential is an e-value
    sessions : differences that were seen, the first `WARM_UP` of them without a bet
    mean, square, size : exponentially averaged difference, its square and its absolute value
    """

    log_wealth: float = 0.0
    sessions: int = 0
    mean: float = 0.0
    square: float = 0.0
    size: float = 0.0

    @property
    def e_value(self) -> float:
        """Wealth made of one dollar; infinite where a float cannot hold it."""
        return math.exp(min(self.log_wealth, 700.0))

    @property
    def stake(self) -> float:
        """What is bet for each unit of difference in the next session; 0 while warming up.

        The growth-optimal fraction of a small edge, mean over second moment, never short and never so large that
        one session costs more than four fifths.
        """
        if self.sessions < WARM_UP or self.size <= 0:
            return 0.0
        return min(max(self.mean / self.square, 0.0), _MOST / (_CLIP * self.size))

    def passes(self, alpha: float) -> bool:
        """Whether a challenger that is no better would come this far with probability `alpha` at most."""
        return self.log_wealth >= -math.log(alpha)

    def after(self, difference: float) -> Evidence:
        """The evidence after one more session; unchanged where the difference is NaN.

        Parameters
        ----------
        difference : `relative_difference` of the session, positive where the challenger lost less. It counts up to
            six times the mean absolute difference of the sessions before, so that one wild session decides nothing.
        """
        if math.isnan(difference):
            return self
        bound = _CLIP * self.size if self.sessions >= WARM_UP and self.size > 0 else math.inf
        counted = min(max(difference, -bound), bound)
        memory = min(_MEMORY, self.sessions / (self.sessions + 1))
        return replace(
            self,
            log_wealth=self.log_wealth + math.log1p(self.stake * counted),
            sessions=self.sessions + 1,
            mean=memory * self.mean + (1 - memory) * counted,
            square=memory * self.square + (1 - memory) * counted**2,
            size=memory * self.size + (1 - memory) * abs(counted),
        )


@dataclass(frozen=True)
class Duel:
    """Evidence for a challenger and, at the same time, for the champion: that the challenger is worse."""

    challenger: Evidence = field(default_factory=Evidence)
    champion: Evidence = field(default_factory=Evidence)

    def after(self, difference: float) -> Duel:
        """Both after one more session; `difference` is positive where the challenger lost less."""
        return Duel(self.challenger.after(difference), self.champion.after(-difference))


def relative_difference(champion: float, challenger: float) -> float:
    """How much less the challenger lost than the champion, as a share of both losses, in [-1, 1]; NaN if either is.

    Examples
    --------
    >>> relative_difference(3.0, 1.0)
    0.5
    """
    total = champion + challenger
    if math.isnan(total):
        return math.nan
    return (champion - challenger) / total if total > 0 else 0.0
