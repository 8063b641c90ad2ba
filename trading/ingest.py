"""From a source to the tables of the market: separate bad rows, keep the good ones, say when each was known."""

from __future__ import annotations

import pandas as pd

from trading import calendar
from trading.errors import MissingBarsError
from trading.interfaces import MarketDataSource
from trading.universe import CONTEXT_SYMBOLS, SYMBOLS

ALL_SYMBOLS: tuple[str, ...] = (*SYMBOLS, *CONTEXT_SYMBOLS)
_NAMED = 5


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


def dated(bars: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """Say when each bar was known: those that arrive on their own evening, at `now`; older ones as declared.

    The store skips what it holds already and dates revisions itself, so a value is stamped once.
    """
    decided = calendar.as_of_each(pd.DatetimeIndex(bars["session"]))
    this_evening = (bars["known_at"] <= now).to_numpy() & (decided >= now)
    return bars.assign(known_at=bars["known_at"].where(~this_evening, now.as_unit("us")))
