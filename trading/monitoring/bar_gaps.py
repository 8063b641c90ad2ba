"""Bars that the calendar asks for and that are not there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, market_hours
from trading.interfaces import Bools
from trading.monitoring.bar_series import BarSeries, Ints, plain
from trading.monitoring.odd_bars import WINDOWS

LATE = pd.Timedelta(minutes=10)  # after a bar's end; what is not there then is missing
_LATE = LATE.to_timedelta64().astype("timedelta64[us]")
_FIVE = market_hours.FIVE_MINUTES.to_timedelta64().astype("timedelta64[us]")


@dataclass(frozen=True)
class Gaps:
    """Runs of missing bars, of one symbol and session each.

    Attributes
    ----------
    sessions, symbols, starts : session, symbol, and start (UTC) of the first missing bar of each run
    counts : missing bars; whole : True where the session has none at all
    known : when the last of them was overdue
    """

    sessions: NDArray[np.datetime64]
    symbols: NDArray[np.object_]
    starts: NDArray[np.datetime64]
    counts: Ints
    whole: Bools
    known: NDArray[np.datetime64]


def gaps_of(
    series: BarSeries, sessions: pd.DatetimeIndex, as_of: pd.Timestamp, kept_out: pd.DataFrame
) -> Gaps:
    """What is missing of a series in `sessions`, of bars that were overdue at `as_of` and not `kept_out`.

    A symbol is missed in a session if it had a bar not long before (as far as the windows of the rules
    reach back): what never came, or came no more for long, is a matter of the universe.
    """
    wanted = _wanted_sessions(series, sessions)
    missing = _missing_slots(series, wanted) if series.timeframe == "5min" else _missing_whole(series, wanted)
    overdue = missing["known"].to_numpy() <= _naive(as_of)
    mine = kept_out.loc[(kept_out["timeframe"] == series.timeframe).to_numpy(), ["symbol", "ts"]]
    came = mine.assign(ts=plain(mine["ts"]))
    return _runs(_without(missing[overdue], came), series.timeframe)


def _wanted_sessions(series: BarSeries, sessions: pd.DatetimeIndex) -> pd.DataFrame:
    """Symbol code, place: every session in which a symbol is expected, because it was seen not long before."""
    asked = calendar.all_sessions().get_indexer(sessions).astype(np.int64)
    if series.timeframe == "1W":
        asked = asked[(market_hours.week_of(sessions) == sessions.to_numpy())]
    parts = []
    for code in np.unique(series.symbols):
        seen = np.unique(series.places[series.symbols == code])
        before = np.searchsorted(seen, asked, side="left") - 1
        recent = (before >= 0) & (asked - seen[before] <= WINDOWS[series.timeframe].within)
        wanted = asked[recent | np.isin(asked, seen)]
        parts.append(pd.DataFrame({"code": code, "place": wanted}))
    return (
        pd.concat(parts, ignore_index=True)
        if parts
        else pd.DataFrame({"code": [], "place": []}, dtype="int64")
    )


def _missing_whole(series: BarSeries, wanted: pd.DataFrame) -> pd.DataFrame:
    """Missing daily or weekly bars: code, symbol, session, slot, ts, known, whole."""
    present = pd.DataFrame({"code": series.symbols, "place": series.places})
    absent = _without(wanted, present)
    labels = calendar.all_sessions()[absent["place"].to_numpy()]
    starts = _plain(market_hours.bar_starts(labels, series.timeframe))
    ends = _plain(market_hours.bar_ends(labels, starts, series.timeframe))
    return absent.assign(session=labels.to_numpy(), slot=0, ts=starts, known=ends + _LATE, whole=True).assign(
        symbol=_names(series, absent["code"])
    )


def _missing_slots(series: BarSeries, wanted: pd.DataFrame) -> pd.DataFrame:
    """Missing five-minute bars, with the same columns."""
    bars = pd.DataFrame({"code": series.symbols, "place": series.places, "slot": series.slots})
    counted = bars.groupby(["code", "place"]).size()
    pairs = pd.MultiIndex.from_frame(wanted[["code", "place"]])
    present = counted.reindex(pairs, fill_value=0).to_numpy()
    labels = calendar.all_sessions()[wanted["place"].to_numpy(dtype=np.int64)]
    asked = market_hours.bars_of(labels)
    torn = present < asked
    grid = wanted[torn].loc[wanted[torn].index.repeat(asked[torn])].reset_index(drop=True)
    grid["slot"] = _count_up(asked[torn])
    grid["whole"] = np.repeat(present[torn] == 0, asked[torn])
    absent = _without(grid, bars)
    sessions = calendar.all_sessions()[absent["place"].to_numpy(dtype=np.int64)]
    starts = _plain(market_hours.bar_starts(sessions, "1D")) + absent["slot"].to_numpy() * _FIVE
    return absent.assign(
        session=sessions.to_numpy(),
        ts=starts,
        known=starts + _FIVE + _LATE,
        symbol=_names(series, absent["code"]),
    )


def _runs(missing: pd.DataFrame, timeframe: str) -> Gaps:
    """Missing bars that follow each other in one session, as one run."""
    slots = missing["slot"].to_numpy(dtype=np.int64)
    begins = np.ones(len(missing), dtype=bool)
    same = np.all(
        missing[["code", "place"]].to_numpy()[1:] == missing[["code", "place"]].to_numpy()[:-1], axis=1
    )
    begins[1:] = ~(same & (slots[1:] == slots[:-1] + 1))
    at = np.flatnonzero(begins)
    counts = np.diff(np.append(at, len(missing)))
    first, last = missing.iloc[at], missing.iloc[at + counts - 1]
    labels = pd.DatetimeIndex(first["session"])
    asked = market_hours.bars_of(labels) if timeframe == "5min" else np.ones(len(at), dtype=np.int64)
    return Gaps(
        first["session"].to_numpy(),
        first["symbol"].to_numpy(dtype=object),
        first["ts"].to_numpy(),
        counts,
        first["whole"].to_numpy(dtype=bool) & (counts == asked),
        last["known"].to_numpy(),
    )


def _without(wanted: pd.DataFrame, present: pd.DataFrame) -> pd.DataFrame:
    """Rows of `wanted` whose key is not in `present`, as they came."""
    key = list(present.columns)
    found = pd.MultiIndex.from_frame(wanted[key]).isin(pd.MultiIndex.from_frame(present.drop_duplicates()))
    return wanted[~found].reset_index(drop=True)


def _names(series: BarSeries, codes: pd.Series) -> NDArray[np.object_]:
    names = np.array(sorted(series.rows["symbol"].unique()), dtype=object)
    return names[codes.to_numpy(dtype=np.int64)]


def _count_up(counts: Ints) -> Ints:
    """0 to count - 1 for each count, one after another."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)


def _naive(moment: pd.Timestamp) -> np.datetime64:
    return moment.tz_convert("UTC").tz_localize(None).as_unit("us").to_datetime64()


def _plain(moments: pd.DatetimeIndex) -> NDArray[np.datetime64]:
    return np.asarray(moments.tz_localize(None).as_unit("us"))
