"""A websocket server in a thread of its own, to be told by a test what to do; a peer brings what it says."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve


class WebsocketPeer:
    """`with Peer() as peer: ...`; `path` is that of its address, `patience` how long a test waits for its deeds."""

    path = "/stream"
    patience = 30.0

    def __init__(self) -> None:
        self.listening: set[ServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self.call(self._serve())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.call(self._server.wait_closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{self.path}"

    def drop(self) -> None:
        """Close every connection, as a network does."""
        self.call(self._drop())

    def call(self, work: Any) -> Any:
        """Do some work in the server's thread, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=self.patience)

    async def meet(self, connection: ServerConnection) -> None:
        """Talk to whoever connects."""
        raise NotImplementedError

    async def _serve(self) -> Server:
        quiet = logging.getLogger("peer.frames")
        quiet.setLevel(logging.WARNING)  # it would print the secret that it receives
        return await serve(self.meet, "127.0.0.1", 0, logger=quiet)

    async def _drop(self) -> None:
        for connection in list(self.listening):
            connection.transport.abort()
        self.listening.clear()
