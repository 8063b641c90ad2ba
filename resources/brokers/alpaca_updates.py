"""Alpaca's trade updates over its websocket, through its own client: each a reason to look at the account.

What was sent while the connection was away is lost, so every connection is a reason to look, too. Updates may
come late, twice or in another order: nothing is read from them but that something happened.
"""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import AsyncGenerator
from typing import Any

from resources.cancelling import cancelled
from resources.sources.alpaca_keys import REMEDY, AlpacaKeys
from trading.errors import SourceUnavailableError

with warnings.catch_warnings():
    # alpaca-py 0.44 still uses the old client of websockets, which says so on import.
    warnings.filterwarnings("ignore", "websockets.legacy is deprecated", DeprecationWarning)
    from alpaca.trading.stream import TradingStream

import websockets

CONNECTED = "connected"
REFUSED = "failed to authenticate"
WAITING = 1000
_frames = logging.getLogger("fabline.alpaca.frames")
_frames.setLevel(logging.WARNING)  # at DEBUG, websockets prints what is sent, the secret included
logging.getLogger("alpaca").addHandler(logging.NullHandler())  # its traces are no answer to a person


async def trade_updates(
    keys: AlpacaKeys, url: str | None = None, patience: tuple[float, float] = (1.0, 30.0)
) -> AsyncGenerator[str, None]:
    """What happens to the account's orders: `connected` after each connection, then `new`, `fill` and so on.

    Parameters
    ----------
    url : of another server that speaks the same protocol; without one, of Alpaca's paper accounts
    patience : least and most seconds before it connects again

    Raises
    ------
    SourceUnavailableError
        If Alpaca does not take the keys.
    """
    inbox: asyncio.Queue[str] = asyncio.Queue(WAITING)
    socket = _Socket(keys, url, patience, inbox)
    reading = asyncio.create_task(socket.read())
    try:
        while True:
            said = await inbox.get()
            if said == REFUSED:
                raise SourceUnavailableError(f"alpaca refuses its trade updates; {REMEDY}")
            yield said
    finally:
        await cancelled(reading)
        await socket.close()


class _Socket(TradingStream):
    """Alpaca's client, which puts the names of events into an inbox; a full inbox holds a reason to look already."""

    def __init__(
        self, keys: AlpacaKeys, url: str | None, patience: tuple[float, float], inbox: asyncio.Queue[str]
    ) -> None:
        params = {"ping_interval": 10, "ping_timeout": 180, "max_queue": 1024, "logger": _frames}
        super().__init__(
            keys.key,
            keys.secret,
            paper=True,
            raw_data=True,
            url_override=url,  # type: ignore[arg-type]  # it takes None, and says str
            websocket_params=params,
        )
        self._reconnect_min_backoff, self._reconnect_max_backoff = patience
        self._inbox = inbox
        self._refused = False

    def __repr__(self) -> str:
        return "_Socket(***)"

    async def read(self) -> None:
        """Connect and read until Alpaca refuses, which is said in the inbox."""

        async def take(message: Any) -> None:
            self._say(str(message["data"]["event"]))

        self.subscribe_trade_updates(take)
        await self._run_forever()  # type: ignore[no-untyped-call]
        await self._inbox.put(REFUSED)

    async def _auth(self) -> None:
        try:
            await super()._auth()  # type: ignore[no-untyped-call]
        except ValueError as error:
            if REFUSED in str(error):
                self._should_run = False  # asking again would bring the same answer
            raise

    async def _subscribe_trade_updates(self) -> None:
        await super()._subscribe_trade_updates()
        self._say(CONNECTED)

    async def _consume(self) -> None:
        """Read until the connection ends; what cannot be read ends it, because it may have held news."""
        try:
            await super()._consume()  # type: ignore[no-untyped-call]
        except (websockets.WebSocketException, OSError):
            raise
        except Exception as error:  # noqa: BLE001 - a reader fails of a broken message however it likes
            raise websockets.WebSocketException(f"unreadable message: {type(error).__name__}") from None

    def _say(self, event: str) -> None:
        if not self._inbox.full():
            self._inbox.put_nowait(event)
