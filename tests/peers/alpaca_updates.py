"""A local server that speaks Alpaca's websocket of trade updates: authenticate, listen, updates; and drops."""

import json
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.websocket_peer import WebsocketPeer


class AlpacaUpdatesPeer(WebsocketPeer):
    """The server; `with AlpacaUpdatesPeer() as peer: ...`."""

    def __init__(self) -> None:
        super().__init__()
        self.connections = 0

    def tell(self, event: str, **order: Any) -> None:
        """Say what happened to an order to everybody who listens."""
        data = {"stream": "trade_updates", "data": {"event": event, "order": order}}
        self.call(self._send(json.dumps(data).encode()))

    def garble(self) -> None:
        """Say something that is no message."""
        self.call(self._send(b'{"stream": "trade_upd'))

    async def meet(self, connection: ServerConnection) -> None:
        self.connections += 1
        try:
            asked = json.loads(await connection.recv())["data"]
            taken = (asked["key_id"], asked["secret_key"]) == (KEY, SECRET)
            status = "authorized" if taken else "unauthorized"
            await connection.send(_packed("authorization", {"status": status, "action": "authenticate"}))
            async for message in connection:
                streams = json.loads(message)["data"]["streams"]
                self.listening.add(connection)
                await connection.send(_packed("listening", {"streams": streams}))
        except ConnectionClosed:
            pass
        finally:
            self.listening.discard(connection)

    async def _send(self, message: bytes) -> None:
        for connection in list(self.listening):
            await connection.send(message)


def _packed(stream: str, data: dict[str, Any]) -> bytes:
    return json.dumps({"stream": stream, "data": data}).encode()
