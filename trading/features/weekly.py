"""Weekly features at the last session of a week, from the daily bars of the window that daily ones look at.

A weekly bar goes from the first session of a week to the last. The window of daily bars always holds
`WEEKS` whole weeks, and that many are used: features of longer windows (a year's momentum, the
volatility of 63 bars, what Wilder smooths over 126) are NaN.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from trading import market_hours
from trading.features.adjustment import AdjustedBars
from trading.features.daily import LONGEST_BARS, daily_features
from trading.interfaces import Floats

WEEKS = 53
WEEKS_A_YEAR = 52


def ends_week(session: pd.Timestamp) -> bool:
    """Whether `session` is the last one of its week, by the calendar."""
    return bool(market_hours.week_of(pd.DatetimeIndex([session]))[0] == session.to_datetime64())


def weekly_bars(bars: AdjustedBars) -> AdjustedBars:
    """The last 53 whole weeks of daily bars that end with a week, each labelled by its last session.

    A symbol has a bar of a week if it has one of the week's last session: another close is not the
    week's. What it lacks before is left out, as a vendor does.
    """
    week = market_hours.week_of(bars.sessions)
    begins = np.append(0, np.flatnonzero(week[1:] != week[:-1]) + 1)[-WEEKS:]
    ends = np.append(begins[1:], len(week)) - 1
    closed = ~np.isnan(bars.close[ends])
    values = {
        "open": _first(bars.open, begins),
        "high": np.fmax.reduceat(bars.high, begins),
        "low": np.fmin.reduceat(bars.low, begins),
        "close": bars.close[ends],
        "volume": np.add.reduceat(np.nan_to_num(bars.volume), begins),
    }
    chosen = {name: np.where(closed, cube, np.nan) for name, cube in values.items()}
    return AdjustedBars(bars.sessions[ends], bars.symbols, **chosen)


def weekly_features(bars: AdjustedBars) -> dict[str, Floats]:
    """Features (s,) of the week that ends with the last session of `bars`, named and made as the daily ones.

    Volatility is annual. Sums of `log_return` are returns over weeks; `overnight_return` is that over
    the weekend.
    """
    weeks = weekly_bars(bars)
    absent = np.full((LONGEST_BARS - len(weeks.close), len(weeks.symbols)), np.nan)
    cubes = [
        np.concatenate([absent, cube])
        for cube in (weeks.open, weeks.high, weeks.low, weeks.close, weeks.volume)
    ]
    return daily_features(AdjustedBars(weeks.sessions, weeks.symbols, *cubes), bars_a_year=WEEKS_A_YEAR)


def _first(values: Floats, begins: np.ndarray) -> Floats:
    """(w, s) the first known value of each week, NaN where none is."""
    out = np.full((len(begins), values.shape[1]), np.nan)
    for place, (begin, end) in enumerate(zip(begins, np.append(begins[1:], len(values)), strict=True)):
        part = values[begin:end]
        out[place] = part[np.isfinite(part).argmax(axis=0), np.arange(part.shape[1])]
    return out
