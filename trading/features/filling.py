"""Gaps of five-minute bars filled with the last close, as a view: nothing invented is ever stored.

A filled bar is flat (open, high, low and close are the close before it) and has no volume. At most
`most` bars are filled after each observed one, never before the first or after the last of a session.
Whether a bar is filled depends on what came before it alone, and not on when the next one comes: a view
as of any moment is the beginning of the view as of a later one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import frames, market_hours
from trading.interfaces import Bools

MOST_BARS = 3


def filled(bars: pd.DataFrame, most: int = MOST_BARS) -> pd.DataFrame:
    """`bars` with the gaps of each symbol and session filled, and a column `filled` that says which.

    Parameters
    ----------
    bars : columns of `bars`, one row a key; only five-minute bars have gaps
    most : how many bars may be filled after an observed one

    Returns
    -------
    Rows in the order of the key. A filled bar is known at the moment at which the real one was due: as
    long after its end as the observed bar before it was known after its own. So no filled bar is known
    before the close that it repeats.
    """
    key = list(frames.table_of("bars").key)
    observed = bars.assign(filled=False)
    five = observed[observed["timeframe"].eq("5min").to_numpy()]
    five = five.sort_values(["symbol", "session", "ts"], kind="stable", ignore_index=True)
    absent = np.minimum(_absent_after(five), most)
    made = _flat(five.loc[five.index.repeat(absent)], absent)
    return pd.concat([observed, made]).sort_values(key, kind="stable", ignore_index=True)


def gap_sources(
    observed: Bools, begins: NDArray[np.int64], most: int = MOST_BARS
) -> tuple[NDArray[np.int64], Bools]:
    """Which places of a grid are filled, and from where: what `filled` does, for bars laid out in a cube.

    Parameters
    ----------
    observed : (n, s) whether a symbol has a bar at each place of the grid
    begins : (n,) place of the first bar of the session of each place

    Returns
    -------
    source : (n, s) place of the last observed bar, of no account where nothing is filled
    filled : (n, s)
    """
    place = np.arange(len(observed))[:, None]
    source = np.maximum.accumulate(np.where(observed, place, -1), axis=0)
    return source, ~observed & (source >= begins[:, None]) & (place - source <= most)


def count_filled(bars: pd.DataFrame, most: int = MOST_BARS) -> pd.DataFrame:
    """How many bars the view would fill: session, symbol, filled; one row for each that has five-minute bars."""
    five = bars[bars["timeframe"].eq("5min").to_numpy()]
    five = five.sort_values(["symbol", "session", "ts"], kind="stable", ignore_index=True)
    counted = five[["session", "symbol"]].assign(filled=np.minimum(_absent_after(five), most))
    return counted.groupby(["session", "symbol"], as_index=False)["filled"].sum()


def _absent_after(five: pd.DataFrame) -> NDArray[np.int64]:
    """(n,) how many bars of its session are absent between each bar and the next one, or the close."""
    place = market_hours.slot_of(five["session"], five["ts"])
    following = market_hours.bars_of(five["session"])
    symbol, session = five["symbol"].to_numpy(dtype=object), five["session"].to_numpy()
    same = (symbol[1:] == symbol[:-1]) & (session[1:] == session[:-1])
    following[:-1][same] = place[1:][same]
    return following - place - 1


def _flat(rows: pd.DataFrame, counts: NDArray[np.int64]) -> pd.DataFrame:
    """Rows that repeat an observed bar `counts` times, each moved on and made flat."""
    starts = np.cumsum(counts) - counts
    nth = np.arange(len(rows)) - np.repeat(starts, counts) + 1
    later = pd.to_timedelta(nth * market_hours.FIVE_MINUTES).as_unit("us")
    flat = dict.fromkeys(("open", "high", "low"), rows["close"])
    moved = {name: rows[name] + later for name in ("ts", "known_at")}
    return rows.assign(**flat, **moved, volume=0.0, filled=True)
