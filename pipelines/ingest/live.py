"""The live ingester: a stream, a bounded queue, and a consumer that validates and stores.

Nothing is kept in files of its own. What was received and not stored when the process dies is asked
for again when it starts: a stream begins at the last stored session and repeats what came since, and
what is stored already is skipped. So every bar is stored once, whatever happens in between.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

import pandas as pd

from pipelines.ingest.live_forecasts import LiveForecasts
from pipelines.ingest.live_tables import LiveTables, Values
from pipelines.ingest.tally import Tally
from resources.open_home import OpenHome
from trading import calendar
from trading.errors import HomeError, SourceUnavailableError
from trading.five_minutes import FiveMinuteBars
from trading.interfaces import LiveBar, LiveBars
from trading.market_hours import PRE_OPENS
from trading.monitoring.freshness import FreshnessWatch
from trading.monitoring.minute_rules import fault_of
from trading.universe import SYMBOLS

COMMAND = "fabline ingest --live"
TOO_LATE = "came after its bar was closed"
KEPT_IN_MEMORY = pd.Timedelta(days=1)
FORGETS_EVERY = pd.Timedelta(hours=1)
SETTLED_AFTER = calendar.DECISION_DELAY  # from the close: corrections of the last minutes are in
RESUME_SESSIONS = 5  # an older gap is a load of history, not a stream's affair
_GLANCE_SECONDS = 0.2


@dataclass(frozen=True)
class LiveOptions:
    """How the ingester takes its time.

    Attributes
    ----------
    queue_bars : bars that may wait for the consumer; then the stream waits, and then the vendor
    batch_bars : bars that are taken from the queue at once, at most
    gather_seconds : how long to wait for the rest of a message, so that ten symbols are one write
    look_seconds : between two looks for late bars
    retry_seconds : least and most time until a failed write is tried again
    leave_seconds : how long a stopped ingester tries to store what it holds
    """

    queue_bars: int = 1000
    batch_bars: int = 1000
    gather_seconds: float = 0.02
    look_seconds: float = 15.0
    retry_seconds: tuple[float, float] = (0.5, 30.0)
    leave_seconds: float = 10.0


def live(
    home: OpenHome,
    source: LiveBars,
    *,
    symbols: Sequence[str] = SYMBOLS,
    options: LiveOptions | None = None,
    forecasts: LiveForecasts | None = None,
) -> list[Tally]:
    """Store live bars of `symbols` until the stream ends, or SIGINT or SIGTERM comes; returns the counts.

    With `forecasts`, every five-minute bar that is complete is forecast as well.

    Raises
    ------
    HomeError
        If the home belongs to another source or other settings.
    SourceUnavailableError
        If the vendor refuses for good.
    """
    with home.held(COMMAND, "", wait=True):
        pass  # its source and its settings fit; from now on it is held for one write at a time
    return asyncio.run(LiveIngester(home, source, symbols, options, forecasts=forecasts).run())


class LiveIngester:
    """One stream into one home.

    Parameters
    ----------
    home : opened, and not held
    source : the stream
    symbols : whose bars
    options : how it takes its time
    forecasts : what speaks at the end of each bar; None stores only
    """

    def __init__(
        self,
        home: OpenHome,
        source: LiveBars,
        symbols: Sequence[str],
        options: LiveOptions | None = None,
        *,
        forecasts: LiveForecasts | None = None,
    ) -> None:
        self._forecasts = forecasts
        self._home, self._source, self._symbols = home, source, tuple(symbols)
        self._options = options or LiveOptions()
        self._built = FiveMinuteBars()
        self._tables = LiveTables(home, source, symbols)
        self._watch = FreshnessWatch(symbols, source.now())
        self._forgets = source.now()
        self._leaving = threading.Event()

    async def run(self) -> list[Tally]:
        """Store what comes until the stream ends or the process is told to stop."""
        inbox: asyncio.Queue[LiveBar] = asyncio.Queue(self._options.queue_bars)
        reading = asyncio.create_task(self._read(inbox))
        watching = asyncio.create_task(self._look())
        try:
            async with self._stopping(reading):
                await self._store_all(inbox, reading)
        finally:
            for task in (reading, watching):
                task.cancel()
            await asyncio.gather(reading, watching, return_exceptions=True)
        return self._tables.tallies(self._built.repeated)

    async def _read(self, inbox: asyncio.Queue[LiveBar]) -> None:
        async with aclosing(self._source.stream(self._symbols, self._since())) as stream:
            async for bar in stream:
                await inbox.put(bar)

    async def _store_all(self, inbox: asyncio.Queue[LiveBar], reading: asyncio.Task[None]) -> None:
        """Take bars until the stream has ended and its last bar is stored."""
        while not (reading.done() and inbox.empty()):
            faulty = self._sorted(await self._batch(inbox, reading))
            now = self._source.now()
            ready = self._built.take(now, quiet=inbox.empty())
            if ready or faulty:
                await self._put(ready, faulty)
            await self._forecast(now if inbox.empty() else None)
            self._forget(now)
            await self._settle(SETTLED_AFTER)
        await self._settle(pd.Timedelta(0))
        if not reading.cancelled():
            reading.result()

    async def _forecast(self, now: pd.Timestamp | None) -> None:
        """Let the models speak at the end of the bars that are complete; what cannot be kept now is said again."""
        latest = self._tables.latest()
        if self._forecasts is None or latest is None or not self._forecasts.is_due(*latest, now):
            return
        with suppress(SourceUnavailableError):
            await asyncio.to_thread(self._speak, *latest, now)

    def _speak(self, session: pd.Timestamp, values: Values, now: pd.Timestamp | None) -> None:
        assert self._forecasts is not None
        with ExitStack() as held:
            self._enter(held)
            self._forecasts.take(session, values, now)

    def _forget(self, now: pd.Timestamp) -> None:
        """Once in a while, let go of bars to which nothing was added for a day."""
        if now >= self._forgets:
            self._built.forget_before(now - KEPT_IN_MEMORY)
            self._forgets = now + FORGETS_EVERY

    async def _settle(self, delay: pd.Timedelta) -> None:
        """Judge whole sessions that closed `delay` ago; what a stopped ingester leaves, the evening's run does."""
        for session in self._tables.unsettled(self._source.now(), delay):
            with suppress(SourceUnavailableError):
                await asyncio.to_thread(self._settle_session, session)

    def _settle_session(self, session: pd.Timestamp) -> None:
        with ExitStack() as held:
            self._enter(held)
            self._tables.settle(session, self._source.now())

    def _sorted(self, bars: Sequence[LiveBar]) -> list[tuple[LiveBar, str]]:
        """Add the good bars to what is built, and return the others, each with its reason."""
        faults = [(bar, fault_of(bar)) for bar in bars]
        late = [bar for bar, fault in faults if not fault and not self._built.add(bar)]
        return [*((bar, fault) for bar, fault in faults if fault), *((bar, TOO_LATE) for bar in late)]

    async def _batch(self, inbox: asyncio.Queue[LiveBar], reading: asyncio.Task[None]) -> list[LiveBar]:
        """What has come: at least one bar, unless a waiting bar is due before or the stream ends."""
        batch: list[LiveBar] = []
        with suppress(TimeoutError):
            if not reading.done() or not inbox.empty():
                async with asyncio.timeout(self._patience()):
                    batch.append(await inbox.get())
                await asyncio.sleep(self._options.gather_seconds)
        while not inbox.empty() and len(batch) < self._options.batch_bars:
            batch.append(inbox.get_nowait())
        return batch

    def _patience(self) -> float:
        """Seconds until the next bar is due, however the stream's clock runs; a glance at least."""
        due = self._built.next_due()
        waits = 1.0 if due is None else (due - self._source.now()).total_seconds()
        return min(max(waits, _GLANCE_SECONDS), 1.0)

    async def _put(self, bars: Sequence[LiveBar], faulty: Sequence[tuple[LiveBar, str]]) -> None:
        """Write; what cannot be written now is tried again while the queue fills behind it."""
        pause, most = self._options.retry_seconds
        while True:
            try:
                await asyncio.to_thread(self._write, bars, faulty)
            except SourceUnavailableError as error:
                self._home.notifier.notify("live_write_failed", cause=str(error), again=f"{pause:.1f} s")
                if self._leaving.is_set():
                    raise
                await asyncio.sleep(pause)
                pause = min(2 * pause, most)
            else:
                return

    def _write(self, bars: Sequence[LiveBar], faulty: Sequence[tuple[LiveBar, str]]) -> None:
        with ExitStack() as held:
            self._enter(held)
            self._tables.put(bars, faulty)

    def _enter(self, held: ExitStack) -> None:
        """Hold the home as soon as nobody else does; a run may take minutes, and leaving does not wait for it."""
        waited = 0.0
        while True:
            try:
                held.enter_context(self._home.home.writing(COMMAND))
            except HomeError as error:
                if self._leaving.is_set() and waited > self._options.leave_seconds:
                    raise SourceUnavailableError(
                        f"{error}; what was not stored comes again at the next start"
                    ) from None
                waited += _GLANCE_SECONDS
                self._leaving.wait(_GLANCE_SECONDS)
            else:
                return

    async def _look(self) -> None:
        """Tell people of bars that are late, and when they are back."""
        while True:
            for notice in self._watch.look(self._tables.newest, self._source.now()):
                last = "none" if notice.last is None else notice.last.isoformat()
                facts = {"symbol": notice.symbol, "last": last, "due": notice.due.isoformat()}
                minutes = f"{notice.late.total_seconds() / 60:.1f}"
                self._home.notifier.notify(f"live_bar_{notice.kind}", late_minutes=minutes, **facts)
            await asyncio.sleep(self._options.look_seconds)

    def _since(self) -> pd.Timestamp:
        """Where the stream begins: before the open of today, or of the last stored session if that is near."""
        now = self._source.now()
        today = now.tz_convert(calendar.TIMEZONE).tz_localize(None).normalize().as_unit("us")
        recent = calendar.sessions_between(today - pd.Timedelta(days=3 * RESUME_SESSIONS), today)
        stored = self._home.store.read("bars", recent[-RESUME_SESSIONS], today, timeframe="5min")
        mine = stored[stored["source"].eq(self._source.name) & stored["symbol"].isin(self._symbols)]
        day = min(mine["session"].max(), today) if len(mine) else today
        return (day + PRE_OPENS).tz_localize(calendar.TIMEZONE).tz_convert("UTC")

    @asynccontextmanager
    async def _stopping(self, reading: asyncio.Task[None]) -> AsyncIterator[None]:
        """End the stream at SIGINT or SIGTERM; what it brought is stored, then the process ends."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGINT, signal.SIGTERM) if _is_main_thread() else ()

        def stop() -> None:
            self._leaving.set()
            reading.cancel()

        for one in signals:
            loop.add_signal_handler(one, stop)
        try:
            yield
        finally:
            for one in signals:
                loop.remove_signal_handler(one)


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
