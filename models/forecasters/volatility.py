"""Recent volatility of each symbol, and quantiles of a fat-tailed variable of that size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

from trading.interfaces import Floats


def ewma_volatility(returns: Floats, decay: float) -> Floats:
    """Root of the exponentially weighted mean square over a fixed window.

    sigma² = Σ decayᵏ x²₍w₋ₖ₎ / Σ decayᵏ over the finite values (RiskMetrics 1996, section 5.2), zero mean.

    Parameters
    ----------
    returns : (w, s) NaN where unknown
    decay : weight of a session relative to the next one, in (0, 1]

    Returns
    -------
    (s,) volatility of one session; NaN where no value is finite
    """
    weights = decay ** np.arange(len(returns) - 1, -1, -1.0)[:, None]
    weights = np.where(np.isfinite(returns), weights, 0.0)
    total = weights.sum(axis=0)
    squares = (weights * np.nan_to_num(returns) ** 2).sum(axis=0)
    return np.sqrt(np.divide(squares, total, out=np.full(len(total), np.nan), where=total > 0))


def student_t_quantiles(levels: Sequence[float], degrees_of_freedom: float) -> Floats:
    """(q,) quantiles of Student's t scaled to unit variance."""
    scale = np.sqrt((degrees_of_freedom - 2) / degrees_of_freedom)
    return np.asarray(stdtrit(degrees_of_freedom, np.asarray(levels)) * scale, dtype=np.float64)
