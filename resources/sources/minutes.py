"""Files of one-minute bars, summed to the bars of five minutes that the store knows.

A sum hides its parts: the highest of five highs is above the lowest of five lows although one minute had
them swapped. So each minute is judged before it counts. One that cannot be true, and minutes of one
moment that contradict each other, stay rows of their own.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.market_hours import FIVE_MINUTES
from trading.monitoring.bar_rules import ROUNDING

MINUTE = pd.Timedelta(minutes=1)
_PRICES = ["open", "high", "low", "close"]
_KEY = ["symbol", "ts"]


def five_minutes_of(minutes: pd.DataFrame) -> pd.DataFrame:
    """Bars of five minutes, each of the minutes that there are in it, and the minutes that cannot be summed.

    Parameters
    ----------
    minutes : columns of `bars`, `ts` the start of a minute, and any others; `known_at` that of the
        bar of five minutes. A minute that is there twice with the same values counts once.

    Returns
    -------
    The same columns. In a minute that was not summed, `open` is text which says so: no rule takes it for a bar.
    """
    values = minutes[[*_PRICES, "volume"]].apply(pd.to_numeric, errors="coerce")
    again = minutes.duplicated([*_KEY, *values]).to_numpy()
    good = ~again & _is_possible(minutes, values)
    good &= ~_is_contradicted(minutes, good)
    summed = _summed(minutes[good].assign(**{name: values.loc[good, name] for name in values}))
    if good.all():
        return summed
    said = np.where(again, "a minute that is there twice, open ", "a minute that cannot be summed, open ")
    apart = minutes.assign(open=said + minutes["open"].astype("str").to_numpy(dtype=object))[~good]
    return pd.concat([summed, apart], ignore_index=True)


def _is_possible(minutes: pd.DataFrame, values: pd.DataFrame) -> NDArray[np.bool_]:
    prices = values[_PRICES]
    known = minutes[_KEY].notna().all(axis=1) & np.isfinite(values).all(axis=1)
    ordered = (values["high"] * (1 + ROUNDING) >= prices.max(axis=1)) & (
        values["low"] * (1 - ROUNDING) <= prices.min(axis=1)
    )
    starts = pd.to_datetime(minutes["ts"], utc=True, errors="coerce")
    on_minute = starts == starts.dt.floor(MINUTE)
    possible = known & ordered & on_minute & (prices > 0).all(axis=1) & (values["volume"] >= 0)
    return possible.to_numpy(dtype=bool)


def _is_contradicted(minutes: pd.DataFrame, good: NDArray[np.bool_]) -> NDArray[np.bool_]:
    torn = np.zeros(len(minutes), dtype=bool)
    torn[good] = minutes[good].duplicated(_KEY, keep=False)
    return torn


def _summed(minutes: pd.DataFrame) -> pd.DataFrame:
    """One row for each symbol and five minutes, in the order in which they first stand in the file."""
    ordered = minutes.assign(ts=pd.to_datetime(minutes["ts"], utc=True)).sort_values(_KEY, kind="stable")
    start = ordered["ts"].dt.floor(FIVE_MINUTES)
    told = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    others = {name: "first" for name in minutes.columns if name not in {*told, *_KEY}}
    bars = ordered.drop(columns="ts").assign(_start=start).groupby(["symbol", "_start"], sort=False)
    made = bars.agg({**told, **others}).reset_index()
    return made.rename(columns={"_start": "ts"})[list(minutes.columns)]
