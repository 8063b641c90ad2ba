"""A local server that speaks Alpaca's websocket of trade updates: authenticate, listen, updates; and drops."""

import asyncio
import json
import logging
import threading
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.peers.alpaca_stream import KEY, SECRET


class AlpacaUpdatesPeer:
    """The server, in a thread of its own; `with AlpacaUpdatesPeer() as peer: ...`."""

    def __init__(self) -> None:
        self.connections = 0
        self._listening: set[ServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(self._serve())
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._call(self._server.wait_closed())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/stream"

    def tell(self, event: str, **order: Any) -> None:
        """Say what happened to an order to everybody who listens."""
        data = {"stream": "trade_updates", "data": {"event": event, "order": order}}
        self._call(self._send(json.dumps(data).encode()))

    def garble(self) -> None:
        """Say something that is no message."""
        self._call(self._send(b'{"stream": "trade_upd'))

    def drop(self) -> None:
        """Close every connection, as a network does."""
        self._call(self._drop())

    def _call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    async def _serve(self) -> Server:
        quiet = logging.getLogger("peer.frames")
        quiet.setLevel(logging.WARNING)  # it would print the secret that it receives
        return await serve(self._meet, "127.0.0.1", 0, logger=quiet)

    async def _meet(self, connection: ServerConnection) -> None:
        self.connections += 1
        try:
            asked = json.loads(await connection.recv())["data"]
            taken = (asked["key_id"], asked["secret_key"]) == (KEY, SECRET)
            status = "authorized" if taken else "unauthorized"
            await connection.send(_packed("authorization", {"status": status, "action": "authenticate"}))
            async for message in connection:
                streams = json.loads(message)["data"]["streams"]
                self._listening.add(connection)
                await connection.send(_packed("listening", {"streams": streams}))
        except ConnectionClosed:
            pass
        finally:
            self._listening.discard(connection)

    async def _send(self, message: bytes) -> None:
        for connection in list(self._listening):
            await connection.send(message)

    async def _drop(self) -> None:
        for connection in list(self._listening):
            connection.transport.abort()
        self._listening.clear()


def _packed(stream: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}).encode()
