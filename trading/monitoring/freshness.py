"""Which bars should be there by now, and who has to be told that one is not.

A five-minute bar of the session is late when more than ten minutes have passed since its end. Nights,
weekends, holidays and early closes are the calendar's affair: outside of a session nothing falls due.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from trading import calendar
from trading.market_hours import FIVE_MINUTES, grid

LATE_AFTER = pd.Timedelta(minutes=10)
Newest = Mapping[str, pd.Timestamp]


@dataclass(frozen=True)
class Notice:
    """What people should know of one symbol.

    Attributes
    ----------
    kind : `late` when an outage begins, `recovered` when it is over
    last : start of the newest bar that is there, None if there is none
    due : by when the first missing bar should have been there
    late : how long after its end it is missing, or was
    """

    kind: Literal["late", "recovered"]
    symbol: str
    last: pd.Timestamp | None
    due: pd.Timestamp
    late: pd.Timedelta


def expected_bar(now: pd.Timestamp, tolerance: pd.Timedelta = LATE_AFTER) -> pd.Timestamp:
    """Start of the newest regular five-minute bar that ended more than `tolerance` before `now`."""
    latest = now - FIVE_MINUTES - tolerance
    session = _session_before(latest)
    starts = grid(session)
    return starts[max(int(starts.searchsorted(latest)) - 1, 0)]


def bar_after(start: pd.Timestamp) -> pd.Timestamp:
    """Start of the regular bar that follows the one that begins at `start`."""
    session = _session_before(start + pd.Timedelta(microseconds=1))
    following = start.floor(FIVE_MINUTES) + FIVE_MINUTES
    if following < calendar.session_close(session):
        return following
    return calendar.session_open(calendar.shift(session, 1))


def _session_before(moment: pd.Timestamp) -> pd.Timestamp:
    """The newest session that opened before `moment`."""
    day = moment.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")
    session = calendar.sessions_between(day - pd.Timedelta(days=14), day)[-1]
    return session if calendar.session_open(session) < moment else calendar.shift(session, -1)


class FreshnessWatch:
    """Looks for bars that are late, and says so once a symbol and outage.

    Parameters
    ----------
    symbols : whose bars are expected
    started : since when one listens (UTC): what ended before is late only `tolerance` after that
    tolerance : how late a bar may be
    """

    def __init__(
        self, symbols: Sequence[str], started: pd.Timestamp, tolerance: pd.Timedelta = LATE_AFTER
    ) -> None:
        self._symbols, self._started, self._tolerance = tuple(symbols), started, tolerance
        self._out: dict[str, Notice] = {}

    @property
    def late_symbols(self) -> tuple[str, ...]:
        """Whose bars are late as far as people were told."""
        return tuple(self._out)

    def look(self, newest: Newest, now: pd.Timestamp) -> list[Notice]:
        """What is new to tell, given the start of each symbol's newest bar."""
        expected = expected_bar(now, self._tolerance)
        notices = [self._judged(symbol, newest.get(symbol), expected, now) for symbol in self._symbols]
        return [notice for notice in notices if notice is not None]

    def _judged(
        self, symbol: str, last: pd.Timestamp | None, expected: pd.Timestamp, now: pd.Timestamp
    ) -> Notice | None:
        told = self._out.get(symbol)
        if last is not None and last >= expected:
            if told is None:
                return None
            del self._out[symbol]
            return Notice("recovered", symbol, last, told.due, now - (told.due - self._tolerance))
        if told is not None or not self._is_watched(expected, now):
            return None
        first = expected if last is None else bar_after(last)
        due = max(first + FIVE_MINUTES, self._started) + self._tolerance
        self._out[symbol] = Notice("late", symbol, last, due, now - (first + FIVE_MINUTES))
        return self._out[symbol]

    def _is_watched(self, expected: pd.Timestamp, now: pd.Timestamp) -> bool:
        """Whether `expected` is of the session that is on, or has just closed, and one listens long enough."""
        session = _session_before(expected + pd.Timedelta(microseconds=1))
        soon_after = calendar.session_close(session) + 2 * self._tolerance
        return now > self._started + self._tolerance and now <= soon_after
