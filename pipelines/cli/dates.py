"""Dates and moments as a person types them."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from trading import calendar
from trading.errors import UsageError


def session_range(
    first: str | None, last: str | None, *, now: pd.Timestamp | None = None
) -> tuple[pd.Timestamp | None, pd.Timestamp | None]:
    """The sessions of `--from` and `--to`, each None if absent.

    Raises
    ------
    UsageError
        If one is no session, if they are reversed, or, where `now` is given, if one has not closed yet.
    """
    start, end = (None if text is None else calendar.session_of(text) for text in (first, last))
    if start is not None and end is not None and start > end:
        raise UsageError(f"--from {first} lies after --to {last}; exchange them")
    if now is not None:
        for session in (start, end):
            _refuse_future(session, now)
    return start, end


def _refuse_future(session: pd.Timestamp | None, now: pd.Timestamp) -> None:
    newest = calendar.last_closed(now)
    if session is not None and session > newest:
        raise UsageError(
            f"{session:%Y-%m-%d} has not closed yet; the newest closed session is {newest:%Y-%m-%d}"
        )


def moment(text: str) -> pd.Timestamp:
    """The moment (UTC) of `--as-of`: a time with its zone, or a session, which means when it decides.

    Raises
    ------
    UsageError
        If it is neither.
    """
    if _is_date(text):
        return calendar.as_of(calendar.session_of(text))
    try:
        stamp = pd.Timestamp(text)
    except ValueError:
        raise UsageError(f"{text!r} is no moment; write it as 2024-03-01 or 2024-03-01T21:15Z") from None
    if stamp.tz is None:
        raise UsageError(
            f"{text!r} names no time zone; write it as 2024-03-01T21:15Z or 2024-03-01T16:15-05:00"
        )
    return stamp.tz_convert("UTC").as_unit("us")


def _is_date(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
