"""Daily features of every symbol at one session, free of price scale, from a window of fixed length.

Each feature looks at a fixed number of the symbol's own bars up to the session, so it never depends on
where a history begins: Wilder's smoothing remembers its start, and here that is always 126 bars
back. A symbol with fewer bars has NaN. A session without a bar is skipped, never filled; the return of
the first bar after such a gap spans several sessions, so it is NaN and counts in no volatility; what a
holder made over the gap is `held_return`.
"""

from __future__ import annotations

import numpy as np
import talib

from trading.features.adjustment import AdjustedBars
from trading.interfaces import Bools, Floats

WILDER_PERIOD, WILDER_BARS = 14, 126
LONGEST_BARS = 253
WINDOW_SESSIONS = 273  # the longest feature and twenty sessions that a symbol may lack
ANNUAL_SESSIONS = 252
COLUMNS: tuple[str, ...] = (
    "log_return",
    "held_return",
    "overnight_return",
    "volatility_21",
    "volatility_63",
    "rsi_14",
    "adx_14",
    "atr_14",
    "momentum_21",
    "momentum_63",
    "momentum_252",
    "bollinger_20",
    "volume_ratio_21",
    "log_volume_zscore_63",
)


def daily_features(bars: AdjustedBars, bars_a_year: int = ANNUAL_SESSIONS) -> dict[str, Floats]:
    """Features (s,) at the last session of `bars`, by the names of `COLUMNS`.

    log_return : log of close over the previous session's close, dividend included with raw bars;
        sums of it are returns over a horizon, NaN where a session in between has no bar
    held_return : log of close over the symbol's last close before, however many sessions ago within the
        window, dividends and splits of those sessions included with raw bars
    overnight_return : log of open over the previous session's close
    volatility_n : standard deviation of the last n one-session returns, times the root of `bars_a_year`
    rsi_14, adx_14 : Wilder's, 0 to 100 (New Concepts in Technical Trading Systems, 1978)
    atr_14 : Wilder's average true range as a fraction of the close
    momentum_n : log of close over the close n bars before
    bollinger_20 : distance of the close from its 20-bar mean, in units of two standard deviations
    volume_ratio_21 : volume over its 21-bar mean
    log_volume_zscore_63 : log volume, standardised over 63 bars; NaN if one of them had no volume
    """
    present = ~np.isnan(bars.close)
    opened, high, low, close, volume = (
        _newest(values, present) for values in (bars.open, bars.high, bars.low, bars.close, bars.volume)
    )
    steps, follows = _returns(bars.close), present[-1] & present[-2]
    valid = ~np.isnan(steps)
    returns = _newest(steps, valid)
    values = {
        "log_return": steps[-1],
        "held_return": np.log(close[-1] / close[-2]),
        "overnight_return": np.where(follows, np.log(opened[-1] / close[-2]), np.nan),
        "volatility_21": _volatility(returns[-21:], bars_a_year),
        "volatility_63": _volatility(returns[-63:], bars_a_year),
        **_wilder(high, low, close),
        **{f"momentum_{n}": np.log(close[-1] / close[-1 - n]) for n in (21, 63, 252)},
        "bollinger_20": _bollinger(close[-20:]),
        "volume_ratio_21": _ratio(volume[-1], volume[-21:].mean(axis=0)),
        "log_volume_zscore_63": _log_zscore(volume[-63:]),
    }
    return {name: np.where(present[-1], values[name], np.nan) for name in COLUMNS}


def _newest(values: Floats, present: Bools) -> Floats:
    """(w, s) with the present values of each column moved to the end in their order, NaN before them."""
    if present.all():
        return values
    order = np.argsort(present, axis=0, kind="stable")
    moved = np.take_along_axis(values, order, axis=0)
    return np.where(np.take_along_axis(present, order, axis=0), moved, np.nan)


def _returns(close: Floats) -> Floats:
    """(w - 1, s) log returns from one session to the next."""
    return np.diff(np.log(close), axis=0)


def _volatility(returns: Floats, bars_a_year: int) -> Floats:
    return returns.std(axis=0, ddof=1) * np.sqrt(bars_a_year)


def _wilder(high: Floats, low: Floats, close: Floats) -> dict[str, Floats]:
    """Wilder's indicators (s,) over the last 126 bars, NaN with fewer."""
    out = np.full((3, close.shape[1]), np.nan)
    series = np.ascontiguousarray(np.stack([high, low, close])[:, -WILDER_BARS:].transpose(2, 0, 1))
    for place in np.flatnonzero(~np.isnan(series[:, 2, 0])):
        top, bottom, last = series[place]
        out[0, place] = talib.RSI(last, WILDER_PERIOD)[-1]
        out[1, place] = talib.ADX(top, bottom, last, WILDER_PERIOD)[-1]
        out[2, place] = talib.ATR(top, bottom, last, WILDER_PERIOD)[-1]
    return {"rsi_14": out[0], "adx_14": out[1], "atr_14": out[2] / close[-1]}


def _bollinger(close: Floats) -> Floats:
    return _ratio(close[-1] - close.mean(axis=0), 2 * close.std(axis=0))


def _log_zscore(volume: Floats) -> Floats:
    traded = np.log(np.where(volume > 0, volume, np.nan))
    return _ratio(traded[-1] - traded.mean(axis=0), traded.std(axis=0, ddof=1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Quotient, NaN where there is nothing to divide by."""
    return part / np.where(whole > 0, whole, np.nan)
