"""Raw bars of a vendor that divides the past by every later split."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.interfaces import Bools, Floats

Labels = NDArray[np.datetime64]
TELLING_RATIO = (
    2.0  # from here on a split that is not in the prices yet cannot be taken for a move of the market
)
# Such vendors send 32-bit numbers, which are off by 6e-8 of the price at most: by less than half of the last of so
# many decimals, below each of these prices (USD), and of two beyond.
DECIMALS: tuple[tuple[float, int], ...] = ((800.0, 4), (8_000.0, 3))
CENTS = 2


def in_prices(sessions: Labels, opens: Floats, closes: Floats, splits: pd.Series) -> Bools:
    """(k,) whether the bars before each split are divided by it already.

    A vendor may list a split before it has divided the past: then the price jumps by the ratio from the
    close before to the open after it.

    Parameters
    ----------
    sessions, opens, closes : (n,) of one symbol's bars, ascending
    splits : (k,) ratios by the session from which they are in effect, ascending
    """
    at = np.searchsorted(sessions, splits.index.to_numpy())
    inside = (at > 0) & (at < len(sessions))
    after, before = np.minimum(at, len(sessions) - 1), np.maximum(at - 1, 0)
    jump = np.log(opens[after] / closes[before])
    size = np.log(splits.to_numpy(dtype=np.float64))
    divided = np.abs(jump) <= np.abs(jump + size)
    return ~inside | divided | (np.abs(size) < np.log(TELLING_RATIO))


def factors(sessions: Labels, splits: pd.Series, *, on_the_day: bool = False) -> Floats:
    """(n,) by how much the vendor divided each session's prices: the product of the ratios of all later splits.

    Parameters
    ----------
    splits : ratios by session, ascending
    on_the_day : count a split of the session itself, too: for amounts per share held before it
    """
    ratios = splits.to_numpy(dtype=np.float64)
    products = np.append(np.cumprod(ratios[::-1])[::-1], 1.0)
    return products[
        np.searchsorted(splits.index.to_numpy(), sessions, side="left" if on_the_day else "right")
    ]


def raw_prices(prices: Floats, factor: Floats) -> Floats:
    """Prices as they were traded, freed of the vendor's rounding.

    >>> raw_prices(np.array([120.88800048828125]), np.array([10.0]))
    array([1208.88])
    """
    raw = prices * factor
    limits, decimals = zip(*DECIMALS, strict=True)
    return np.select(
        [raw < limit for limit in limits], [np.round(raw, n) for n in decimals], np.round(raw, CENTS)
    )


def raw_amounts(amounts: Floats, implied: Floats, factor: Floats) -> Floats:
    """Dividends per share held then, whether the vendor divided them or not: it does so now and then.

    Parameters
    ----------
    amounts : (n,) as the vendor lists them
    implied : (n,) in the scale of its prices, from its closes before and after dividends; NaN where unknown
    factor : (n,) by how much it divided the prices
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.log(amounts / implied)  # 0 if divided as the prices are, log(factor) if not at all
        is_raw = np.abs(apart - np.log(factor)) < np.abs(apart)
    return np.where(is_raw, amounts, amounts * factor)
