"""What to ask a source for: the sessions that no load has seen yet, cut into pieces that fit in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar
from trading.ingest import ALL_SYMBOLS, UNSETTLED_SESSIONS, Load, unloaded
from trading.universe import instrument

SESSIONS_A_CHUNK: Mapping[str, int] = {"5min": 63, "1D": 1260, "1W": 1260}

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
        begin, end = max(first, _listed(symbol)), last
        if held is not None:
            if symbol not in held:
                continue
            begin, end = max(begin, held[symbol][0]), min(end, held[symbol][1])
        if begin <= end:
            spans[symbol] = (begin, end)
    return spans


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
            fresh = fresh.union(newest[newest > tail.get(symbol, pd.Timestamp.min)])
        asked[symbol] = fresh
    return asked


def cut(
    asked: Mapping[str, pd.DatetimeIndex], table: str, timeframe: str, source: str, *, together: bool
) -> list[Load]:
    """Loads of consecutive sessions, oldest first.

    Parameters
    ----------
    together : whether symbols that lack the same sessions are asked for at once, or each alone
    """
    sessions = SESSIONS_A_CHUNK[timeframe]
    wholes = table != "bars"  # few rows, and an action may only be judged beside its neighbours
    lacking: dict[Span, list[str]] = {}
    for symbol in sorted(asked, key=_place):
        for span in _runs(asked[symbol], len(asked[symbol]) if wholes else sessions):
            lacking.setdefault(span, []).append(symbol)
    label = timeframe if table == "bars" else ""
    groups = [
        (span, group)
        for span, symbols in sorted(lacking.items())
        for group in ([symbols] if together else [[symbol] for symbol in symbols])
    ]
    return [Load(table, label, tuple(group), first, last, source) for (first, last), group in groups]


def _runs(sessions: pd.DatetimeIndex, most: int) -> Iterator[Span]:
    """First and last of each run of consecutive sessions, at most `most` long."""
    if not len(sessions):
        return
    places = np.array([calendar.position(session) for session in sessions])
    breaks = np.flatnonzero(np.diff(places) > 1) + 1
    for run in np.split(np.arange(len(sessions)), breaks):
        for start in range(0, len(run), most):
            part = run[start : start + most]
            yield sessions[part[0]], sessions[part[-1]]


def _listed(symbol: str) -> pd.Timestamp:
    """The listing of a symbol of the universe; any other may be as old as the calendar."""
    if symbol not in ALL_SYMBOLS:
        return calendar.sessions_between(pd.Timestamp.min, pd.Timestamp.max)[0]
    return pd.Timestamp(instrument(symbol).listed).as_unit("us")


def _place(symbol: str) -> tuple[int, str]:
    """Order of the universe, then of the alphabet."""
    return (ALL_SYMBOLS.index(symbol) if symbol in ALL_SYMBOLS else len(ALL_SYMBOLS), symbol)
