"""From a source to the tables of the market: separate bad rows, keep the good ones, say when each was known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from trading import calendar, frames
from trading.errors import MissingBarsError
from trading.interfaces import MarketDataSource, Store
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

ALL_SYMBOLS: tuple[str, ...] = (*SYMBOLS, *CONTEXT_SYMBOLS)
_VALUES = ["open", "high", "low", "close", "volume", "basis"]


@dataclass(frozen=True)
class Arrival:
    """What a source delivered for a range of sessions: rows to write, and rows that were kept out."""

    accepted: pd.DataFrame
    quarantined: pd.DataFrame


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
        named = ", ".join(f"{session:%Y-%m-%d}" for session in missing[:5])
        raise MissingBarsError(
            f"source {source} has no bar of any stock in {len(missing)} sessions ({named}{', …' if len(missing) > 5 else ''})"  # noqa: PLR2004
        )


def stamp_arrivals(bars: pd.DataFrame, stored: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Leave out what is stored already, and say when the rest was known.

    A first load is known when its source declares it (bar's end plus delay). A row that arrives on
    its own evening, and every revision of a stored row, is known from `now` on.
    """
    key = [column for column in frames.table_of("bars").key if column != "known_at"]
    old = stored[[*key, *_VALUES]].rename(columns={name: f"{name}_stored" for name in _VALUES})
    merged = bars.merge(old, on=key, how="left", indicator="origin")
    seen = (merged["origin"] == "both").to_numpy()
    same = (
        pd.concat([merged[name] == merged[f"{name}_stored"] for name in _VALUES], axis=1)
        .all(axis=1)
        .to_numpy()
    )
    decided = calendar.as_of_each(pd.DatetimeIndex(bars["session"]))
    this_evening = (bars["known_at"] <= now).to_numpy() & (decided >= now)
    fresh = bars.assign(known_at=bars["known_at"].where(~(seen | this_evening), now.as_unit("us")))
    return fresh[~(seen & same)].reset_index(drop=True)


def newest_stored(
    store: Store, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp
) -> pd.DataFrame:
    """Stored bars of a range, the newest revision of each."""
    stored = store.read("bars", first, last)
    return stored[stored["symbol"].isin(list(symbols))]
