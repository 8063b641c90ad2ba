"""How fresh the bars of a home are: last known at, expected by, how late; exact by the exchange's calendar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from trading import calendar
from trading.interfaces import Store
from trading.market_hours import FIVE_MINUTES
from trading.monitoring.freshness import LATE_AFTER, bar_after, expected_bar
from trading.stages.layout import DAILY
from trading.universe import SYMBOLS

RECENT_SESSIONS = 10
TIMEFRAMES = (DAILY, "5min")


@dataclass(frozen=True)
class Freshness:
    """How fresh the bars of a timeframe are.

    Attributes
    ----------
    last_session : newest session of any symbol
    known_at : when its newest row came
    due : by when the first bar that is missing was expected; None if none is missing
    late : how long ago that was
    behind : symbols that lack it
    """

    timeframe: str
    last_session: pd.Timestamp
    known_at: pd.Timestamp
    due: pd.Timestamp | None
    late: pd.Timedelta
    behind: tuple[str, ...]


def freshness_of(store: Store, now: pd.Timestamp) -> Iterator[Freshness]:
    """One finding a timeframe: daily bars wherever there are any, five-minute ones if some came lately."""
    listed = store.tables().set_index("table")["last_session"]
    if "bars" not in listed.index or pd.isna(listed["bars"]):
        return
    newest = listed["bars"]
    for timeframe in TIMEFRAMES:
        begin = calendar.shift(newest, 1 - RECENT_SESSIONS)
        rows = store.read("bars", begin, newest, timeframe=timeframe)
        if timeframe == DAILY and not len(rows):  # five-minute bars went on without them
            rows = store.read("bars", timeframe=DAILY)
        rows = rows[rows["symbol"].isin(SYMBOLS)]
        if len(rows):
            yield _judged(timeframe, rows, now)


def _judged(timeframe: str, rows: pd.DataFrame, now: pd.Timestamp) -> Freshness:
    starts = rows.groupby("symbol")["ts"].max()
    expected = _expected(timeframe, now)
    late = starts[starts < expected]
    behind = tuple(symbol for symbol in SYMBOLS if symbol in late.index)
    due = _due(timeframe, late.min()) if behind else None
    return Freshness(
        timeframe=timeframe,
        last_session=rows["session"].max(),
        known_at=rows.loc[rows["ts"] == rows["ts"].max(), "known_at"].max(),
        due=due,
        late=pd.Timedelta(0) if due is None else now - due,
        behind=behind,
    )


def _expected(timeframe: str, now: pd.Timestamp) -> pd.Timestamp:
    """Start of the newest bar that should be there."""
    if timeframe == "5min":
        return expected_bar(now)
    return calendar.session_open(calendar.last_closed(now))


def _due(timeframe: str, last: pd.Timestamp) -> pd.Timestamp:
    """By when the bar after the one that began at `last` was expected."""
    if timeframe == "5min":
        return bar_after(last) + FIVE_MINUTES + LATE_AFTER
    day = last.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")
    return calendar.as_of(calendar.shift(day, 1))
