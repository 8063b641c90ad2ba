"""Yahoo Finance as a source, through the library yfinance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from resources import clock as wall
from resources.sources import yahoo_tables
from resources.sources.transport import Transport, transport_of
from resources.sources.weekly import weekly_bars
from trading import calendar, frames
from trading.errors import MissingBarsError, UsageError
from trading.interfaces import Clock
from trading.universe import instrument

if TYPE_CHECKING:
    from resources.sources.yahoo_client import YahooClient

NAME = "yahoo"
DAILY, WEEKLY, FIVE_MINUTES = "1D", "1W", "5min"
INTERVALS: Mapping[str, str] = {DAILY: "1d", FIVE_MINUTES: "5m"}
SPELLED: Mapping[str, str] = {"VIX": "^VIX"}
OLDEST = "INTC"  # Yahoo has it for longer than the calendar reaches
FIVE_MINUTE_REACH = pd.Timedelta(days=60)
BEFORE = pd.Timedelta(days=7)  # what a dividend did to the close before it, is seen there


class YahooSource:
    """`MarketDataSource` over Yahoo Finance. Nothing is repaired: validation comes after.

    **Five-minute bars reach back 60 days only**, daily and weekly ones to the listing. What was collected
    stays in the store, which only adds: who loads every few weeks has five-minute bars for years.

    **Raw**: Yahoo divides the past by every split, and so changes it all with the next one. The splits
    are taken out again, because only raw bars stay as they were stored, and only with raw bars does the
    ledger book splits and dividends. Each answer reaches up to now, so that it holds every split that its
    own prices are divided by.

    **A bar that has not ended**, and been out for `delay`, is left out. Yahoo gives most American stocks
    and funds in real time and indices 15 minutes late; the delay is that of the latest.

    Weekly bars are made of daily ones: Yahoo's own mix both sides of a split. Yahoo gives neither the
    announcement of a dividend nor its pay date: it counts as known at the close before it is due, and as
    paid 15 sessions after. Its terms allow personal use only.

    Parameters
    ----------
    base_url : of a peer that answers instead of Yahoo
    clock : the present
    transport : the way to Yahoo, by default the one that the whole process shares
    """

    name = NAME
    basis = "raw"
    simulated = False
    delay = pd.Timedelta(minutes=15)

    def __init__(
        self, *, base_url: str = "", clock: Clock = wall.now, transport: Transport | None = None
    ) -> None:
        self._base_url, self._clock = base_url, clock
        self._transport = transport or transport_of(NAME)

    def first_session(self) -> pd.Timestamp:
        """The first session for which Yahoo has daily bars of any symbol."""
        return self.first_session_of(DAILY)

    def first_session_of(self, timeframe: str) -> pd.Timestamp:
        """The first session for which Yahoo still has bars of a timeframe."""
        sessions = calendar.all_sessions()
        if timeframe == FIVE_MINUTES:
            reach = self._clock() - FIVE_MINUTE_REACH
            return sessions[calendar.open_each(sessions).searchsorted(reach, side="right")]
        return sessions[sessions.searchsorted(self._first_day)]

    def last_session(self) -> pd.Timestamp:
        """The newest session that has closed, and whose bars are out."""
        return calendar.last_closed(self._clock(), self.delay)

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = DAILY
    ) -> pd.DataFrame:
        """Raw bars of the range that have ended and are out; a symbol has none before its listing.

        Of five-minute bars those within reach, if any session of the range is.

        Raises
        ------
        MissingBarsError
            If Yahoo does not know a symbol, or the range begins before its data, or ends before the
            five-minute bars that it still has: the message names the first session that it has.
        SourceUnavailableError
            If Yahoo cannot be reached, refuses, or answers with something else; never an empty frame.
        """
        if timeframe == WEEKLY:
            return weekly_bars(
                self.bars, symbols, first, last, begins=self.first_session(), actions=self.actions
            )
        if timeframe not in INTERVALS:
            raise UsageError(f"yahoo has bars of {DAILY}, {WEEKLY} and {FIVE_MINUTES}, not {timeframe!r}")
        begins = self._begin(first, last, timeframe)
        parts = []
        for symbol in symbols:
            chart = self._chart(symbol, begins, last, timeframe)
            rows = yahoo_tables.raw_bars(chart, symbol, timeframe, NAME, self.delay)
            parts.append(rows[rows["session"].between(first, last) & (rows["known_at"] <= self._clock())])
        return _joined("bars", parts)

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Splits and dividends of the range, dividends in USD per share held at the close before.

        Raises
        ------
        MissingBarsError, SourceUnavailableError
            As `bars` does.
        """
        begins = max(self._begin(first, last, DAILY) - BEFORE, self.first_session())
        parts = []
        for symbol in symbols:
            chart = self._chart(symbol, begins, last, DAILY)
            rows = yahoo_tables.actions(chart, symbol, NAME, self.delay)
            parts.append(rows[rows["session"].between(first, last)])
        return _joined("corporate_actions", parts)

    def earnings(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        """Announcements of stocks that are known by now: rows of `earnings`.

        Raises
        ------
        SourceUnavailableError
            If Yahoo does not show its table.
        """
        parts = []
        for symbol in symbols:
            if instrument(symbol).role == "stock":
                dates = self._client.earnings_dates(symbol, f"earnings dates of {symbol}")
                rows = yahoo_tables.announcements(dates, symbol, NAME, self._clock())
                parts.append(rows[rows["session"].between(first, last)])
        return _joined("earnings", parts)

    @cached_property
    def _client(self) -> YahooClient:
        try:
            from resources.sources.yahoo_client import YahooClient
        except ImportError as error:
            raise UsageError(
                f"the source {NAME} needs the extra `brokers` ({error.name} is not installed): "
                f"pip install -c requirements.lock -e '.[brokers]'"
            ) from error
        return YahooClient(self._transport, self._base_url)

    @cached_property
    def _first_day(self) -> pd.Timestamp:
        began = self._client.first_trade(OLDEST, "first session")
        return began.tz_localize(None).normalize()

    def _begin(self, first: pd.Timestamp, last: pd.Timestamp, timeframe: str) -> pd.Timestamp:
        """Where to begin asking; MissingBarsError if Yahoo has nothing of the range, or not its beginning."""
        begins = self.first_session_of(timeframe)
        if timeframe == FIVE_MINUTES and last < begins:
            raise MissingBarsError(
                f"yahoo keeps five-minute bars for {FIVE_MINUTE_REACH.days} days: the first session that it still "
                f"has is {begins:%Y-%m-%d}, and {first:%Y-%m-%d} to {last:%Y-%m-%d} lies before; what is loaded "
                f"in time stays, so load at least every {FIVE_MINUTE_REACH.days} days"
            )
        if timeframe == DAILY and first < begins:
            raise MissingBarsError(
                f"yahoo begins at {begins:%Y-%m-%d}; {first:%Y-%m-%d} to {last:%Y-%m-%d} reaches before it"
            )
        return max(first, begins)

    def _chart(self, symbol: str, first: pd.Timestamp, last: pd.Timestamp, timeframe: str) -> pd.DataFrame:
        """Everything from `first` to now, in yfinance's words."""
        wanted = f"{timeframe} bars of {symbol}, {first:%Y-%m-%d} to {last:%Y-%m-%d}"
        opens = yahoo_tables.OPENS if timeframe == FIVE_MINUTES else pd.Timedelta(0)
        start = (first + opens).tz_localize(calendar.TIMEZONE)
        if start >= (now := self._clock()):
            return pd.DataFrame()
        return self._client.chart(SPELLED.get(symbol, symbol), INTERVALS[timeframe], start, now, wanted)


def _joined(table: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One frame in the order of the table's key."""
    filled = [part for part in parts if len(part)]
    if not filled:
        return frames.empty(table)
    key = list(frames.table_of(table).key)
    return pd.concat(filled).sort_values(key, kind="stable", ignore_index=True)
