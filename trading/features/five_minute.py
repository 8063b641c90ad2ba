"""Features of five-minute bars: what each bar of a session could know at its end.

The overnight return is kept apart. Prices before an open are scaled so that a session begins where the
one before it ended, and the return of a session's first bar is that from its open: so no indicator
sees the jump. What a holder made, the jump included, is `held_return`. Every feature looks at a fixed number of
the symbol's bars; Wilder's smoothing is started anew at each open from the 126 bars before it and
goes on through the session, so a session's values never depend on where a history begins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from trading.features.daily import ANNUAL_SESSIONS, COLUMNS, WILDER_BARS, WILDER_PERIOD
from trading.features.intraday import BARS_A_SESSION, IntradayBars
from trading.interfaces import Floats

# 253 bars are looked at, and a session has 78, or 42 if it is short.
WINDOW_SESSIONS = 6
_BARS_A_YEAR = ANNUAL_SESSIONS * BARS_A_SESSION
_CLOSE = 3
Places = NDArray[np.int64]


def five_minute_features(bars: IntradayBars, first: int, stop: int) -> dict[str, Floats]:
    """Features of the bars at places `first` to `stop` (exclusive) of the last session, by the names of `COLUMNS`.

    Made and named as the daily ones, with bars in place of sessions, except

    log_return : since the close before within the session, of its first bar since its own open; NaN after a gap
    held_return : since the symbol's last close before, that of an earlier session included
    overnight_return : of a session's first bar, its open over the close of the session before; else NaN

    Returns
    -------
    (stop - first, s) each, NaN where a symbol has no bar.
    """
    out = {name: np.full((stop - first, len(bars.symbols)), np.nan) for name in COLUMNS}
    for column in range(len(bars.symbols)):
        place = np.flatnonzero(np.isfinite(bars.values[:stop, column, _CLOSE]))
        ends = np.arange(np.searchsorted(place, first), len(place))
        if len(ends):
            found = _features(_Series.of(bars, column, place), ends)
            for name, values in found.items():
                out[name][place[ends] - first, column] = values
    return out


@dataclass(frozen=True)
class _Series:
    """The bars of one symbol, m of them, in the order of time.

    Attributes
    ----------
    prices : (4, m) open, high, low and close, earlier sessions scaled so that there is no jump between them
    volume : (m,) shares on the scale of the last session
    steps : (m,) log return of one bar within its session, NaN after a gap
    held : (m,) log return since the bar before, whenever that was
    overnight : (m,) log return from the close of the session before, NaN but at a session's first bar
    opens : (m,) place at which the last session begins
    """

    prices: Floats
    volume: Floats
    steps: Floats
    held: Floats
    overnight: Floats
    opens: int

    @classmethod
    def of(cls, bars: IntradayBars, column: int, place: Places) -> _Series:
        """The series of one symbol, whose bars are at `place`."""
        values = bars.values[place, column].T
        day = bars.grid.day[place]
        opened, closed = np.log(values[0]), np.log(values[_CLOSE])
        scaled = np.log(bars.price[day, column])
        jumps, new = np.zeros(len(place)), np.append(True, day[1:] != day[:-1])
        jumps[1:][new[1:]] = (opened[1:] - closed[:-1])[new[1:]]
        jump = np.cumsum(jumps)
        at_open = place == bars.grid.begins[day]
        since = _since(closed)
        steps = np.where(at_open, closed - opened, np.where(_follows(place) & ~new, since, np.nan))
        before = np.append(False, day[1:] - day[:-1] == 1)
        between = np.append(np.nan, opened[1:] + scaled[1:] - (closed[:-1] + scaled[:-1]))
        return cls(
            prices=values[:4] * np.exp(jump[-1] - jump),
            volume=values[4] * bars.shares[day, column],
            steps=steps,
            held=_since(closed + scaled),
            overnight=np.where(at_open & before, between, np.nan),
            opens=int(np.searchsorted(place, bars.grid.begins[-2])),
        )


def _features(series: _Series, ends: Places) -> dict[str, Floats]:
    """Features (k,) at the bars `ends` of a series, all of its last session."""
    close, volume = series.prices[_CLOSE], series.volume
    valid = np.isfinite(series.steps)
    known, upto = series.steps[valid], np.cumsum(valid)[ends]
    traded = np.log(_windows(np.where(volume > 0, volume, np.nan), 63, ends + 1))
    recent, band = _windows(volume, 21, ends + 1), _windows(close, 20, ends + 1)
    return {
        "log_return": series.steps[ends],
        "held_return": series.held[ends],
        "overnight_return": series.overnight[ends],
        "volatility_21": _volatility(_windows(known, 21, upto)),
        "volatility_63": _volatility(_windows(known, 63, upto)),
        **_wilder(series, ends),
        **{f"momentum_{n}": _momentum(close, n, ends) for n in (21, 63, 252)},
        "bollinger_20": _ratio(close[ends] - band.mean(axis=1), 2 * band.std(axis=1)),
        "volume_ratio_21": _ratio(volume[ends], recent.mean(axis=1)),
        "log_volume_zscore_63": _ratio(traded[:, -1] - traded.mean(axis=1), traded.std(axis=1, ddof=1)),
    }


def _follows(place: Places) -> NDArray[np.bool_]:
    return np.append(False, np.diff(place) == 1)


def _since(levels: Floats) -> Floats:
    """(m,) change since the value before, NaN at the first."""
    return np.append(np.nan, np.diff(levels))


def _windows(values: Floats, count: int, ends: Places) -> Floats:
    """(k, count) the values before each of `ends`, NaN where there are fewer."""
    out = np.full((len(ends), count), np.nan)
    full = ends >= count
    if full.any():
        out[full] = sliding_window_view(values, count)[ends[full] - count]
    return out


def _volatility(windows: Floats) -> Floats:
    return windows.std(axis=1, ddof=1) * np.sqrt(_BARS_A_YEAR)


def _momentum(close: Floats, count: int, ends: Places) -> Floats:
    return np.where(ends >= count, np.log(close[ends] / close[np.maximum(ends - count, 0)]), np.nan)


def _wilder(series: _Series, ends: Places) -> dict[str, Floats]:
    """Wilder's indicators (k,), started from the 126 bars before the session; NaN with fewer."""
    names = ("rsi_14", "adx_14", "atr_14")
    begin = series.opens - WILDER_BARS
    if begin < 0:
        return {name: np.full(len(ends), np.nan) for name in names}
    _, high, low, close = np.ascontiguousarray(series.prices[:, begin:])
    at = ends - begin
    return {
        "rsi_14": talib.RSI(close, WILDER_PERIOD)[at],
        "adx_14": talib.ADX(high, low, close, WILDER_PERIOD)[at],
        "atr_14": talib.ATR(high, low, close, WILDER_PERIOD)[at] / close[at],
    }


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Quotient, NaN where there is nothing to divide by."""
    return part / np.where(whole > 0, whole, np.nan)
