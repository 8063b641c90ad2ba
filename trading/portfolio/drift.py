"""What becomes of a mix that nobody trades: prices move its weights."""

from __future__ import annotations

import numpy as np

from trading.interfaces import Floats
from trading.portfolio.problem import GRID


def drifted(weights: Floats, log_returns: Floats, *, exposure: float, ceiling: float) -> Floats:
    """(s,) weights of a mix a session later, on the grid.

    A mix that stayed as it was solved would be traded back to every session, which is no decision of
    anybody's. So it moves as the book did that holds the part `exposure` of it, cash included; a name
    that would grow past the ceiling on either side stays there, and all of them together never exceed 1.

    Parameters
    ----------
    weights : (s,) of the session before, which sum to at most 1, negative for a short
    log_returns : (s,) since then, NaN where there was no price
    exposure : the part of the mix that was held, in [0, 1]
    ceiling : largest absolute weight of one name, unless it was above before

    Examples
    --------
    >>> drifted(np.array([0.5, 0.5]), np.log([1.5, 0.5]), exposure=1.0, ceiling=0.8)
    array([0.75, 0.25])
    """
    returns = np.expm1(np.nan_to_num(log_returns))
    grown = weights * (1.0 + returns) / (1.0 + exposure * float(weights @ returns))
    size = np.minimum(np.abs(grown), np.maximum(ceiling, np.abs(weights)))
    kept = np.copysign(size, grown)
    units = round(1 / GRID)
    steps = np.abs(kept) / max(1.0, float(kept.sum())) * units
    # a weight on the grid stays there in spite of float error
    return np.asarray(np.sign(kept) * np.floor(steps + 0.001) / units)
