"""Alpaca as a source of history, through the library alpaca-py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd

from resources import clock as wall
from resources.sources.alpaca_keys import REMEDY, AlpacaKeys
from resources.sources.transport import Transport, transport_of
from resources.sources.weekly import weekly_bars
from trading import calendar, frames, market_hours
from trading.errors import MissingBarsError, UsageError
from trading.interfaces import Clock, LiveBar
from trading.universe import instrument

if TYPE_CHECKING:
    from resources.sources.alpaca_client import AlpacaClient, Feed, Rows

NAME = "alpaca"
DAILY, WEEKLY, FIVE_MINUTES = "1D", "1W", "5min"
FIRST_DAY = pd.Timestamp("2016-01-04")  # Alpaca's history of bars begins with 2016
DELAYS = {"iex": pd.Timedelta(minutes=1), "sip": pd.Timedelta(minutes=15)}
PROCESSED_BEFORE, PROCESSED_AFTER = pd.Timedelta(days=10), pd.Timedelta(days=120)
PAY_LAG_SESSIONS = 15
_EARNINGS_TYPES = {
    "session": "datetime64[us]",
    "symbol": "str",
    "known_at": "datetime64[us, UTC]",
    "surprise": "float64",
}
_PRICES = {"open": "o", "high": "h", "low": "l", "close": "c", "volume": "v"}


class AlpacaSource:
    """`MarketDataSource` over Alpaca's market data. Nothing is repaired: validation comes after.

    **Feeds.** `iex` is one exchange: free and at once, with 2 to 3 % of the volume, and its bars are of
    what was traded there. `sip` is the consolidated tape: without a subscription it may be asked for what
    is older than 15 minutes, so that is its delay here.

    **Raw** bars, which only change by corrections. A bar that has not ended, and been out for `delay`, is
    left out. Five-minute bars come with those before and after the session. Weekly bars are made of daily
    ones: Alpaca's own mix both sides of a split.

    Alpaca has no indices, so no VIX, and no earnings. It does not say when a corporate action was
    announced: it counts as known at the close before it is due.

    Parameters
    ----------
    keys : from the environment; None where they are not set, which is told when Alpaca is first asked
    feed : `iex` or `sip`
    base_url : of a peer that answers instead of Alpaca
    clock : the present
    transport : the way to Alpaca, by default the one that the whole process shares
    """

    name = NAME
    basis = "raw"
    simulated = False

    def __init__(
        self,
        keys: AlpacaKeys | None,
        *,
        feed: Feed = "iex",
        base_url: str = "",
        clock: Clock = wall.now,
        transport: Transport | None = None,
    ) -> None:
        if feed not in DELAYS:
            raise UsageError(f"alpaca has the feeds {' and '.join(DELAYS)}, not {feed!r}")
        self.feed, self.delay = feed, DELAYS[feed]
        self._keys, self._base_url, self._clock = keys, base_url, clock
        self._transport = transport or transport_of(NAME)

    def __repr__(self) -> str:
        return f"AlpacaSource(feed={self.feed!r})"

    def first_session(self) -> pd.Timestamp:
        """The first session of Alpaca's history."""
        return FIRST_DAY

    def last_session(self) -> pd.Timestamp:
        """The newest session that has closed, and whose bars are out."""
        return calendar.last_closed(self._clock(), self.delay)

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = DAILY
    ) -> pd.DataFrame:
        """Raw bars of the range that have ended and are out; none of an index.

        Raises
        ------
        MissingBarsError
            If Alpaca does not know a symbol, or the range begins before its history.
        SourceUnavailableError
            If Alpaca cannot be reached, refuses, or answers with something else; never an empty frame.
        """
        if timeframe == WEEKLY:
            return weekly_bars(
                self.bars,
                symbols,
                first,
                last,
                begins=self.first_session(),
                actions=self.actions,
                delay=self.delay,
            )
        if timeframe not in (DAILY, FIVE_MINUTES):
            raise UsageError(f"alpaca has bars of {DAILY}, {WEEKLY} and {FIVE_MINUTES}, not {timeframe!r}")
        self._check(first, last)
        start, end = _midnight(first), min(_midnight(last + pd.Timedelta(days=1)), self._newest())
        listed = [symbol for symbol in symbols if instrument(symbol).role != "index"]
        if not listed or end < start:
            return frames.empty("bars")
        rows = self._bar_rows(self._client.bars(listed, timeframe, start, end, self.feed), timeframe)
        return rows[rows["session"].between(first, last) & (rows["known_at"] <= self._clock())].reset_index(
            drop=True
        )

    def minutes(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> list[LiveBar]:
        """Minutes that began between two moments (UTC), in the order of time: what a stream has missed."""
        from resources.sources.alpaca_stream import bar_of

        now, end = self._clock(), min(last, self._newest())
        if end < first:
            return []
        told = self._client.bars(symbols, "1min", first, end, self.feed)
        flat = [{**row, "S": symbol} for symbol, rows in told.items() for row in rows]
        return sorted((bar_of(row, now) for row in flat), key=lambda bar: bar.ts)

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Splits and dividends of the range, dividends in USD per share held at the close before.

        Raises
        ------
        SourceUnavailableError
            As `bars` does.
        """
        listed = [symbol for symbol in symbols if instrument(symbol).role != "index"]
        if not listed:
            return frames.empty("corporate_actions")
        # Alpaca filters by the day it processes an action, which may be long after the first day without it.
        told = self._client.actions(listed, first - PROCESSED_BEFORE, last + PROCESSED_AFTER)
        rows = _action_rows(told)
        rows = rows[rows["session"].between(first, last)]
        known = [calendar.as_of(calendar.shift(day, -1), self.delay) for day in rows["session"]]
        stamped = rows.assign(known_at=pd.DatetimeIndex(known, tz="UTC").as_unit("us"), source=NAME)
        dtypes = frames.table_of("corporate_actions").dtypes
        key = list(frames.table_of("corporate_actions").key)
        return stamped[list(dtypes)].astype(dtypes).sort_values(key, kind="stable", ignore_index=True)

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:  # noqa: ARG002
        """No announcements: Alpaca has none."""
        return pd.DataFrame(columns=list(_EARNINGS_TYPES)).astype(_EARNINGS_TYPES)

    @cached_property
    def _client(self) -> AlpacaClient:
        if self._keys is None:
            raise UsageError(f"the source {NAME} needs credentials: {REMEDY}")
        try:
            from resources.sources.alpaca_client import AlpacaClient
        except ImportError as error:
            raise UsageError(
                f"the source {NAME} needs the extra `brokers` ({error.name} is not installed): "
                f"pip install -c requirements.lock -e '.[brokers]'"
            ) from error
        return AlpacaClient(self._keys, self._transport, self._base_url)

    def _newest(self) -> pd.Timestamp:
        """Up to when one may ask without a subscription."""
        return self._clock() - (self.delay if self.feed == "sip" else pd.Timedelta(0))

    def _check(self, first: pd.Timestamp, last: pd.Timestamp) -> None:
        if first < FIRST_DAY:
            raise MissingBarsError(
                f"alpaca begins at {FIRST_DAY:%Y-%m-%d}; {first:%Y-%m-%d} to {last:%Y-%m-%d} reaches before it"
            )

    def _bar_rows(self, told: Rows, timeframe: str) -> pd.DataFrame:
        parts = [pd.DataFrame(rows).assign(symbol=symbol) for symbol, rows in told.items() if rows]
        if not parts:
            return frames.empty("bars")
        rows = pd.concat(parts, ignore_index=True)
        moments = pd.DatetimeIndex(pd.to_datetime(rows["t"], utc=True)).as_unit("us")
        sessions = moments.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")
        starts = moments if timeframe == FIVE_MINUTES else _daily_starts(sessions, moments)
        ends = market_hours.bar_ends(sessions, starts, timeframe)
        columns: dict[str, Any] = {name: rows[letter] for name, letter in _PRICES.items() if letter in rows}
        columns |= {"session": sessions, "ts": starts, "symbol": rows["symbol"], "timeframe": timeframe}
        known = ends.where(ends.notna(), starts) + self.delay
        columns |= {"known_at": known, "basis": self.basis, "source": NAME}
        frame = pd.DataFrame(columns).reindex(columns=frames.columns("bars"))
        typed = frame.astype(dict.fromkeys(_PRICES, "float64"))
        return typed.sort_values(["session", "ts", "symbol"], kind="stable", ignore_index=True)


def _midnight(day: pd.Timestamp) -> pd.Timestamp:
    return day.tz_localize(calendar.TIMEZONE).tz_convert("UTC")


def _daily_starts(sessions: pd.DatetimeIndex, moments: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """The open of each session; where there is none, what Alpaca said, for validation to judge."""
    starts = market_hours.bar_starts(sessions, DAILY)
    return starts.where(starts.notna(), moments)


def _action_rows(told: Rows) -> pd.DataFrame:
    """Splits and dividends as columns symbol, kind, ratio, amount, session, pay_session."""
    rows = [_action(kind, row) for kind, listed in told.items() for row in listed or ()]
    columns = ["symbol", "kind", "ratio", "amount", "session", "pay_session"]
    return pd.DataFrame(rows, columns=columns).astype(
        {"session": "datetime64[us]", "pay_session": "datetime64[us]"}
    )


def _action(kind: str, row: dict[str, Any]) -> dict[str, Any]:
    session = _session_from(pd.Timestamp(row["ex_date"]).as_unit("us"))
    named = {"symbol": row["symbol"], "session": session, "pay_session": session}
    if kind == "cash_dividends":
        return {**named, "kind": "dividend", "ratio": 1.0, "amount": row["rate"], **_paid(row, session)}
    ratio = 1 + row["rate"] if kind == "stock_dividends" else row["new_rate"] / row["old_rate"]
    return {**named, "kind": "split", "ratio": ratio, "amount": 0.0}


def _paid(row: dict[str, Any], session: pd.Timestamp) -> dict[str, pd.Timestamp]:
    """The session on or after the day on which a dividend is paid, 15 sessions after if nobody knows."""
    day = row.get("payable_date")
    if day is None:
        return {"pay_session": calendar.shift(session, PAY_LAG_SESSIONS)}
    return {"pay_session": _session_from(pd.Timestamp(day).as_unit("us"))}


def _session_from(day: pd.Timestamp) -> pd.Timestamp:
    """`day`, or the first session after it."""
    return calendar.sessions_between(day, day + pd.Timedelta(days=14))[0]
