"""Dates and moments as a person types them."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable

import pandas as pd

from trading import calendar
from trading.errors import UsageError


def session_range(
    first: str | None, last: str | None, *, now: pd.Timestamp | None = None
) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """The sessions of `--from` and `--to`, each None if absent.

    A day without a session is moved inwards, to the session after `--from` or before `--to`, and that is
    said on standard error.

    Raises
    ------
    UsageError
        If one is no date of the calendar, if they are reversed or hold no session, or, where `now` is given,
        if one has not closed yet.
    """
    begin, stop = (None if text is None else calendar.day_of(text) for text in (first, last))
    _refuse_reversed(begin, stop, f"--from {first} lies after --to {last}; exchange them")
    start, end = _session_of(begin, calendar.session_after), _session_of(stop, calendar.session_before)
    _refuse_reversed(start, end, f"there is no session of XNYS from {first} to {last}; widen the range")
    if now is not None:
        _refuse_future(start, now)
        _refuse_future(end, now)
    _say_moved("--from", begin, start)
    _say_moved("--to", stop, end)
    return start, end


def _refuse_reversed(start: pd.Timestamp | None, end: pd.Timestamp | None, why: str) -> None:
    if start is not None and end is not None and start > end:
        raise UsageError(why)


def _session_of(
    day: pd.Timestamp | None, inwards: Callable[[pd.Timestamp], pd.Timestamp]
) -> pd.Timestamp | None:
    return day if day is None or calendar.is_session(day) else inwards(day)


def _say_moved(option: str, day: pd.Timestamp | None, session: pd.Timestamp | None) -> None:
    if day is not None and session is not None and day != session:
        say(f"{option} {day:%Y-%m-%d} ({day:%A}) is no session of XNYS; taking {session:%Y-%m-%d}")


def say(words: str) -> None:
    """Tell a person something beside the answer: one line on standard error."""
    sys.stderr.write(f"note: {words}\n")


def _refuse_future(session: pd.Timestamp | None, now: pd.Timestamp) -> None:
    newest = calendar.last_closed(now)
    if session is not None and session > newest:
        raise UsageError(
            f"{session:%Y-%m-%d} has not closed yet; the newest closed session is {newest:%Y-%m-%d}"
        )


def moment(text: str) -> pd.Timestamp:
    """The moment (UTC) of `--as-of`: a time with its zone, or a date, which means when its session decides.

    A day without a session means the last session before it, which is said on standard error.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if _is_date(text):
        day = calendar.day_of(text)
        session = day if calendar.is_session(day) else calendar.session_before(day)
        if session != day:
            say(f"--as-of {text} ({day:%A}) is no session of XNYS; taking {session:%Y-%m-%d}")
        return calendar.as_of(session)
    try:
        stamp = pd.Timestamp(text)
    except ValueError:
        raise UsageError(f"{text!r} is no moment; write it as 2024-03-01 or 2024-03-01T21:15Z") from None
    if stamp.tz is None:
        raise UsageError(
            f"{text!r} names no time zone; write it as 2024-03-01T21:15Z or 2024-03-01T16:15-05:00"
        )
    return stamp.tz_convert("UTC").as_unit("us")


def moment_told(text: str) -> pd.Timestamp:
    """`moment`, and of a date the moment that it means on standard error."""
    stamp = moment(text)
    if _is_date(text):
        say(f"--as-of {text} means {stamp:%Y-%m-%d %H:%M} UTC, when that session decides")
    return stamp


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
