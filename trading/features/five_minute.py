"""Features of five-minute bars: what each bar of a session could know at its end.

The overnight return is kept apart. Prices before an open are scaled so that a session begins where the
one before it ended, and the return of a session's first bar is that from its open: so no indicator
sees the jump. What a holder made, the jump included, is `held_return`. Every feature looks at a fixed number of
the symbol's bars; Wilder's smoothing is started anew at each open from the 126 bars before it and
goes on through the session, so a session's values never depend on where a history begins.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
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
_FLAT = 1e-9  # of the price: the spread of equal prices is not zero to the last digit
Places = NDArray[np.int64]
Feature = Callable[["_Series", Places], Floats]


def five_minute_features(
    bars: IntradayBars, first: int, stop: int, names: Collection[str] = COLUMNS
) -> dict[str, Floats]:
    """Features `names` of the bars at places `first` to `stop` (exclusive) of the last session.

    Made and named as the daily ones, with bars in place of sessions, except

    log_return : since the close before within the session, of its first bar since its own open; NaN after a gap
    held_return : since the symbol's last close before, that of an earlier session included
    overnight_return : of a session's first bar, its open over the close of the session before; else NaN

    Returns
    -------
    (stop - first, s) each, NaN where a symbol has no bar.
    """
    out = {name: np.full((stop - first, len(bars.symbols)), np.nan) for name in names}
    for column in range(len(bars.symbols)):
        place = np.flatnonzero(np.isfinite(bars.values[:stop, column, _CLOSE]))
        ends = np.arange(np.searchsorted(place, first), len(place))
        if len(ends):
            series = _Series.of(bars, column, place)
            for name in names:
                out[name][place[ends] - first, column] = _FEATURES[name](series, ends)
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
    opens : how many bars lie before the last session
    """

    prices: Floats
    volume: Floats
    steps: Floats
    held: Floats
    overnight: Floats
    opens: int

    @property
    def close(self) -> Floats:
        """(m,) scaled closes."""
        return self.prices[_CLOSE]

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


def _volatility(count: int) -> Feature:
    def feature(series: _Series, ends: Places) -> Floats:
        known = np.isfinite(series.steps)
        windows = _windows(series.steps[known], count, np.cumsum(known)[ends])
        return windows.std(axis=1, ddof=1) * np.sqrt(_BARS_A_YEAR)

    return feature


def _momentum(count: int) -> Feature:
    def feature(series: _Series, ends: Places) -> Floats:
        before = np.where(ends >= count, series.close[np.maximum(ends - count, 0)], np.nan)
        return np.log(series.close[ends] / before)

    return feature


def _wilder(indicator: Callable[[Floats, Floats, Floats], Floats]) -> Feature:
    """One of Wilder's, started from the 126 bars before the session; NaN with fewer."""

    def feature(series: _Series, ends: Places) -> Floats:
        begin = series.opens - WILDER_BARS
        if begin < 0:
            return np.full(len(ends), np.nan)
        _, high, low, close = np.ascontiguousarray(series.prices[:, begin:])
        return indicator(high, low, close)[ends - begin]

    return feature


def _bollinger(series: _Series, ends: Places) -> Floats:
    band = _windows(series.close, 20, ends + 1)
    close, width = series.close[ends], 2 * band.std(axis=1)
    return _ratio(close - band.mean(axis=1), np.where(width > _FLAT * close, width, 0.0))


def _volume_ratio(series: _Series, ends: Places) -> Floats:
    return _ratio(series.volume[ends], _windows(series.volume, 21, ends + 1).mean(axis=1))


def _log_volume_zscore(series: _Series, ends: Places) -> Floats:
    volume = _windows(series.volume, 63, ends + 1)
    traded = np.log(np.where(volume > 0, volume, np.nan))
    return _ratio(traded[:, -1] - traded.mean(axis=1), traded.std(axis=1, ddof=1))


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Quotient, NaN where there is nothing to divide by."""
    return part / np.where(whole > 0, whole, np.nan)


_FEATURES: dict[str, Feature] = {
    "log_return": lambda series, ends: series.steps[ends],
    "held_return": lambda series, ends: series.held[ends],
    "overnight_return": lambda series, ends: series.overnight[ends],
    "volatility_21": _volatility(21),
    "volatility_63": _volatility(63),
    "rsi_14": _wilder(lambda _high, _low, close: talib.RSI(close, WILDER_PERIOD)),
    "adx_14": _wilder(lambda high, low, close: talib.ADX(high, low, close, WILDER_PERIOD)),
    "atr_14": _wilder(lambda high, low, close: talib.ATR(high, low, close, WILDER_PERIOD) / close),
    "momentum_21": _momentum(21),
    "momentum_63": _momentum(63),
    "momentum_252": _momentum(252),
    "bollinger_20": _bollinger,
    "volume_ratio_21": _volume_ratio,
    "log_volume_zscore_63": _log_volume_zscore,
}
