"""Samples for training, cut out of a window: what stood before an origin, and what came after it.

A sample never reaches beyond the window's last session: a horizon that would is NaN. What is learned from
and what it is judged by lie apart in time. Letters of the shapes: w bars of the window, s symbols,
c channels, n samples, b some of them, l bars of context, h horizons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from models.forecasters.volatility import ewma_volatility
from trading.errors import ShortHistoryError
from trading.frames import HORIZONS
from trading.interfaces import Bools, Floats, Window

Rows = NDArray[np.int64]
RETURN = "log_return"
VOLATILITY_BARS, DECAY = 63, 0.94
SHORTEST_HISTORY = 64
VALIDATION_SHARE = 0.15


@dataclass(frozen=True)
class Samples:
    """One sample an origin and symbol, in order of the origin: every symbol stands for itself.

    Attributes
    ----------
    panel : (w, s, c) of the window, NaN where unknown; length : l, bars of a context
    returns : place of the log return among the channels
    origin, symbol : (n,) places in the panel
    targets : (n, h) cumulative log returns after the origin, NaN where unknown
    unit : (n,) volatility of one bar, known at the origin
    """

    panel: Floats
    length: int
    returns: int
    origin: Rows
    symbol: Rows
    targets: Floats
    unit: Floats

    def contexts(self, rows: Rows) -> Floats:
        """(b, l, c) the bars up to and with each origin, NaN before the window began."""
        return np.moveaxis(self._windows[self.origin[rows], self.symbol[rows]], -1, 1)

    def scaled_targets(self, horizons: Sequence[int] = HORIZONS) -> Floats:
        """(n, h) targets in units of the sample's volatility times the root of the horizon."""
        return self.targets / (self.unit[:, None] * np.sqrt(np.asarray(horizons, dtype=float)))

    def rows_before(self, rows: Rows, bars: Sequence[int]) -> Rows:
        """(b, len(bars)) the samples of the same symbol so many bars before; -1 where there is none."""
        origins = self.origin[rows, None] - np.asarray(bars)
        found = self._places[origins.clip(min=0), self.symbol[rows, None]]
        return np.where(origins >= 0, found, -1)

    @cached_property
    def _places(self) -> Rows:
        """(w, s) row of the sample at each place, -1 where there is none."""
        places = np.full(self.panel.shape[:2], -1)
        places[self.origin, self.symbol] = np.arange(len(self.origin))
        return places

    @cached_property
    def _windows(self) -> Floats:
        return _contexts(self.panel, self.length)


@dataclass(frozen=True)
class CrossSections:
    """One sample an origin: all symbols together.

    Attributes
    ----------
    panel : (w, s, c) of the window, NaN where unknown; length : l, bars of a context
    origin : (n,) places in the panel, ascending
    targets : (n, s, h) cumulative log returns, NaN where unknown or where the symbol is not a sample there
    unit : (n, s) volatility of one bar, known at the origin; NaN where unknown
    """

    panel: Floats
    length: int
    origin: Rows
    targets: Floats
    unit: Floats

    def contexts(self, rows: Rows) -> Floats:
        """(b, l, s, c) the bars up to and with each origin, NaN before the window began."""
        return np.moveaxis(self._windows[self.origin[rows]], -1, 1)

    def scaled_targets(self, horizons: Sequence[int] = HORIZONS) -> Floats:
        """(n, s, h) targets in units of the symbol's volatility times the root of the horizon."""
        return self.targets / (self.unit[..., None] * np.sqrt(np.asarray(horizons, dtype=float)))

    @cached_property
    def _windows(self) -> Floats:
        return _contexts(self.panel, self.length)


@dataclass(frozen=True)
class Split:
    """Samples to learn from, and later ones to be judged by; rows in order of their origin."""

    training: Rows
    validation: Rows


def cut(
    window: Window,
    *,
    model: str,
    length: int,
    horizons: Sequence[int] = HORIZONS,
    stride: int = 1,
    fewest: int = 200,
) -> Samples:
    """A sample for every unmasked symbol and every `stride`-th origin, counted back from the last one.

    A symbol counts from 64 known returns before the origin on, if the next return is known.

    Raises
    ------
    ShortHistoryError
        If there are fewer than `fewest` samples.
    """
    targets, unit, usable = _measure(window, horizons, stride)
    origin, symbol = np.nonzero(usable)
    _require(len(origin), fewest, model, window)
    place = window.channels.index(RETURN)
    return Samples(window.panel, length, place, origin, symbol, targets[origin, symbol], unit[origin, symbol])


def cut_cross_sections(
    window: Window,
    *,
    model: str,
    length: int,
    horizons: Sequence[int] = HORIZONS,
    stride: int = 1,
    fewest: int = 60,
) -> CrossSections:
    """A sample for every `stride`-th origin at which at least one symbol counts as in `cut`.

    Raises
    ------
    ShortHistoryError
        If there are fewer than `fewest` samples.
    """
    targets, unit, usable = _measure(window, horizons, stride)
    origin = np.flatnonzero(usable.any(axis=1))
    _require(len(origin), fewest, model, window)
    kept = np.where(usable[..., None], targets, np.nan)
    return CrossSections(window.panel, length, origin, kept[origin], unit[origin])


def point_in_time_split(
    origin: Rows, horizons: Sequence[int] = HORIZONS, share: float = VALIDATION_SHARE
) -> Split:
    """The last `share` of the origins to be judged by; before them an embargo of the longest horizon.

    Nothing that is learned from has a target inside the span of the origins it is judged by.

    Parameters
    ----------
    origin : (n,) place of each sample's origin in the window

    Raises
    ------
    ShortHistoryError
        If nothing is left on one of the two sides.
    """
    places = np.unique(origin)
    border = int(places[int(np.ceil(len(places) * (1 - share)))]) if share > 0 and len(places) > 1 else 0
    split = Split(np.flatnonzero(origin < border - max(horizons)), np.flatnonzero(origin >= border))
    if not len(split.training) or not len(split.validation):
        raise ShortHistoryError(
            f"{len(places)} origins are too few to learn from and be judged by, {max(horizons)} bars apart; "
            "give the source an earlier start"
        )
    return split


def trailing_unit(returns: Floats) -> Floats:
    """(w, s) exponentially weighted volatility of the 63 bars up to each; NaN where unknown or zero."""
    out = np.full(returns.shape, np.nan)
    for end in range(1, len(returns) + 1):
        out[end - 1] = ewma_volatility(returns[max(0, end - VOLATILITY_BARS) : end], DECAY)
    return np.where(out > 0, out, np.nan)


def ahead(returns: Floats, horizons: Sequence[int]) -> Floats:
    """(w, s, h) sums of the next returns; NaN if one is unknown or lies beyond the last row."""
    out = np.full((*returns.shape, len(horizons)), np.nan)
    for place, horizon in enumerate(horizons):
        if horizon < len(returns):
            sums = sliding_window_view(returns[1:], horizon, axis=0).sum(axis=-1)
            out[: len(sums), :, place] = sums
    return out


def _measure(window: Window, horizons: Sequence[int], stride: int) -> tuple[Floats, Floats, Bools]:
    """Targets (w, s, h), units (w, s), and where a symbol is a sample (w, s)."""
    returns = window.channel(RETURN)
    targets, unit = ahead(returns, horizons), trailing_unit(returns)
    known = np.isfinite(returns)
    counted = np.cumsum(known, axis=0) >= SHORTEST_HISTORY
    usable = window.mask & known & counted & np.isfinite(unit) & np.isfinite(targets[..., 0])
    due = np.arange(len(returns))[::-1] % stride == 0
    return targets, unit, usable & due[:, None]


def _contexts(panel: Floats, length: int) -> Floats:
    """(w, s, c, l) a view: at each place the bars up to and with it."""
    before = np.full((length - 1, *panel.shape[1:]), np.nan)
    return sliding_window_view(np.concatenate([before, panel]), length, axis=0)


def _require(count: int, fewest: int, model: str, window: Window) -> None:
    if count < fewest:
        raise ShortHistoryError(
            f"{model} cannot be trained through {str(window.sessions[-1])[:10]}: {count} samples with a known "
            f"return ahead, {fewest} are needed; give the source an earlier start"
        )
