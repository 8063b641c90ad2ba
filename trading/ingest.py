"""From a source to the tables of the market: separate bad rows, keep the good ones, say when each was known."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames, revisions
from trading.errors import DataError, MissingBarsError
from trading.interfaces import MarketDataSource
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

ALL_SYMBOLS: tuple[str, ...] = (*SYMBOLS, *CONTEXT_SYMBOLS)
_NAMED = 5
OVERLAP_SESSIONS = 5  # a symbol may lack the last bars before a range
# Relative. Adjusted prices are rounded to about 1e-7; the least dividend, a cent on a price below 1,000 USD, moves
# a close by 1e-5 or more.
SAME_CLOSE = 1e-5


def require_history(source: MarketDataSource, first: pd.Timestamp, last: pd.Timestamp, lead: int) -> None:
    """Refuse a range for which the source has no bars.

    Raises
    ------
    MissingBarsError
        Naming what the source has, and the earliest inception that its history allows.
    """
    begins, ends = source.first_session(), source.last_session()
    if first < begins:
        earliest = calendar.shift(begins, lead)
        raise MissingBarsError(
            f"source {source.name} begins at {begins:%Y-%m-%d}, but the windows and the burn-in before the first "
            f"trade reach back to {first:%Y-%m-%d}; begin at {earliest:%Y-%m-%d} or later"
        )
    if last > ends:
        raise MissingBarsError(
            f"source {source.name} ends at {ends:%Y-%m-%d}; {last:%Y-%m-%d} is past it, so end there or earlier"
        )


def require_sessions(bars: pd.DataFrame, sessions: pd.DatetimeIndex, source: str) -> None:
    """Refuse a session without a single stock's bar.

    Raises
    ------
    MissingBarsError
        Naming the sessions.
    """
    present = bars.loc[bars["symbol"].isin(SYMBOLS), "session"].unique()
    missing = sessions.difference(pd.DatetimeIndex(present))
    if len(missing):
        named = ", ".join(f"{session:%Y-%m-%d}" for session in missing[:_NAMED])
        raise MissingBarsError(
            f"source {source} has no bar of any stock in {len(missing)} sessions ({named}{', …' if len(missing) > _NAMED else ''})"
        )


def dated_by_arrival(
    table: str, rows: pd.DataFrame, stored: pd.DataFrame, ingested: pd.DataFrame, now: pd.Timestamp
) -> pd.DataFrame:
    """Say when each row of a load was known, so that a session made again sees what its evening saw.

    The first load of a session counts as known when its source declares, whenever it runs. What a
    later load adds or changes counts as known from `now`, and never before the declared moment; of
    several revisions of one key only what the source says last counts then, because those before
    it never came in.

    Parameters
    ----------
    table : `bars` or `corporate_actions`
    rows : validated rows, each with its declared `known_at`
    stored : the newest revision of each key that is held of the same sessions, sorted by key
    ingested : columns first, last: the ranges of sessions that were loaded before
    now : the moment of this load

    Returns
    -------
    The rows by key. A row that is held already comes as declared, and a store skips it.
    """
    again = _covered(rows["session"], ingested)
    if not again.any():
        return rows
    key = list(frames.table_of(table).key)
    prefix = [column for column in key if column != "known_at"]
    late = rows[again].sort_values(key, kind="stable").drop_duplicates(prefix, keep="last")
    came = late["known_at"].clip(lower=now.as_unit("us"))
    late = late.assign(known_at=came.where(revisions.is_news(table, stored, late), late["known_at"]))
    return pd.concat([rows[~again], late]).sort_values(key, kind="stable", ignore_index=True)


def require_same_basis(stored: pd.DataFrame, offered: pd.DataFrame, source: str, basis: str) -> None:
    """Refuse to extend bars whose source has adjusted its past anew, because scales would mix in one window.

    Parameters
    ----------
    stored : bars that are held of the last sessions before a range
    offered : the same sessions as the source gives them now, any revision of a bar may agree
    source, basis : names, for the message

    Raises
    ------
    DataError
        Naming the first symbol and session whose closes differ, both closes, and what to do.
    """
    key = ["session", "symbol", "timeframe"]
    pairs = stored[[*key, "close"]].merge(offered[[*key, "close"]], on=key, suffixes=("_stored", "_offered"))
    apart = (pairs["close_offered"] / pairs["close_stored"] - 1).abs()
    nearest = pairs.loc[apart.groupby([pairs[name] for name in key]).idxmin()]
    moved = nearest[(apart[nearest.index] > SAME_CLOSE).to_numpy()]
    if len(moved):
        row = moved.iloc[0]
        raise DataError(
            f"source {source} has adjusted its {basis} bars anew: the close of {row['symbol']} in session "
            f"{row['session']:%Y-%m-%d} is stored as {row['close_stored']:.6g}, and offered as "
            f"{row['close_offered']:.6g} now ({moved['symbol'].nunique()} symbols differ). Two scales must not mix in "
            f"one window: make another home, or this one anew (fabline backfill --rebuild), or use raw bars"
        )


def _covered(sessions: pd.Series, ranges: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) True where a session lies in one of `ranges`."""
    covered = np.zeros(len(sessions), dtype=bool)
    for first, last in ranges[["first", "last"]].drop_duplicates().itertuples(index=False):
        covered |= sessions.between(first, last).to_numpy()
    return covered
