"""The simulated market as a live one: its five-minute bars, one session after another, at any speed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence

import pandas as pd

from trading import calendar
from trading.errors import UsageError
from trading.interfaces import LiveBar
from trading.testing.market import MarketOptions, SimulatedMarket

Sleep = Callable[[float], Awaitable[None]]


class SimulatedLiveBars:
    """`LiveBars` that replays SIMULATED sessions; the time between two sessions is left out.

    Parameters
    ----------
    options : which market
    first, last : sessions to replay; the stream ends after the last one
    speed : how many seconds of the market pass in one; infinite: a bar follows the other at once
    sleep, watch : of the machine, for tests
    """

    name = "simulated"
    basis = "raw"
    simulated = True

    def __init__(
        self,
        options: MarketOptions | None = None,
        *,
        first: pd.Timestamp,
        last: pd.Timestamp | None = None,
        speed: float = math.inf,
        sleep: Sleep = asyncio.sleep,
        watch: Callable[[], float] = time.monotonic,
    ) -> None:
        if not speed > 0:
            raise UsageError(f"a replay goes forward: its speed must be above 0, not {speed}")
        self._market = SimulatedMarket(options)
        self.delay = self._market.delay
        self._sessions = calendar.sessions_between(first, first if last is None else last)
        if not len(self._sessions):
            raise UsageError(f"there is no session to replay from {first:%Y-%m-%d} to {last:%Y-%m-%d}")
        self._speed, self._sleep, self._watch = speed, sleep, watch
        self._anchor = (calendar.session_open(self._sessions[0]), watch())

    def now(self) -> pd.Timestamp:
        """The moment of the market that the replay has reached (UTC)."""
        moment, started = self._anchor
        if math.isinf(self._speed):
            return moment
        passed = pd.Timedelta(seconds=(self._watch() - started) * self._speed)
        return (moment + passed).as_unit("us")

    async def stream(
        self, symbols: Sequence[str], since: pd.Timestamp | None = None
    ) -> AsyncGenerator[LiveBar, None]:
        """The bars that began at or after `since`, each when it is published."""
        start = self._sessions[0] if since is None else max(self._sessions[0], _date(since))
        for session in self._sessions[self._sessions >= start]:
            self._reach(calendar.session_open(session))
            for bar in self._bars(symbols, session):
                if since is not None and bar.ts < since:
                    continue
                await self._until(bar.received)
                yield bar

    def _reach(self, moment: pd.Timestamp) -> None:
        """Let the market's time be `moment`, unless it is later already."""
        if self.now() < moment:
            self._anchor = (moment, self._watch())

    async def _until(self, moment: pd.Timestamp) -> None:
        if math.isinf(self._speed):
            self._reach(moment)
            await self._sleep(0)
            return
        while (ahead := (moment - self.now()).total_seconds()) > 0:
            await self._sleep(ahead / self._speed)

    def _bars(self, symbols: Sequence[str], session: pd.Timestamp) -> Iterator[LiveBar]:
        rows = self._market.bars(symbols, session, session, "5min")
        for row in rows.sort_values(["known_at", "symbol"], kind="stable").itertuples(index=False):
            prices = {"open": row.open, "high": row.high, "low": row.low, "close": row.close}
            yield LiveBar(row.symbol, row.ts, 5, **prices, volume=row.volume, received=row.known_at)


def _date(moment: pd.Timestamp) -> pd.Timestamp:
    return moment.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")
