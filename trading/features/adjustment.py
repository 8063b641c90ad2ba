"""Bars of one window on one price basis: the scale of the window's last session.

Raw bars are adjusted backwards with the splits and dividends that were known, as vendors do it: before
a split of ratio r prices are divided and volumes multiplied by r; before a dividend of amount d prices
are multiplied by 1 - d / c, where c is the raw close before it (the method of the CRSP and of Yahoo).
So a log return of adjusted closes is that of holding the share with the dividend reinvested at c.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.errors import DataError
from trading.history import Rows
from trading.interfaces import Floats

_VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class AdjustedBars:
    """Bars of a window on one basis, NaN where a symbol has none.

    Attributes
    ----------
    sessions : (w,); symbols : (s,)
    open, high, low, close : (w, s) prices; volume : (w, s) shares
    """

    sessions: pd.DatetimeIndex
    symbols: tuple[str, ...]
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def adjusted_bars(
    bars: Rows, actions: Rows, *, symbols: Sequence[str], timeframe: str = "1D"
) -> AdjustedBars:
    """The bars of a window, adjusted where they are raw; adjusted bars stay as they are.

    Bars that the vendor adjusted for splits only keep their dividends out: amounts are quoted per raw
    share, and the scale of such bars may come from splits that were not known yet.

    Parameters
    ----------
    bars, actions : rows of `bars` and `corporate_actions`, over the same sessions and known at one moment

    Raises
    ------
    DataError
        If bars of one symbol have different bases, naming the symbol and the session.
    """
    axes = {"timeframe": (timeframe,), "session": bars.sessions, "symbol": tuple(symbols)}
    cube = np.ascontiguousarray(np.moveaxis(bars.block(_VALUES, **axes)[0], -1, 0))
    raw = raw_symbols(bars, symbols, timeframe)
    if raw.any() and len(actions):
        price, shares = adjustment_factors(cube[3], actions, symbols, bars.sessions)
        cube[:4] *= np.where(raw, price, 1.0)
        cube[4] *= np.where(raw, shares, 1.0)
    return AdjustedBars(bars.sessions, tuple(symbols), *cube)


def adjustment_factors(
    raw_close: Floats, actions: Rows, symbols: Sequence[str], sessions: pd.DatetimeIndex
) -> tuple[Floats, Floats]:
    """Factors (w, s) of raw prices and of raw volumes, 1.0 in the last session.

    Parameters
    ----------
    raw_close : (w, s) NaN where there is no bar
    """
    price, shares = np.ones(raw_close.shape), np.ones(raw_close.shape)
    place_of = {symbol: place for place, symbol in enumerate(symbols)}
    rows = np.searchsorted(sessions.to_numpy(), np.asarray(actions["session"], dtype="datetime64[us]"))
    columns = (actions[name] for name in ("symbol", "kind", "ratio", "amount"))
    for row, symbol, kind, ratio, amount in zip(rows, *columns, strict=True):
        place = place_of.get(symbol)
        if place is None:
            continue
        if kind == "split":
            price[:row, place] /= ratio
            shares[:row, place] *= ratio
        else:
            price[:row, place] *= _kept(raw_close[:row, place], amount)
    return price, shares


def _kept(closes: Floats, amount: float) -> float:
    """Share of the price that a dividend leaves, from the raw closes before it; 1.0 if there are none."""
    known = closes[~np.isnan(closes)]
    return float(1.0 - amount / known[-1]) if len(known) else 1.0


def raw_symbols(
    bars: Rows, symbols: Sequence[str], timeframe: str
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(s,) whether the bars of each symbol are raw, after making sure that no symbol mixes bases."""
    basis = bars["basis"]
    if len(basis) and bool((basis == basis[0]).all()):
        return np.full(len(symbols), basis[0] == "raw")
    return np.array([_basis_of(bars, symbol, timeframe) == "raw" for symbol in symbols], dtype=np.bool_)


def _basis_of(bars: Rows, symbol: str, timeframe: str) -> str:
    mine = (bars["symbol"] == symbol) & (bars["timeframe"] == timeframe)
    basis = bars["basis"][mine]
    if not len(basis):
        return ""
    other = np.flatnonzero(basis != basis[0])
    if len(other):
        session = pd.Timestamp(bars["session"][mine][other[0]])
        raise DataError(
            f"{symbol} changes from {basis[0]} to {basis[other[0]]} bars at {session:%Y-%m-%d}: one window needs "
            f"one basis; load the whole history from one source, or begin after {session:%Y-%m-%d}"
        )
    return str(basis[0])
