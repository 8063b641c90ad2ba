"""What weights would have earned: traded at the open after the session that decided them, after costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.interfaces import Floats


@dataclass(frozen=True)
class HeldWeights:
    """Sessions of a book that follows weights.

    Attributes
    ----------
    returns : (n,) simple return of each session, costs paid
    turnover : (n,) one-way: half of what was traded at its open, as a fraction of the book
    """

    returns: Floats
    turnover: Floats


def held_weights(
    decided: Floats, overnight: Floats, total: Floats, cost_bps: float, trades: Floats | None = None
) -> HeldWeights:
    """Follow weights that sum to at most 1, from their first session on; the rest is cash without interest.

    The first book is bought before anything is counted, so that strategies are compared and not beginnings.

    Parameters
    ----------
    decided : (n, s) weights after the close of each session
    overnight, total : (n, s) log returns from the close before to the open, and to the close; NaN: no price, none
    cost_bps : of each USD that is traded; half of a round trip
    trades : (n,) whether the weights of the session are traded to at the next open, or left to drift; all by default
    """
    count = len(decided)
    returns, turnover = np.zeros(count), np.zeros(count)
    opens, closes = np.expm1(np.nan_to_num(overnight)), np.exp(np.nan_to_num(total))
    within = closes / (1 + opens) - 1
    held = decided[0]
    for t in range(1, count):
        night = float(held @ opens[t])
        at_open = held * (1 + opens[t]) / (1 + night)
        wanted = decided[t - 1] if trades is None or trades[t - 1] else at_open
        traded = float(np.abs(wanted - at_open).sum())
        kept = 1 - traded * cost_bps / 1e4
        day = float(wanted @ within[t])
        returns[t] = (1 + night) * kept * (1 + day) - 1
        turnover[t] = traded / 2
        held = wanted * (1 + within[t]) / (1 + day)
    return HeldWeights(returns, turnover)
