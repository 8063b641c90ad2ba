"""From a source to the tables of the market: separate bad rows, keep the good ones, say when each was known."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames, revisions
from trading.errors import DataError, MissingBarsError
from trading.interfaces import MarketDataSource
from trading.stages.layout import DAILY
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

ALL_SYMBOLS: tuple[str, ...] = (*SYMBOLS, *CONTEXT_SYMBOLS)
_NAMED = 5
OVERLAP_SESSIONS = 5  # a symbol may lack the last bars before a range
# Relative. Adjusted prices are rounded to about 1e-7; the least dividend, a cent on a price below 1,000 USD, moves
# a close by 1e-5 or more.
SAME_CLOSE = 1e-5
ANY = ""  # symbol of a load that did not say whose rows it asked for
UNSETTLED_SESSIONS = (
    5  # a vendor may publish late: the last sessions of a symbol are asked for until they come
)


@dataclass(frozen=True)
class Load:
    """What is asked of a source in one go; its commit tells it, and later loads find it there.

    Attributes
    ----------
    table : `bars`, `corporate_actions`, ...
    timeframe : of the bars, empty for a table that has none
    symbols : whose rows
    first, last : sessions
    source : name of the source
    """

    table: str
    timeframe: str
    symbols: tuple[str, ...]
    first: pd.Timestamp
    last: pd.Timestamp
    source: str

    def facts(self) -> dict[str, str]:
        """What the commit says of it."""
        return {"timeframe": self.timeframe, "symbols": ",".join(self.symbols), "source": self.source}

    def sessions(self) -> pd.DatetimeIndex:
        """All sessions of it."""
        return calendar.sessions_between(self.first, self.last)


def loads_of(table: str, commits: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    """The loads of a table that touch a range of sessions, one row a load and symbol.

    Parameters
    ----------
    commits : as a store lists them: table, first, last, written_at, facts

    Returns
    -------
    Columns timeframe, symbol, first, last, written_at. A load that tells nothing is one of daily bars
    of all symbols (`ANY`): so every load was before they told.
    """
    touching = (commits["table"] == table) & (commits["first"] <= last) & (commits["last"] >= first)
    mine = commits.loc[touching.to_numpy(), ["first", "last", "written_at", "facts"]]
    told = [_told(facts) for facts in mine.pop("facts")]
    named = mine.assign(timeframe=[frame for frame, _ in told], symbol=[list(names) for _, names in told])
    whole = named.astype({"timeframe": "str"}).explode("symbol", ignore_index=True)
    return whole.astype({"symbol": "str"})[["timeframe", "symbol", "first", "last", "written_at"]]


@functools.lru_cache(maxsize=1024)
def _told(facts: str) -> tuple[str, tuple[str, ...]]:
    said: Mapping[str, str] = json.loads(facts)
    return said.get("timeframe", DAILY), tuple(said.get("symbols", ANY).split(","))


def unloaded(
    loads: pd.DataFrame, timeframe: str, symbol: str, sessions: pd.DatetimeIndex, delay: pd.Timedelta
) -> pd.DatetimeIndex:
    """Those of `sessions` that no load of this timeframe and symbol has seen whole.

    A load that ran before a session had closed, and its bars were published, did not.

    Parameters
    ----------
    loads : of one table, from `loads_of`
    timeframe : empty for a table that has none
    delay : from a bar's end until the source publishes it
    """
    ended = calendar.as_of_each(sessions, delay)
    seen = np.zeros(len(sessions), dtype=bool)
    for first, last, written_at in _of_pair(loads, timeframe, symbol):
        seen |= (sessions >= first) & (sessions <= last) & (ended <= written_at)
    return sessions[~seen]


def _of_pair(
    loads: pd.DataFrame, timeframe: str, symbol: str
) -> Iterator[tuple[pd.Timestamp, pd.Timestamp, pd.Timestamp]]:
    """Range and moment of every load of a timeframe and symbol."""
    mine = loads["symbol"].isin([symbol, ANY]).to_numpy()
    if timeframe:
        mine = mine & (loads["timeframe"] == timeframe).to_numpy()
    ranges = loads.loc[mine, ["first", "last", "written_at"]].drop_duplicates()
    return ranges.itertuples(index=False, name=None)


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
    table: str, rows: pd.DataFrame, stored: pd.DataFrame, loads: pd.DataFrame, now: pd.Timestamp
) -> pd.DataFrame:
    """Say when each row of a load was known, so that a session made again sees what its evening saw.

    The first load of a session, by timeframe and symbol, counts as known when its source declares,
    whenever it runs. What a later load adds or changes counts as known from `now`, and never before
    the declared moment; of several revisions of one key only what the source says last counts then,
    because those before it never came in.

    Parameters
    ----------
    table : `bars`, `corporate_actions` or another append-only table with symbols
    rows : validated rows, each with its declared `known_at`
    stored : the newest revision of each key that is held of the same sessions, sorted by key
    loads : what was loaded before, from `loads_of`
    now : the moment of this load

    Returns
    -------
    The rows by key. A row that is held already comes as declared, and a store skips it.
    """
    again = held_again(rows, loads)
    if not again.any():
        return rows
    key = list(frames.table_of(table).key)
    prefix = [column for column in key if column != "known_at"]
    late = rows[again].sort_values(key, kind="stable").drop_duplicates(prefix, keep="last")
    came = late["known_at"].clip(lower=now.as_unit("us"))
    late = late.assign(known_at=came.where(revisions.is_news(table, stored, late), late["known_at"]))
    return pd.concat([rows[~again], late]).sort_values(key, kind="stable", ignore_index=True)


def held_again(rows: pd.DataFrame, loads: pd.DataFrame) -> NDArray[np.bool_]:
    """(n,) True where the session of a row was loaded before, for its timeframe and symbol."""
    covered = np.zeros(len(rows), dtype=bool)
    if loads.empty:
        return covered
    frame = rows["timeframe"] if "timeframe" in rows else pd.Series("", index=rows.index)
    for (timeframe, symbol), places in rows.groupby([frame, rows["symbol"]], sort=False).indices.items():
        sessions = rows["session"].iloc[places]
        for first, last, _ in _of_pair(loads, str(timeframe), str(symbol)):
            covered[places] |= sessions.between(first, last).to_numpy()
    return covered


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
