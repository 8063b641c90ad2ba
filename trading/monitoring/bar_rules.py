"""What a bar and a corporate action must be; rows that are not go to quarantine, each with its reason.

Rules are tried in order and the first that a row breaks is its reason. No row is changed, and none
disappears: accepted and quarantined rows together are the rows that came. `SLUGS` names each reason for
machines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from trading import calendar, frames, market_hours
from trading.monitoring.separation import (
    DETAIL,
    DUPLICATE,
    MISSING,
    UNREADABLE,
    Arrivals,
    Separation,
    first_reasons,
    mark_repeated,
    separated,
)
from trading.schemas import market
from trading.universe import BENCHMARKS, STOCKS

__all__ = [
    "SLUGS",
    "Separation",
    "rule_of",
    "separate_actions",
    "separate_bars",
    "separate_extended_bars",
    "slug_of",
]

Rules = Iterator[tuple[str, pd.Series]]

ROUNDING = 1e-6  # relative; vendors' adjusted prices are off by about 1e-7
FIVE_MINUTES = market_hours.FIVE_MINUTES
DIVIDENDS_APART_SESSIONS = 5
# Beyond them a number is a mistake. XNYS quotes no price below a hundredth of a cent; adjusted ones lie far above it.
SMALLEST_PRICE, LARGEST_PRICE, LARGEST_VOLUME = 1e-4, 1e7, 1e12
_REPEATED = "repeats a dividend of a few sessions before"
_OTHER_BASIS = "another price basis than the bars beside it"
_PRICES = ["open", "high", "low", "close"]
_LISTED = {i.symbol: pd.Timestamp(i.listed) for i in (*STOCKS, *BENCHMARKS)}

SLUGS: dict[str, str] = {
    UNREADABLE: "unreadable",
    "a moment has no time zone": "naive_time",
    MISSING: "missing_value",
    "a value is infinite": "infinite_value",
    "unknown timeframe": "unknown_timeframe",
    "unknown symbol": "unknown_symbol",
    "not a session of XNYS": "not_a_session",
    "a daily bar does not begin at the open": "off_grid",
    "a weekly bar does not span its week": "off_grid",
    "not on the five-minute grid": "off_grid",
    "unknown phase": "unknown_phase",
    "outside the trading hours": "outside_hours",
    "known before it ended": "known_too_early",
    "from the future": "from_the_future",
    "before the listing": "before_listing",
    "a price is not positive": "price_not_positive",
    "a number is beyond all sense": "senseless_number",
    "high is below low": "high_below_low",
    "open or close lies outside low to high": "outside_range",
    "negative volume": "negative_volume",
    "unknown price basis": "unknown_basis",
    _OTHER_BASIS: "mixed_basis",
    DUPLICATE: "exact_duplicate",
    "contradicts another row of the same key": "contradiction",
    "unknown kind": "unknown_kind",
    "paid outside the sessions of XNYS": "pay_not_a_session",
    "paid before it is due": "paid_too_early",
    "the ratio of a split is not positive": "bad_ratio",
    "the amount of a dividend is not positive": "bad_amount",
    "a split and a dividend in one row": "split_and_dividend",
    _REPEATED: "repeated_dividend",
}


def slug_of(reason: str) -> str:
    """The short name of a reason; of one that is not declared here, its own words joined.

    >>> slug_of("high is below low"), slug_of("a value is missing: close")
    ('high_below_low', 'missing_value')
    """
    rule = rule_of(reason)
    return SLUGS.get(rule) or "_".join(rule.lower().split())


def rule_of(reason: str) -> str:
    """The words of the rule in a reason, without what it says of one row.

    >>> rule_of("a value is missing: close")
    'a value is missing'
    """
    return reason.partition(DETAIL)[0]


def separate_bars(
    rows: pd.DataFrame,
    *,
    basis: str | None = None,
    symbols: Collection[str] | None = None,
    now: pd.Timestamp | None = None,
) -> Separation:
    """Raw bars as accepted and quarantined rows.

    What cannot be read as the type of its column is a bad value of its row, not a reason to refuse the
    load.

    Parameters
    ----------
    rows : columns of `bars`, in any order, types as the vendor gives them
    basis : the only price basis that fits; by default that of the first good bar of each symbol and timeframe
    symbols : those that may come; by default the universe
    now : the present, after which no bar can have been known; not asked if absent

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    return _separate(Arrivals.of("bars", rows), basis, symbols, now)


def separate_extended_bars(
    rows: pd.DataFrame,
    *,
    basis: str | None = None,
    symbols: Collection[str] | None = None,
    now: pd.Timestamp | None = None,
) -> Separation:
    """The same for bars before the open and after the close, as `market_hours.by_phase` sets them apart.

    Parameters
    ----------
    rows : columns of `extended_bars`
    """
    return _separate(Arrivals.of("extended_bars", rows), basis, symbols, now)


def _separate(
    arrivals: Arrivals, basis: str | None, symbols: Collection[str] | None, now: pd.Timestamp | None
) -> Separation:
    allowed = _LISTED if symbols is None else symbols
    reasons = first_reasons(arrivals.unmarked(), _bar_rules(arrivals, allowed, now))
    mixed = _has_other_basis(arrivals.typed[reasons == ""], basis)
    reasons = first_reasons(reasons, [(_OTHER_BASIS, mixed.reindex(reasons.index, fill_value=False))])
    key = list(frames.table_of(arrivals.table).key)
    return separated(arrivals, mark_repeated(arrivals, reasons, key, trust_first=False))


def separate_actions(
    rows: pd.DataFrame, known: pd.DataFrame | None = None, *, symbols: Collection[str] | None = None
) -> Separation:
    """Raw corporate actions as accepted and quarantined rows.

    A vendor may list one dividend twice, on the same or on neighbouring sessions, in other words or
    amounts. Of dividends of one symbol fewer than five sessions apart the first counts: it is the one
    that is known first, so an evening and a replay agree.

    Parameters
    ----------
    rows : columns of `corporate_actions`
    known : accepted actions of earlier loads, beside which a dividend may be a repetition
    symbols : those that may come; by default the universe

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    key = ["session", "symbol", "kind"]
    arrivals = Arrivals.of("corporate_actions", rows).sorted_by(key)
    allowed = _LISTED if symbols is None else symbols
    reasons = first_reasons(arrivals.unmarked(), _action_rules(arrivals, allowed))
    reasons = mark_repeated(arrivals, reasons, key, trust_first=True)
    repeated = _close_dividends(arrivals.typed[reasons == ""], known)
    return separated(arrivals, first_reasons(reasons, [(_REPEATED, repeated.reindex(reasons.index))]))


def _bar_rules(arrivals: Arrivals, symbols: Collection[str], now: pd.Timestamp | None) -> Rules:
    """Reason and broken rows of every rule about a single bar, the most basic first."""
    rows = arrivals.typed
    yield from _reading_rules(arrivals)
    yield "a value is infinite", np.isinf(rows[[*_PRICES, "volume"]]).any(axis=1)
    yield "unknown timeframe", ~rows["timeframe"].isin(frames.TIMEFRAMES)
    yield "unknown symbol", ~rows["symbol"].isin(list(symbols))
    yield "not a session of XNYS", ~_is_session(rows["session"])
    yield from _clock_rules(rows)
    if now is not None:
        yield "from the future", rows["known_at"] > now
    yield "before the listing", _is_unlisted(rows)
    yield "a price is not positive", (rows[_PRICES] <= 0).any(axis=1)
    senseless = ((rows[_PRICES] > LARGEST_PRICE) | (rows[_PRICES] < SMALLEST_PRICE)).any(axis=1)
    yield "a number is beyond all sense", senseless | (rows["volume"] > LARGEST_VOLUME)
    yield "high is below low", rows["high"] < rows["low"] * (1 - ROUNDING)
    yield "open or close lies outside low to high", _is_outside(rows)
    yield "negative volume", rows["volume"] < 0
    yield "unknown price basis", ~rows["basis"].isin(frames.BASES)


def _reading_rules(arrivals: Arrivals) -> Rules:
    """What keeps a row from being understood at all."""
    yield UNREADABLE, arrivals.unreadable
    yield "a moment has no time zone", arrivals.naive
    yield MISSING, arrivals.typed.isna().any(axis=1)


def _has_other_basis(good: pd.DataFrame, basis: str | None) -> pd.Series:
    first = good.groupby(["symbol", "timeframe"])["basis"].transform("first")
    return good["basis"] != (basis or first)


def _clock_rules(rows: pd.DataFrame) -> Rules:
    """When a bar begins, and when it can have been known."""
    sessions, starts = rows["session"], rows["ts"]
    five, daily, weekly = (rows["timeframe"].eq(name) for name in frames.TIMEFRAMES)
    yield "a daily bar does not begin at the open", daily & ~_begins(rows, "1D")
    last = market_hours.week_of(sessions) == sessions
    yield "a weekly bar does not span its week", weekly & ~(last & _begins(rows, "1W"))
    if "phase" in rows:
        yield "unknown phase", ~rows["phase"].isin(market.PHASES) | ~five
    phase = rows.get("phase", "regular")
    yield "outside the trading hours", five & (market_hours.phase_of(sessions, starts) != phase)
    yield "not on the five-minute grid", five & ~market_hours.is_on_grid(sessions, starts)
    for name, mine in zip(frames.TIMEFRAMES, (five, daily, weekly), strict=True):
        early = rows["known_at"] < market_hours.bar_ends(sessions, starts, name)
        yield "known before it ended", mine & early


def _begins(rows: pd.DataFrame, timeframe: str) -> pd.Series:
    return rows["ts"] == market_hours.bar_starts(rows["session"], timeframe)


def _action_rules(arrivals: Arrivals, symbols: Collection[str]) -> Rules:
    """The same for a single split or dividend."""
    rows = arrivals.typed
    split, dividend = rows["kind"].eq("split"), rows["kind"].eq("dividend")
    yield from _reading_rules(arrivals)
    yield "unknown kind", ~(split | dividend)
    yield "unknown symbol", ~rows["symbol"].isin(list(symbols))
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
