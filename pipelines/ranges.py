"""From what a person asks for to a range of sessions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from trading import calendar
from trading.errors import MissingBarsError, UsageError
from trading.interfaces import Clock, MarketDataSource
from trading.line import refuse_future

DEFAULT_SESSIONS = 120
SIMULATED_INCEPTION = pd.Timestamp("2024-01-02")


@dataclass(frozen=True)
class Asked:
    """What the command line said: two dates and a number of sessions, each possibly absent."""

    first: str | None = None
    last: str | None = None
    sessions: int | None = None

    def __post_init__(self) -> None:
        first, last = self.dates()
        if self.sessions is not None and first and last:
            raise UsageError("--sessions together with both --from and --to says too much; leave one out")
        if first and last and first > last:
            raise UsageError(f"the range is reversed: --from {self.first} lies after --to {self.last}")

    def dates(self) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
        """The two dates as sessions; UsageError if one is none, empty text included."""
        first, last = (None if day is None else calendar.session_of(day) for day in (self.first, self.last))
        return first, last


@dataclass(frozen=True)
class Reach:
    """How far a home has come: its inception and its newest session with a portfolio, None before the first run."""

    inception: pd.Timestamp | None
    head: pd.Timestamp | None


def sessions_asked(
    asked: Asked, reach: Reach, source: MarketDataSource, clock: Clock
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The range to run.

    A fresh home begins where it is asked to, or with the default number of sessions; one whose first
    run did not end, at its inception. An older one goes on after its head and fills any gap; asked
    for what it has, it makes that again, through to its head, because every later session rests on it.

    Raises
    ------
    LookAheadError, MissingBarsError
        If a date lies in the future, or after the last session of the source.
    UsageError
        If the range ends before the inception.
    """
    first, last = asked.dates()
    _refuse_unreachable((first, last), source, clock)
    if reach.inception is None:
        return _fresh(first, last, asked.sessions or DEFAULT_SESSIONS, source, clock)
    if last is not None and last < reach.inception:
        raise UsageError(
            f"this home begins at {reach.inception:%Y-%m-%d}, so a range cannot end at {last:%Y-%m-%d}"
        )
    if reach.head is None:
        begin = min(first or reach.inception, reach.inception)
        return _fresh(begin, last, asked.sessions or DEFAULT_SESSIONS, source, clock)
    first = first or _default_first(last, asked.sessions, reach.inception, reach.head)
    last = last or _default_last(first, asked.sessions, source, clock)
    return min(first, calendar.shift(reach.head, 1)), max(last, reach.head)


def _refuse_unreachable(days: Iterable[pd.Timestamp | None], source: MarketDataSource, clock: Clock) -> None:
    for day in days:
        if day is None:
            continue
        refuse_future(day, clock())
        if day > source.last_session():
            raise MissingBarsError(
                f"source {source.name} ends at {source.last_session():%Y-%m-%d}; {day:%Y-%m-%d} is past it"
            )


def _fresh(
    first: pd.Timestamp | None, last: pd.Timestamp | None, count: int, source: MarketDataSource, clock: Clock
) -> tuple[pd.Timestamp, pd.Timestamp]:
    if first is None and last is None and source.simulated:
        first = SIMULATED_INCEPTION
    if first is not None:
        return first, last or min(calendar.shift(first, count - 1), newest(source, clock))
    last = last or newest(source, clock)
    return calendar.shift(last, 1 - count), last


def _default_first(
    last: pd.Timestamp | None, count: int | None, inception: pd.Timestamp, head: pd.Timestamp
) -> pd.Timestamp:
    if last is not None and count is not None:
        return calendar.shift(last, 1 - count)
    following = calendar.shift(head, 1)
    return inception if count is not None or (last is not None and last <= head) else following


def _default_last(
    first: pd.Timestamp, count: int | None, source: MarketDataSource, clock: Clock
) -> pd.Timestamp:
    limit = newest(source, clock)
    return limit if count is None else min(calendar.shift(first, count - 1), limit)


def newest(source: MarketDataSource, clock: Clock) -> pd.Timestamp:
    """The newest session that the source has and that has decided."""
    return min(source.last_session(), calendar.last_closed(clock()))
