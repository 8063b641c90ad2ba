"""When bars begin, end and belong: the hours of XNYS around each session, as arrays.

A session has three phases in New York's time: `pre` from 04:00 to the open, `regular` from the open to
the close, `post` from the close to 20:00. On a half day the close is early and `post` begins with it.
Five-minute bars begin at multiples of five minutes from the open, in every phase.

A daily bar spans its session: it begins at the open and ends at the close. A weekly bar spans the
sessions from Monday to Sunday: it begins (`ts`) at the open of the first of them, and carries the label
(`session`) of the last, at whose close it ends and may be known. So no row is known before its session
has closed, whatever its timeframe.

Everything here takes many labels or moments at once; labels that are no sessions give NaT, False or "".
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.interfaces import Bools

FIVE_MINUTES = pd.Timedelta(minutes=5)
PRE_OPENS, POST_CLOSES = pd.Timedelta(hours=4), pd.Timedelta(hours=20)
PHASES: tuple[str, ...] = ("pre", "regular", "post")

Moments = NDArray[np.datetime64]
Labels: TypeAlias = pd.Series | pd.DatetimeIndex
_STEP = int(FIVE_MINUTES / pd.Timedelta(microseconds=1))
_NEVER = np.datetime64("NaT", "us")


@dataclass(frozen=True)
class Hours:
    """Bounds of every session of the calendar, each (n,) datetime64[us] in UTC without a zone.

    `week_opens` and `week_closes` are those of the week's first and last session, `week_ends` is the
    label of the last.
    """

    sessions: pd.DatetimeIndex
    pre_opens: Moments
    opens: Moments
    closes: Moments
    post_closes: Moments
    week_opens: Moments
    week_closes: Moments
    week_ends: Moments


@functools.cache
def hours() -> Hours:
    """The bounds of all sessions, made once a process."""
    sessions = calendar.all_sessions()
    opens, closes = (_naive(bound) for bound in (calendar.open_each(sessions), _closes(sessions)))
    pre, post = (_at(sessions, part) for part in (PRE_OPENS, POST_CLOSES))
    monday = (sessions - pd.to_timedelta(sessions.day_of_week, unit="D")).to_numpy()
    first = np.searchsorted(monday, monday, side="left")
    last = np.searchsorted(monday, monday, side="right") - 1
    labels = sessions.to_numpy()
    return Hours(sessions, pre, opens, closes, post, opens[first], closes[last], labels[last])


def grid(session: pd.Timestamp) -> pd.DatetimeIndex:
    """Starts (UTC) of the regular five-minute bars of `session`: 78, or 42 on a half day that ends at 13:00."""
    opened, closed = calendar.session_open(session), calendar.session_close(session)
    return pd.date_range(opened, closed, freq=FIVE_MINUTES, inclusive="left").as_unit("us")


def bars_of(sessions: Labels) -> NDArray[np.int64]:
    """(n,) how many regular five-minute bars each session has, 0 where there is none."""
    known, opened, closed = _bounds(sessions)
    count = (closed - opened).view(np.int64) // _STEP
    return np.where(known, count, 0)


def session_at(ts: Labels) -> Moments:
    """(n,) label of the session in whose hours, 04:00 to 20:00 in New York, each moment lies; NaT where in none."""
    moments, table = _naive(ts), hours()
    at = np.searchsorted(table.pre_opens, moments, side="right") - 1
    inside = (at >= 0) & ~np.isnat(moments)
    inside[inside] = moments[inside] < table.post_closes[at[inside]]
    return np.where(inside, table.sessions.to_numpy()[at], _NEVER)


def phase_of(sessions: Labels, ts: Labels) -> NDArray[np.object_]:
    """(n,) phase of each moment in its session: `pre`, `regular`, `post`, or "" outside all of them."""
    moments, (known, at) = _naive(ts), _places(sessions)
    table = hours()
    phases = np.full(len(moments), "", dtype=object)
    bounds = (table.pre_opens, table.opens, table.closes, table.post_closes)
    edges = [np.where(known, bound[at], _NEVER) for bound in bounds]
    for name, begin, end in zip(PHASES, edges[:-1], edges[1:], strict=True):
        phases[(moments >= begin) & (moments < end)] = name
    return phases


def is_on_grid(sessions: Labels, ts: Labels) -> Bools:
    """(n,) whether a five-minute bar of the session may begin at each moment, in any phase."""
    known, opened, _ = _bounds(sessions)
    moments = _naive(ts)
    known &= ~np.isnat(moments)
    return known & ((moments - opened).view(np.int64) % _STEP == 0)


def slot_of(sessions: Labels, ts: Labels) -> NDArray[np.int64]:
    """(n,) place of each moment among the regular five-minute bars of its session, 0 at the open.

    Only for moments on the grid; those before the open have negative places.
    """
    _, opened, _ = _bounds(sessions)
    return (_naive(ts) - opened).view(np.int64) // _STEP


def bar_starts(sessions: Labels, timeframe: str) -> pd.DatetimeIndex:
    """(n,) when the daily (`1D`) or weekly (`1W`) bar of each label begins (UTC)."""
    known, at = _places(sessions)
    table = hours()
    return _aware(np.where(known, (table.opens if timeframe == "1D" else table.week_opens)[at], _NEVER))


def bar_ends(sessions: Labels, ts: Labels, timeframe: str) -> pd.DatetimeIndex:
    """(n,) when each bar of a timeframe ends (UTC): it is due from a source at its end plus the source's delay."""
    if timeframe == "5min":
        return _aware(_naive(ts) + np.timedelta64(_STEP, "us"))
    known, at = _places(sessions)
    table = hours()
    return _aware(np.where(known, (table.closes if timeframe == "1D" else table.week_closes)[at], _NEVER))


def week_of(sessions: Labels) -> Moments:
    """(n,) label of the weekly bar to which each session belongs: the last session of its week."""
    known, at = _places(sessions)
    return np.where(known, hours().week_ends[at], _NEVER)


def by_phase(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of a vendor for `bars`, and those for `extended_bars` with their `phase`.

    Five-minute rows before the open or after the close of their session are the second; whatever is
    not known to be one of them stays among the first, for the rules of bars to judge. No row is lost.
    """
    five = rows["timeframe"].eq("5min").to_numpy()
    phases = np.full(len(rows), "", dtype=object)
    phases[five] = phase_of(_readable(rows.loc[five, "session"]), _readable(rows.loc[five, "ts"]))
    outside = (phases == "pre") | (phases == "post")
    return rows[~outside], rows[outside].assign(phase=pd.Series(phases[outside], dtype="str").to_numpy())


def _readable(values: pd.Series) -> pd.Series:
    """Dates or moments as a vendor writes them, read as UTC; NaT where a cell holds anything else."""
    if values.dtype.kind == "M":
        return values
    return pd.to_datetime(values, utc=True, errors="coerce", format="mixed", cache=False)


def _places(sessions: Labels) -> tuple[Bools, NDArray[np.int64]]:
    """Which labels are sessions, and the place of each in the calendar (0 where it is none)."""
    labels = _naive(sessions)
    at = np.searchsorted(hours().sessions.to_numpy(), labels)
    at[at == len(hours().sessions)] = 0
    known = hours().sessions.to_numpy()[at] == labels
    return known, np.where(known, at, 0)


def _bounds(sessions: Labels) -> tuple[Bools, Moments, Moments]:
    """Which labels are sessions, and the open and close of each."""
    known, at = _places(sessions)
    return known, hours().opens[at], hours().closes[at]


def _closes(sessions: pd.DatetimeIndex) -> pd.DatetimeIndex:
    return calendar.as_of_each(sessions, pd.Timedelta(0))


def _at(sessions: pd.DatetimeIndex, part: pd.Timedelta) -> Moments:
    """Wall time `part` of each day in New York: clocks change in the night of Sundays, so it is never ambiguous."""
    return _naive((sessions + part).tz_localize(calendar.TIMEZONE))


def _naive(moments: Labels) -> Moments:
    """As datetime64[us]: of aware ones the time in UTC, of labels themselves."""
    index = pd.DatetimeIndex(moments)
    return np.asarray(
        (index if index.tz is None else index.tz_convert("UTC").tz_localize(None)).as_unit("us")
    )


def _aware(moments: Moments) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(moments).tz_localize("UTC")
