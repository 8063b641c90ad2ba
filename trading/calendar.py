"""Sessions of the New York Stock Exchange (XNYS), and the moment at which each one decides.

A session is a date label: a naive midnight (`datetime64[us]` in frames). Every moment is an aware
UTC timestamp. The one rule of time is `as_of(t)`: close of t plus the decision delay, on half days too.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from trading.errors import UsageError

if TYPE_CHECKING:
    from exchange_calendars import ExchangeCalendar

TIMEZONE = "America/New_York"
DECISION_DELAY = pd.Timedelta(minutes=15)
FIRST_YEAR, LAST_YEAR = 1990, 2040  # the VIX begins with 1990
REGULAR_CLOSE_HOUR = 16
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@functools.cache
def xnys() -> ExchangeCalendar:
    """The exchange's calendar, with fixed ends: the library's own default drifts with today."""
    import exchange_calendars as xc

    with warnings.catch_warnings():
        # Its 4.13 still reads Series.values of aware columns, and puts the zone back itself.
        warnings.filterwarnings("ignore", "Series.values returning an ndarray", DeprecationWarning)
        return xc.get_calendar("XNYS", start=f"{FIRST_YEAR}-01-01", end=f"{LAST_YEAR}-12-31")


@functools.cache
def _sessions() -> pd.DatetimeIndex:
    return xnys().sessions.as_unit("us")


@functools.cache
def _labels() -> tuple[pd.Timestamp, ...]:
    """The sessions as values: asked thousands of times a run, an index would be slow."""
    return tuple(_sessions())


@functools.cache
def _places() -> dict[pd.Timestamp, int]:
    return {label: place for place, label in enumerate(_labels())}


@functools.cache
def _closes() -> pd.DatetimeIndex:
    return pd.DatetimeIndex(xnys().closes).as_unit("us")


@functools.cache
def _decisions() -> tuple[pd.Timestamp, ...]:
    """`as_of` of every session with the usual delay."""
    return tuple(_closes() + DECISION_DELAY)


@functools.cache
def _opens() -> pd.DatetimeIndex:
    return pd.DatetimeIndex(xnys().opens).as_unit("us")


def all_sessions() -> pd.DatetimeIndex:
    """Every session of the calendar, as naive midnights."""
    return _sessions()


def session_of(value: str | dt.date | pd.Timestamp | np.datetime64) -> pd.Timestamp:
    """`value` as a session label.

    Raises
    ------
    UsageError
        If it is no date, or a date on which the exchange does not open.
    """
    label = _date(value)
    position(label)
    return label


def day_of(value: str | dt.date | pd.Timestamp | np.datetime64) -> pd.Timestamp:
    """`value` as a naive midnight within the calendar, whether the exchange opens on it or not.

    Raises
    ------
    UsageError
        If it is no date, or lies outside the calendar.
    """
    label = _date(value)
    if not _sessions()[0] <= label <= _sessions()[-1]:
        raise UsageError(_no_session(label))
    return label


def session_after(day: pd.Timestamp) -> pd.Timestamp:
    """The first session after a day of the calendar."""
    return _labels()[int(_sessions().searchsorted(day, side="right"))]


def session_before(day: pd.Timestamp) -> pd.Timestamp:
    """The last session before a day of the calendar."""
    return _labels()[int(_sessions().searchsorted(day)) - 1]


def _date(value: str | dt.date | pd.Timestamp | np.datetime64) -> pd.Timestamp:
    label = _stamp(value)
    if label.tz is not None or label != label.normalize():
        raise UsageError(f"{value!r} is a moment; a session is a date without a time")
    return label


def _stamp(value: str | dt.date | pd.Timestamp | np.datetime64) -> pd.Timestamp:
    """`value` as a timestamp; text only if it begins with a whole date, because pandas guesses far."""
    try:
        stamp = pd.Timestamp(value)
    except ValueError:
        stamp = pd.NaT
    if pd.isna(stamp) or (isinstance(value, str) and not _DATE.match(value)):
        raise UsageError(f"{value!r} is not a date; write it as YYYY-MM-DD")
    return stamp.as_unit("us")


def position(session: pd.Timestamp) -> int:
    """Index of `session` among all sessions of the calendar."""
    place = _places().get(session)
    if place is None:
        raise UsageError(_no_session(session))
    return place


def _no_session(label: pd.Timestamp) -> str:
    index = _sessions()
    at = int(index.searchsorted(label))
    if not 0 < at < len(index):
        return f"{label:%Y-%m-%d} is outside the calendar ({FIRST_YEAR} to {LAST_YEAR})"
    return (
        f"{label:%Y-%m-%d} ({label:%A}) is not a session of XNYS; the nearest are "
        f"{index[at - 1]:%Y-%m-%d} and {index[at]:%Y-%m-%d}"
    )


def shift(session: pd.Timestamp, count: int) -> pd.Timestamp:
    """The session `count` sessions after `session` (before it, if negative)."""
    at = position(session) + count
    if not 0 <= at < len(_sessions()):
        raise UsageError(f"{count} sessions from {session:%Y-%m-%d} lies outside the calendar")
    return _labels()[at]


def near(session: pd.Timestamp, count: int) -> pd.Timestamp:
    """The same, or the first or last session of the calendar where that lies outside of it."""
    at = min(max(position(session) + count, 0), len(_sessions()) - 1)
    return _labels()[at]


def sessions_between(first: pd.Timestamp, last: pd.Timestamp) -> pd.DatetimeIndex:
    """All sessions from `first` to `last`, both included, as naive midnights."""
    start, stop = _places().get(first), _places().get(last)
    if start is None or stop is None:
        index = _sessions()
        return index[index.searchsorted(first) : index.searchsorted(last, side="right")]
    return _stretch(start, stop + 1)


@functools.lru_cache(maxsize=16_384)
def _stretch(start: int, stop: int) -> pd.DatetimeIndex:
    """The sessions at these places: stages ask for the same ones, and a new index costs 50 microseconds."""
    return _sessions()[start:stop]


def distance(first: pd.Timestamp, last: pd.Timestamp) -> int:
    """How many sessions `last` lies after `first`."""
    return position(last) - position(first)


def is_session(label: pd.Timestamp) -> bool:
    """Whether the exchange opens on the date `label`."""
    return label in _places()


def session_open(session: pd.Timestamp) -> pd.Timestamp:
    """Opening moment (UTC)."""
    return _opens()[position(session)]


def session_close(session: pd.Timestamp) -> pd.Timestamp:
    """Closing moment (UTC), early on half days."""
    return _closes()[position(session)]


def as_of(session: pd.Timestamp, delay: pd.Timedelta = DECISION_DELAY) -> pd.Timestamp:
    """The moment at which `session` decides: its close plus `delay` (UTC)."""
    if delay is DECISION_DELAY:
        return _decisions()[position(session)]
    return session_close(session) + delay


def as_of_each(sessions: pd.DatetimeIndex, delay: pd.Timedelta = DECISION_DELAY) -> pd.DatetimeIndex:
    """`as_of` of every element of `sessions`, which may repeat."""
    return _closes()[_sessions().get_indexer(sessions)] + delay


def open_each(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """Opening moment (UTC) of every element of `sessions`, which may repeat."""
    return _opens()[_sessions().get_indexer(sessions)]


def last_closed(now: pd.Timestamp, delay: pd.Timedelta = DECISION_DELAY) -> pd.Timestamp:
    """The newest session whose `as_of` is not after `now` (aware)."""
    at = int((_closes() + delay).searchsorted(now.tz_convert("UTC"), side="right")) - 1
    return _sessions()[at]


def next_to_decide(now: pd.Timestamp) -> pd.Timestamp:
    """The first session whose `as_of` is after `now` (aware): what is decided now can take effect in it."""
    return shift(last_closed(now), 1)


def is_half_day(session: pd.Timestamp) -> bool:
    """Whether the session closes early."""
    return session_close(session).tz_convert(TIMEZONE).hour < REGULAR_CLOSE_HOUR


def closed_weekdays(first: pd.Timestamp, last: pd.Timestamp) -> list[dt.datetime]:
    """Weekdays between `first` and `last` on which the exchange stays closed, as naive midnights."""
    weekdays = pd.bdate_range(first, last).as_unit("us")
    return [day.to_pydatetime() for day in weekdays.difference(sessions_between(first, last))]
