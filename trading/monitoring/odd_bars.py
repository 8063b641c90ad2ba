"""Bars that are unlike those before them: each rule marks bars of a series and says why.

A rule looks back only, over a window of fixed length, so that a mark never changes with what came later.
A return is compared with the spread of the returns before it, for five-minute bars with those at the
same time of day (the open is always wild); the spread is the larger of that window's and of the very
last bars', so that a crash in wild times is less odd than in calm ones. Nothing is removed: real prices
do jump.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trading.interfaces import Bools, Floats
from trading.monitoring.bar_series import (
    MAD_TO_DEVIATION,
    BarSeries,
    Ints,
    Look,
    past_median,
    past_spread,
)

ODD, EXTREME = 3.0, 10.0  # robust z
VOLUME_JUMP = 5.0  # either way
LONG_WICK = 10.0  # times the usual range of a bar
WICK_FLOOR = 0.02  # of the price: less is no mistake worth a word
FINEST_SPREAD = 2e-4  # of a log return: a tick of a cent at 50 USD
RECENT_VOLUMES, PAST_VOLUMES = 5, {"1D": 63, "1W": 21}
_SLOTS = 1000  # more than a session has bars
_VALUES = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True)
class Window:
    """How far the rules look back on one timeframe.

    Attributes
    ----------
    bars : values that make a median, at the same time of day for five-minute bars
    recent : last bars that tell how wild the times are
    within : sessions that either may reach back at most
    repeats : equal bars in a row that are stale
    """

    bars: int
    recent: int
    within: int
    repeats: int


WINDOWS = {"5min": Window(21, 39, 30, 3), "1D": Window(63, 10, 80, 2), "1W": Window(26, 5, 150, 2)}
CONTEXT_SESSIONS = {name: window.within + 10 for name, window in WINDOWS.items()}  # and a bar before them


@dataclass(frozen=True)
class Marks:
    """Which bars (n,) a rule marks, and a word on each of them."""

    marked: Bools
    words: Callable[[Ints], list[str]]


def odd_returns(series: BarSeries) -> tuple[Marks, Marks]:
    """Closes that moved more than three, and more than ten robust deviations since the bar before."""
    score = _score(series)
    size = np.where(series.is_adjacent & ~series.splitting, np.abs(score), np.nan)

    def words(at: Ints) -> list[str]:
        both = zip(np.expm1(series.returns[at]), size[at], strict=True)
        return [f"moved {move:+.2%}, {deviations:.1f} robust deviations" for move, deviations in both]

    return Marks((size > ODD) & (size <= EXTREME), words), Marks(size > EXTREME, words)


def _score(series: BarSeries) -> Floats:
    """(n,) robust z of each return; NaN without a whole window."""
    window = WINDOWS[series.timeframe]
    returns, places = series.returns, series.places
    order = np.lexsort((places, series.slots, series.symbols))  # the same time of day together
    groups = (series.symbols * _SLOTS + series.slots)[order]
    middle, spread = np.full(len(order), np.nan), np.full(len(order), np.nan)
    look = Look(window.bars, window.within)
    middle[order], spread[order] = past_spread(returns[order], groups, places[order], look)
    away = returns - middle
    odd = np.abs(away) > ODD * spread  # only wild times can make these less odd
    look = Look(window.recent, window.within)
    recent = past_median(np.abs(returns), series.symbols, places, look, odd) * MAD_TO_DEVIATION
    return away / np.fmax(np.fmax(spread, recent), FINEST_SPREAD)


def long_wicks(series: BarSeries) -> Marks:
    """Highs and lows far beyond open and close, against the usual range of a bar."""
    window = WINDOWS[series.timeframe]
    opened, high, low, close = (series.column(name) for name in _VALUES[:4])
    wick = np.log(high / np.maximum(opened, close)) + np.log(np.minimum(opened, close) / low)
    look, far = Look(window.bars, window.within), wick > WICK_FLOOR
    usual = past_median(np.log(high / low), series.symbols, series.places, look, far)

    def words(at: Ints) -> list[str]:
        both = zip(wick[at], usual[at], strict=True)
        return [
            f"{beyond:.2%} beyond open and close, the usual range is {range_:.2%}" for beyond, range_ in both
        ]

    return Marks(wick > LONG_WICK * usual, words)


def stale_repeats(series: BarSeries) -> Marks:
    """The bar at which open, high, low, close and volume have repeated themselves long enough."""
    least = WINDOWS[series.timeframe].repeats
    same = series.follows
    for name in _VALUES:
        same &= series.column(name) == series.before(series.column(name))
    places = np.arange(len(same))
    newest = np.maximum.accumulate(np.where(same, 0, places))

    def words(at: Ints) -> list[str]:
        return [f"the same five values in {least} bars in a row"] * len(at)

    return Marks(places - newest + 1 == least, words)


def volume_breaks(series: BarSeries) -> Marks:
    """The daily or weekly bar from which five traded values differ fivefold from those before, by their medians."""
    if series.timeframe not in PAST_VOLUMES:
        return Marks(np.zeros(len(series.rows), dtype=bool), lambda _at: [])
    volume = series.column("volume") * series.column("close")  # traded value knows no splits
    symbols, places, past = series.symbols, series.places, PAST_VOLUMES[series.timeframe]
    within = WINDOWS[series.timeframe].within
    every = np.ones(len(volume), dtype=bool)
    now = past_median(volume, symbols, places, Look(RECENT_VOLUMES, within, lag=0), every)
    before = past_median(volume, symbols, places, Look(past, within, lag=RECENT_VOLUMES), every)
    ratio = np.divide(now, before, out=np.full(len(now), np.nan), where=before > 0)
    broken = (ratio > VOLUME_JUMP) | (ratio < 1 / VOLUME_JUMP)
    begins = broken.copy()
    begins[1:] &= ~(broken[:-1] & (symbols[1:] == symbols[:-1]))

    def words(at: Ints) -> list[str]:
        said = f"the median of {RECENT_VOLUMES} is {{:.2f}} times that of the {past} before"
        return [said.format(times) for times in ratio[at]]

    return Marks(begins, words)
