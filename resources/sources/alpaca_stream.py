"""Live minute bars of Alpaca, over its websocket and through its own client.

The client connects, authenticates, subscribes and reconnects by itself, but what was sent while it was
away is lost, and so is a message that it cannot read. So after every connection, the first included,
the minutes since are asked for again: a bar may come twice and none is left out.

Alpaca allows one connection a feed. `iex` is one exchange: free, at once, 2 to 3 % of the volume;
`sip` is the consolidated tape and needs a subscription.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd

from resources import clock as wall
from resources.cancelling import cancelled
from resources.sources.alpaca_keys import REMEDY, AlpacaKeys
from trading.errors import SourceUnavailableError
from trading.interfaces import Clock, LiveBar

with warnings.catch_warnings():
    # alpaca-py 0.44 still uses the old client of websockets, which says so on import.
    warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
    from alpaca.data.enums import DataFeed
    from alpaca.data.live.stock import StockDataStream

import websockets

Feed = Literal["iex", "sip"]
Minutes = Callable[[Sequence[str], pd.Timestamp, pd.Timestamp], Sequence[LiveBar]]

MINUTE = pd.Timedelta(minutes=1)
OVERLAP = pd.Timedelta(minutes=6)  # a correction of the last bar may have been lost, too
SECONDS_BEFORE_HISTORY = 30.0
MUTE_SECONDS = 300.0  # a connection without a single bar: made anew, well before a bar is called late
WAITING = 1000  # bars that may wait in memory; then the socket waits, and then Alpaca
SECONDS_BEFORE_RETRY, MOST_SECONDS_BEFORE_RETRY = 1.0, 30.0
# What trying again cannot mend: 402, 405, 408, 409 and 410 of Alpaca's list.
FINAL = (
    "auth failed",
    "symbol limit exceeded",
    "not enabled",
    "insufficient subscription",
    "invalid subscribe",
)

logging.getLogger("alpaca").addHandler(logging.NullHandler())  # its traces are no answer to a person

_frames = logging.getLogger("fabline.alpaca.frames")
_frames.setLevel(logging.WARNING)  # at DEBUG, websockets prints what is sent, the secret included


class _RefusedError(Exception):
    """Alpaca said no, and will say it again."""


Inbox = asyncio.Queue[LiveBar | _RefusedError | None]


class AlpacaLiveBars:
    """`LiveBars` of Alpaca: minutes of trading, before and after the session too.

    Parameters
    ----------
    keys : from the environment
    feed : `iex` or `sip`
    minutes : asks the vendor's history for the minutes of symbols between two moments
    url : of another server that speaks the same protocol
    clock : the present
    patience : least and most seconds before it connects again
    """

    name = "alpaca"
    basis = "raw"
    simulated = False
    delay = pd.Timedelta(0)

    def __init__(
        self,
        keys: AlpacaKeys,
        minutes: Minutes,
        *,
        feed: Feed = "iex",
        url: str | None = None,
        clock: Clock = wall.now,
        patience: tuple[float, float] = (SECONDS_BEFORE_RETRY, MOST_SECONDS_BEFORE_RETRY),
    ) -> None:
        self.feed = feed
        self._keys, self._minutes, self._url = keys, minutes, url
        self._clock, self._patience = clock, patience
        self._owed: pd.Timestamp | None = None

    def __repr__(self) -> str:
        return f"AlpacaLiveBars(feed={self.feed!r})"

    def now(self) -> pd.Timestamp:
        """The wall clock."""
        return self._clock()

    async def stream(
        self, symbols: Sequence[str], since: pd.Timestamp | None = None
    ) -> AsyncGenerator[LiveBar, None]:
        """Minutes as they come; those since `since`, or since the last that came, after each connection.

        Raises
        ------
        SourceUnavailableError
            If Alpaca refuses the credentials or the subscription: trying again would not help.
        """
        inbox: Inbox = asyncio.Queue(WAITING)
        socket = _Socket(self._keys, self.feed, self._url, self._patience)
        socket.deliver(inbox, symbols, self._clock)
        reading = asyncio.create_task(socket.read(inbox))
        newest = since
        try:
            while True:
                message = await inbox.get()
                if isinstance(message, _RefusedError):
                    raise self._refused(message)
                if message is not None:
                    newest = (
                        message.ts
                    )  # back again, too: it waited while history was asked, and may be corrected
                    yield message
                    continue
                for bar in await self._missed(symbols, newest, inbox):
                    newest = bar.ts if newest is None else max(newest, bar.ts)
                    yield bar
        finally:
            await cancelled(reading)
            await socket.close()

    async def _missed(
        self, symbols: Sequence[str], newest: pd.Timestamp | None, inbox: Inbox
    ) -> Sequence[LiveBar]:
        """What history has since shortly before `newest`; if it cannot say now, it is asked again later."""
        since = min((moment for moment in (newest, self._owed) if moment is not None), default=None)
        if since is None:
            return ()
        try:
            bars = await asyncio.to_thread(self._minutes, symbols, since - OVERLAP, self._clock())
        except SourceUnavailableError:
            self._owed = since
            asyncio.get_running_loop().call_later(SECONDS_BEFORE_HISTORY, _remind, inbox)
            return ()
        self._owed = None
        return bars

    def _refused(self, refusal: _RefusedError) -> SourceUnavailableError:
        said = self._keys.hidden_in(str(refusal))
        return SourceUnavailableError(
            f"alpaca refuses the live bars of the feed {self.feed}: {said}; {REMEDY}, or take a feed that "
            f"your subscription holds"
        )


class _Socket(StockDataStream):
    """Alpaca's client, which puts bars into an inbox, and None there after each subscription."""

    def __init__(self, keys: AlpacaKeys, feed: Feed, url: str | None, patience: tuple[float, float]) -> None:
        super().__init__(
            keys.key,
            keys.secret,
            raw_data=True,
            feed=DataFeed(feed),
            url_override=url,
            websocket_params={"ping_interval": 10, "ping_timeout": 180, "max_queue": 1024, "logger": _frames},
            data_timeout=MUTE_SECONDS,
        )
        self._reconnect_min_backoff, self._reconnect_max_backoff = patience
        self._refusal: _RefusedError | None = None
        self._inbox: Inbox = asyncio.Queue()

    def __repr__(self) -> str:
        return "_Socket(***)"

    def deliver(self, inbox: Inbox, symbols: Sequence[str], clock: Clock) -> None:
        """Ask for the minutes of `symbols`, and for those that are corrected; put them into `inbox`."""
        self._inbox = inbox

        async def take(message: Any) -> None:
            await inbox.put(bar_of(message, clock()))

        self.subscribe_bars(take, *symbols)
        self.subscribe_updated_bars(take, *symbols)

    async def read(self, inbox: Inbox) -> None:
        """Connect and read for ever; ends only when Alpaca refuses, and says so in the inbox."""
        await self._run_forever()
        await inbox.put(self._refusal or _RefusedError("the stream ended"))

    async def _auth(self) -> None:
        try:
            await super()._auth()
        except ValueError as error:
            self._judge(str(error))
            raise

    async def _dispatch(self, msg: dict[str, Any]) -> None:
        if msg.get("T") == "error":
            self._judge(f"{msg.get('msg')} ({msg.get('code')})")
            raise websockets.WebSocketException(f"alpaca: {msg.get('msg')}")
        await super()._dispatch(msg)
        if msg.get("T") == "subscription":  # only now does nothing escape any more
            await self._inbox.put(None)

    async def _consume(self) -> bool:
        """Read until the connection ends; what cannot be read ends it, because it may have held bars."""
        try:
            return bool(await super()._consume())
        except (websockets.WebSocketException, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - a reader fails of a broken message however it likes
            raise websockets.WebSocketException(f"unreadable message: {type(error).__name__}") from None

    def _judge(self, said: str) -> None:
        """Stop for good if trying again would bring the same answer."""
        if any(word in said for word in FINAL):
            self._refusal = _RefusedError(said)
            self._should_run = False
            if self._stop_stream_event is not None:
                self._stop_stream_event.set()


def bar_of(message: Mapping[str, Any], received: pd.Timestamp) -> LiveBar:
    """A minute of Alpaca's stream (`T` is `b`, or `u` for a corrected one) or of its history."""
    moment = message["t"]
    start = moment.to_datetime() if hasattr(moment, "to_datetime") else moment
    return LiveBar(
        symbol=str(message["S"]),
        ts=pd.Timestamp(start).tz_convert("UTC").as_unit("us"),
        minutes=1,
        open=_number(message, "o"),
        high=_number(message, "h"),
        low=_number(message, "l"),
        close=_number(message, "c"),
        volume=_number(message, "v"),
        received=received,
    )


def _number(message: Mapping[str, Any], name: str) -> float:
    """A value of a message, NaN if it is missing: validation has the word, not the reader."""
    value = message.get(name)
    return float(value) if isinstance(value, (int, float)) else float("nan")


def _remind(inbox: Inbox) -> None:
    """Ask for history again, as after a connection; later, if there is no room in the inbox."""
    try:
        inbox.put_nowait(None)
    except asyncio.QueueFull:
        asyncio.get_running_loop().call_later(1.0, _remind, inbox)
