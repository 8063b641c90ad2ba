"""Series that TimesFM 3.0 may read beside a symbol's path: VIX, the sector, its own volume, the calendar.

VIX and sector are paths of the index and of SMH, so that a move of theirs looks like a move of the symbol's;
volume is the symbol's own standardised log volume. They are known up to the origin. The calendar, the place in
the week and in the month, is known ahead. What is unknown is masked and never filled.
Letters of the shapes: w bars of the window, s symbols, v series known in the past, u series known ahead,
b rows, l bars of context, k bars ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from trading import calendar
from trading.errors import ModelError
from trading.interfaces import Floats, Window

Covariate = Literal["vix", "sector", "volume", "calendar"]
COVARIATES: tuple[Covariate, ...] = get_args(Covariate)
KNOWN_AHEAD: frozenset[Covariate] = frozenset({"calendar"})
RETURN, VOLUME, DAILY = "log_return", "log_volume_zscore_63", "1D"
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Covariates:
    """The covariates of a whole window, from which those of any origin are cut.

    Attributes
    ----------
    past : (w, s, v) NaN where unknown; walks : (v,) True where the values are steps of a path
    ahead : (w + k, u) of the calendar, which no symbol has for itself
    length : l; horizon : k
    """

    past: Floats
    walks: tuple[bool, ...]
    ahead: Floats
    length: int
    horizon: int

    def at(self, origin: Rows, symbol: Rows) -> tuple[NDArray[np.generic], ...]:
        """Values and masks (b, v, l) of the past and (b, u, l + k) of what is known ahead, in that order.

        A path ends at zero at its origin; nothing after an origin is looked at but the calendar.
        """
        raw = self._pasts[origin, symbol]  # (b, v, l)
        paths = np.nan_to_num(raw).cumsum(axis=-1)
        values = np.where(np.asarray(self.walks)[:, None], paths - paths[..., -1:], np.nan_to_num(raw))
        unknown, coming = ~np.isfinite(raw), self._aheads[origin]  # (b, u, l + k)
        single = np.where(unknown, 0.0, values).astype(np.float32)
        return single, unknown, np.nan_to_num(coming).astype(np.float32), ~np.isfinite(coming)

    @cached_property
    def _pasts(self) -> Floats:
        before = np.full((self.length - 1, *self.past.shape[1:]), np.nan)
        return sliding_window_view(np.concatenate([before, self.past]), self.length, axis=0)

    @cached_property
    def _aheads(self) -> Floats:
        before = np.full((self.length - 1, self.ahead.shape[1]), np.nan)
        return sliding_window_view(np.concatenate([before, self.ahead]), self.length + self.horizon, axis=0)


def covariates_of(window: Window, names: tuple[Covariate, ...], length: int, horizon: int) -> Covariates:
    """The named covariates of a window.

    Raises
    ------
    ModelError
        If the window does not hold one, or the calendar is asked of bars that are not daily.
    """
    unknown = sorted(set(names) - set(COVARIATES))
    if unknown:
        raise ModelError(f"unknown covariate {unknown[0]!r}; there are {', '.join(COVARIATES)}")
    chosen = tuple(name for name in COVARIATES if name in names and name not in KNOWN_AHEAD)
    shape = window.panel.shape[:2]
    parts = [np.broadcast_to(_PAST[name](window), shape) for name in chosen]
    past = np.stack(parts, axis=-1) if parts else np.empty((*shape, 0))
    ahead = _calendar(window, horizon) if "calendar" in names else np.empty((shape[0] + horizon, 0))
    return Covariates(past, tuple(name in _WALKS for name in chosen), ahead, length, horizon)


def _volume(window: Window) -> Floats:
    if VOLUME not in window.channels:
        raise ModelError(f"the window holds no {VOLUME}; say it in the channels of the model's ModelSpec")
    return window.channel(VOLUME)


_WALKS: frozenset[Covariate] = frozenset({"vix", "sector"})
_PAST: Mapping[Covariate, Callable[[Window], Floats]] = {
    "vix": lambda window: window.beside("VIX", RETURN)[:, None],
    "sector": lambda window: window.beside("SMH", RETURN)[:, None],
    "volume": _volume,
}


def _calendar(window: Window, horizon: int) -> Floats:
    """(w + k, 2) weekday from -1 (Monday) to 1 (Friday), and how much of the month is over."""
    if window.timeframe != DAILY:
        raise ModelError(f"the calendar is a covariate of daily bars, not of {window.timeframe} ones")
    last = pd.Timestamp(window.sessions[-1])
    coming = calendar.sessions_between(calendar.shift(last, 1), calendar.shift(last, horizon))
    days = pd.DatetimeIndex(window.sessions).append(coming)
    return np.stack([days.day_of_week / 2 - 1, (days.day - 1) / (days.days_in_month - 1)], axis=1).astype(
        float
    )
