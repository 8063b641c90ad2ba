"""What a bar and a corporate action must be; rows that are not go to quarantine, each with its reason.

Rules are tried in order and the first that a row breaks is its reason. No row is changed, and none
disappears: accepted and quarantined rows together are the rows that came.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from trading import calendar, frames, market_hours
from trading.monitoring.separation import Arrivals, Separation, first_reasons, mark_repeated, separated
from trading.universe import BENCHMARKS, STOCKS

__all__ = ["Separation", "separate_actions", "separate_bars", "separate_extended_bars"]

Rules = Iterator[tuple[str, pd.Series]]

ROUNDING = 1e-6  # relative; vendors' adjusted prices are off by about 1e-7
FIVE_MINUTES = pd.Timedelta(minutes=5)
DIVIDENDS_APART_SESSIONS = 5
_REPEATED = "repeats a dividend of a few sessions before"
_PRICES = ["open", "high", "low", "close"]
_LISTED = {i.symbol: pd.Timestamp(i.listed) for i in (*STOCKS, *BENCHMARKS)}


def separate_bars(rows: pd.DataFrame, *, basis: str | None = None) -> Separation:
    """Raw bars as accepted and quarantined rows.

    Parameters
    ----------
    rows : columns of `bars`, in any order, types as the vendor gives them
    basis : the only price basis that fits; by default that of the first bar of each symbol and timeframe

    Raises
    ------
    SchemaError
        If a column is missing, or a column of numbers or moments holds something else.
    """
    return _separate_bars(Arrivals.of("bars", rows), basis)


def separate_extended_bars(rows: pd.DataFrame, *, basis: str | None = None) -> Separation:
    """The same for bars before the open and after the close, as `market_hours.by_phase` sets them apart.

    Parameters
    ----------
    rows : columns of `extended_bars`
    """
    return _separate_bars(Arrivals.of("extended_bars", rows), basis)


def separate_actions(rows: pd.DataFrame, known: pd.DataFrame | None = None) -> Separation:
    """Raw corporate actions as accepted and quarantined rows.

    A vendor may list one dividend twice, on the same or on neighbouring sessions, in other words or
    amounts. Of dividends of one symbol fewer than five sessions apart the first counts: it is the one
    that is known first, so an evening and a replay agree.

    Parameters
    ----------
    rows : columns of `corporate_actions`
    known : accepted actions of earlier loads, beside which a dividend may be a repetition

    Raises
    ------
    SchemaError
        If a column is missing or of another type.
    """
    ordered = rows.sort_values(["session", "symbol", "kind"], kind="stable") if "session" in rows else rows
    arrivals = Arrivals.of("corporate_actions", ordered)
    reasons = first_reasons(arrivals.unmarked(), _action_rules(arrivals))
    reasons = mark_repeated(arrivals, reasons, ["session", "symbol", "kind"], trust_first=True)
    repeated = _close_dividends(arrivals.typed[reasons == ""], known)
    return separated(arrivals, first_reasons(reasons, [(_REPEATED, repeated.reindex(reasons.index))]))


def _separate_bars(arrivals: Arrivals, basis: str | None) -> Separation:
    reasons = first_reasons(arrivals.unmarked(), _bar_rules(arrivals, basis))
    key = list(frames.table_of(arrivals.table).key)
    return separated(arrivals, mark_repeated(arrivals, reasons, key, trust_first=False))


def _bar_rules(arrivals: Arrivals, basis: str | None) -> Rules:
    """Reason and broken rows of every rule about a single bar, the most basic first."""
    rows = arrivals.typed
    yield "a moment has no time zone", arrivals.naive
    yield "a value is missing", rows.drop(columns="source").isna().any(axis=1)
    yield "a value is infinite", np.isinf(rows[[*_PRICES, "volume"]]).any(axis=1)
    yield "unknown timeframe", ~rows["timeframe"].isin(frames.TIMEFRAMES)
    yield "not a session of XNYS", ~_is_session(rows["session"])
    yield from _clock_rules(rows)
    yield "before the listing", _is_unlisted(rows)
    yield "a price is not positive", (rows[_PRICES] <= 0).any(axis=1)
    yield "high is below low", rows["high"] < rows["low"] * (1 - ROUNDING)
    yield "open or close lies outside low to high", _is_outside(rows)
    yield "negative volume", rows["volume"] < 0
    yield "unknown price basis", ~rows["basis"].isin(frames.BASES)
    first = rows.groupby(["symbol", "timeframe"])["basis"].transform("first")
    yield "another price basis than the bars beside it", rows["basis"] != (basis or first)


def _clock_rules(rows: pd.DataFrame) -> Rules:
    """When a bar begins, and when it can have been known."""
    opened, closed = _hours(rows["session"])
    frame = rows["timeframe"]
    daily, five, weekly = frame.eq("1D"), frame.eq("5min"), frame.eq("1W")
    yield "a daily bar does not begin at the open", daily & (rows["ts"] != opened)
    yield "a weekly bar does not span its week", weekly & ~_spans_its_week(rows)
    phase = rows.get("phase", "regular")
    yield "outside the trading hours", five & (market_hours.phase_of(rows["session"], rows["ts"]) != phase)
    yield "not on the five-minute grid", five & ~market_hours.is_on_grid(rows["session"], rows["ts"])
    end = closed.where(~five, rows["ts"] + FIVE_MINUTES)
    yield "known before it ended", rows["known_at"] < end


def _spans_its_week(rows: pd.DataFrame) -> pd.Series:
    """Whether a weekly bar begins at the open of its week's first session, and is labelled by the last one."""
    starts = market_hours.bar_starts(rows["session"], "1W")
    return (rows["ts"] == pd.Series(starts, index=rows.index)) & (
        rows["session"] == market_hours.week_of(rows["session"])
    )


def _action_rules(arrivals: Arrivals) -> Rules:
    """The same for a single split or dividend."""
    rows = arrivals.typed
    split, dividend = rows["kind"].eq("split"), rows["kind"].eq("dividend")
    yield "a moment has no time zone", arrivals.naive
    yield "a value is missing", rows.drop(columns="source").isna().any(axis=1)
    yield "unknown kind", ~(split | dividend)
    yield "not a session of XNYS", ~_is_session(rows["session"])
    yield "paid outside the sessions of XNYS", ~_is_session(rows["pay_session"])
    yield "paid before it is due", rows["pay_session"] < rows["session"]
    yield "before the listing", _is_unlisted(rows)
    yield "the ratio of a split is not positive", ~np.isfinite(rows["ratio"]) | (rows["ratio"] <= 0)
    yield "the amount of a dividend is not positive", ~np.isfinite(rows["amount"]) | (rows["amount"] < 0)
    yield "the amount of a dividend is not positive", dividend & (rows["amount"] == 0)
    mixed = (split & (rows["amount"] != 0)) | (dividend & (rows["ratio"] != 1))
    yield "a split and a dividend in one row", mixed


def _is_unlisted(rows: pd.DataFrame) -> pd.Series:
    return rows["session"] < rows["symbol"].map(_LISTED).astype("datetime64[us]")


def _is_outside(rows: pd.DataFrame) -> pd.Series:
    ends = rows[["open", "close"]]
    above = ends.gt(rows["high"] * (1 + ROUNDING), axis=0).any(axis=1)
    return above | ends.lt(rows["low"] * (1 - ROUNDING), axis=0).any(axis=1)


def _is_session(labels: pd.Series) -> pd.Series:
    each = pd.DatetimeIndex(labels.dropna().unique())
    trading = {label for label in each if calendar.is_session(label)}
    return labels.isin(list(trading))


def _hours(labels: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Open and close (UTC) of each row's session, NaT where it is none."""
    trading = _is_session(labels)
    sessions = pd.DatetimeIndex(labels[trading])
    empty = pd.Series(pd.NaT, index=labels.index, dtype="datetime64[us, UTC]")
    opened, closed = empty.copy(), empty.copy()
    opened[trading] = calendar.open_each(sessions)
    closed[trading] = calendar.as_of_each(sessions, pd.Timedelta(0))
    return opened, closed


def _close_dividends(rows: pd.DataFrame, known: pd.DataFrame | None) -> pd.Series:
    """Which of the good dividends, sorted by session, follow another too closely to be their own."""
    counted = {} if known is None else _dividend_sessions(known)
    repeated = pd.Series(data=False, index=rows.index)
    for at, row in rows[rows["kind"] == "dividend"].iterrows():
        mine = counted.setdefault(row["symbol"], set())
        gaps = [calendar.distance(other, row["session"]) for other in mine]
        if any(0 < gap < DIVIDENDS_APART_SESSIONS for gap in gaps):
            repeated[at] = True
        else:
            mine.add(row["session"])
    return repeated


def _dividend_sessions(known: pd.DataFrame) -> dict[str, set[pd.Timestamp]]:
    dividends = known[known["kind"] == "dividend"]
    return {symbol: set(rows["session"]) for symbol, rows in dividends.groupby("symbol")}
