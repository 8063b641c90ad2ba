"""What stocks are selected by: momentum, beta, dividends, quiet, distance from the others, and reversion.

Each criterion is one number a symbol, (s,), NaN where it is not known. Ranks lie in [0, 1], the best at 1.
"""

from __future__ import annotations

import numpy as np

from trading.interfaces import Bools, Floats

OVERSOLD_RSI_POINTS = 20.0  # from the middle, 50, to Wilder's 30
OVERSOLD_DEVIATIONS = 2.0


def ranks(values: Floats) -> Floats:
    """(s,) share of the other known values that lie below, ties by half; 1/2 if there is one alone.

    Examples
    --------
    >>> ranks(np.array([3.0, np.nan, 1.0, 2.0]))
    array([1. , nan, 0. , 0.5])
    """
    known = np.isfinite(values)
    others = int(known.sum()) - 1
    if others < 1:
        return np.where(known, 0.5, np.nan)
    above = np.subtract.outer(values, values)
    share = ((above > 0).sum(axis=1) + ((above == 0).sum(axis=1) - 1) / 2) / others
    return np.where(known, share, np.nan)


def momentum_score(momenta: Floats) -> Floats:
    """(s,) mean rank of the returns (s, m) over several windows, such as 12, 3 and 1 months; all must be known."""
    return np.asarray(np.stack([ranks(column) for column in momenta.T]).mean(axis=0))


def beta_to(market: Floats, returns: Floats, minimum: int) -> Floats:
    """(s,) least-squares slope of returns (w, s) on those of the market (w,), over the sessions both have.

    NaN for a symbol with fewer than `minimum` of them, and where the market stood still.
    """
    both = np.isfinite(returns) & np.isfinite(market)[:, None]
    count = both.sum(axis=0)
    divisor = np.maximum(count, 1)
    x = np.where(both, np.nan_to_num(market)[:, None], 0.0)
    y = np.where(both, np.nan_to_num(returns), 0.0)
    covariance = (x * y).sum(axis=0) - x.sum(axis=0) * y.sum(axis=0) / divisor
    variance = (x * x).sum(axis=0) - x.sum(axis=0) ** 2 / divisor
    told = (count >= minimum) & (variance > 0)
    return np.where(told, covariance / np.where(told, variance, 1.0), np.nan)


def reversion_score(rsi: Floats, bollinger: Floats, z: Floats) -> Floats:
    """(s,) how oversold a name is: 1 where RSI is 30, the close on its lower band, and z at -2; below 0 overbought.

    Parameters
    ----------
    rsi : (s,) 0 to 100
    bollinger : (s,) distance of the close from its mean, the bands at -1 and 1
    z : (s,) distance of the log close from its mean over a longer window, in deviations
    """
    parts = (50.0 - rsi) / OVERSOLD_RSI_POINTS, -bollinger, -z / OVERSOLD_DEVIATIONS
    return np.asarray(sum(parts)) / len(parts)


def z_of_price(log_returns: Floats) -> Floats:
    """(s,) distance of the last log price from the mean of those that returns (w, s) lead to, in deviations.

    A session without a return counts as one without a move; NaN for a name with none, or that stood still.
    """
    path = np.cumsum(np.nan_to_num(log_returns), axis=0)
    spread = path.std(axis=0)
    moved = spread > 0
    return np.where(moved, (path[-1] - path.mean(axis=0)) / np.where(moved, spread, 1.0), np.nan)


def trailing_yield(amounts: Floats, closes: Floats) -> Floats:
    """(s,) dividends of a window as a fraction of the price, each over the close of its own session.

    So splits between the dividend and now need no correction. NaN where a dividend has no close.

    Parameters
    ----------
    amounts, closes : (w, s) USD a share of the session; amounts 0 where nothing was paid
    """
    paid = amounts > 0
    return np.where(paid, amounts / np.where(paid, closes, 1.0), 0.0).sum(axis=0)


def defensive(beta: Floats, dividend_yield: Floats, beta_limit: float, yield_floor: float) -> Bools:
    """(s,) whether beta lies below its limit and the yield above its floor; never with an unknown one."""
    return (np.nan_to_num(beta, nan=np.inf) < beta_limit) & (np.nan_to_num(dividend_yield) > yield_floor)
