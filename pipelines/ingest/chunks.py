"""What to ask a source for: the sessions that no load has seen yet, cut into pieces that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar
from trading.ingest import ALL_SYMBOLS, UNSETTLED_SESSIONS, Load, unloaded
from trading.universe import instrument

BARS_A_SESSION: Mapping[str, float] = {"5min": 78, "1D": 1, "1W": 0.2}
MOST_ROWS = 40_000  # of a chunk: some 10 MB, and enough that a transaction's own cost is small
MOST_SESSIONS: Mapping[str, int] = {"5min": 63, "1D": 1260, "1W": 1260}  # to ask a vendor for at once
_ALL = 1_000_000

_NEVER = pd.Timestamp(1900, 1, 1)

Span = tuple[pd.Timestamp, pd.Timestamp]


@dataclass(frozen=True)
class Wanted:
    """What a person asks to be loaded.

    Attributes
    ----------
    timeframe : of the bars
    spans : first and last session of each symbol
    last : last session of the range that was asked for, which a symbol's span may not reach
    refresh : whether to look again at what is there
    """

    timeframe: str
    spans: Mapping[str, Span]
    last: pd.Timestamp
    refresh: bool = False


def spans_of(
    symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, held: Mapping[str, Span] | None = None
) -> dict[str, Span]:
    """The sessions of each symbol within a range: from its listing on, and only where its source holds any.

    Parameters
    ----------
    held : first and last session of each symbol of a source that knows; symbols that it lacks get none
    """
    spans = {}
    for symbol in symbols:
        begin, end = max(first, listed(symbol)), last
        if held is not None:
            if symbol not in held:
                continue
            begin, end = max(begin, held[symbol][0]), min(end, held[symbol][1])
            if held[symbol][1] < listed(symbol):  # all of it is dated wrongly, and none of it may be lost
                begin = max(first, held[symbol][0])
        if begin <= end:
            spans[symbol] = _with_a_session(begin, end, first, last)
    return spans


def _with_a_session(begin: pd.Timestamp, end: pd.Timestamp, first: pd.Timestamp, last: pd.Timestamp) -> Span:
    """A span as it is, or the session of the range that is next to days that are none: their rows come with it."""
    if len(calendar.sessions_between(begin, end)):
        return begin, end
    sessions = calendar.sessions_between(first, last)
    if not len(sessions):
        return begin, end
    beside = sessions[min(int(sessions.searchsorted(begin)), len(sessions) - 1)]
    return beside, beside


def missing(
    wanted: Wanted, table: str, loads: pd.DataFrame, tail: Mapping[str, pd.Timestamp], delay: pd.Timedelta
) -> dict[str, pd.DatetimeIndex]:
    """The sessions of each symbol to ask for.

    Those that no load has seen whole, and of the last few, those after the last one that brought a
    row: a vendor may publish late.

    Parameters
    ----------
    loads : of the table, from `trading.ingest.loads_of`
    tail : the newest stored session of each symbol among the last few; None asks for nothing twice
    """
    timeframe = wanted.timeframe if table == "bars" else ""
    asked = {}
    for symbol, (first, last) in wanted.spans.items():
        sessions = calendar.sessions_between(first, last)
        if wanted.refresh:
            asked[symbol] = sessions
            continue
        fresh = unloaded(loads, timeframe, symbol, sessions, delay)
        if table == "bars" and last == wanted.last:
            newest = sessions[-UNSETTLED_SESSIONS:]
            fresh = fresh.union(newest[newest > tail.get(symbol, _NEVER)])
        asked[symbol] = fresh
    return asked


def cut(
    asked: Mapping[str, pd.DatetimeIndex], table: str, timeframe: str, source: str, *, together: bool
) -> list[Load]:
    """Loads of consecutive sessions, oldest first.

    They are cut at the same places of the calendar whatever is asked for, so that symbols share them.

    Parameters
    ----------
    together : whether symbols that lack the same sessions are asked for at once, or each alone
    """
    most = _sessions_of_a_chunk(timeframe, len(asked) if together else 1)
    if not together:
        most = min(most, MOST_SESSIONS[timeframe])
    if table != "bars":  # few rows, and an action may only be judged beside its neighbours
        most, timeframe = _ALL, ""
    lacking: dict[Span, list[str]] = {}
    for symbol in sorted(asked, key=_place):
        for span in _runs(asked[symbol], most):
            lacking.setdefault(span, []).append(symbol)
    groups = [
        (span, group)
        for span, symbols in sorted(lacking.items())
        for group in ([symbols] if together else [[symbol] for symbol in symbols])
    ]
    return [Load(table, timeframe, tuple(group), first, last, source) for (first, last), group in groups]


def _sessions_of_a_chunk(timeframe: str, symbols: int) -> int:
    return max(1, int(MOST_ROWS / (BARS_A_SESSION[timeframe] * max(1, symbols))))


def _runs(sessions: pd.DatetimeIndex, most: int) -> Iterator[Span]:
    """First and last of each run of consecutive sessions, cut where the calendar's count divides by `most`."""
    if not len(sessions):
        return
    places = np.array([calendar.position(session) for session in sessions])
    breaks = np.flatnonzero((np.diff(places) > 1) | (np.diff(places // most) > 0)) + 1
    for run in np.split(np.arange(len(sessions)), breaks):
        yield sessions[run[0]], sessions[run[-1]]


def listed(symbol: str) -> pd.Timestamp:
    """The listing of a symbol of the universe; any other may be as old as the calendar."""
    if symbol not in ALL_SYMBOLS:
        return calendar.all_sessions()[0]
    return pd.Timestamp(instrument(symbol).listed).as_unit("us")


def _place(symbol: str) -> tuple[int, str]:
    """Order of the universe, then of the alphabet."""
    return (ALL_SYMBOLS.index(symbol) if symbol in ALL_SYMBOLS else len(ALL_SYMBOLS), symbol)
