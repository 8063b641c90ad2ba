"""A local server that speaks Alpaca's websocket protocol: welcome, auth, subscribe, bars, errors; with faults.

It plays minute bars to whoever has subscribed. What was played is history (`history`), whatever became
of the messages: a connection that is dropped, a message that is cut, and bars that come late, twice, in
another order or wrong at first and corrected by an update must all end in the same table.
"""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgpack
import pandas as pd
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from tests.peers.faults import FaultEngine, reshaped
from tests.peers.minutes import Bar
from tests.peers.websocket_peer import WebsocketPeer

KEY, SECRET = "PKTESTKEY0123456789", "test-secret-that-must-never-show"
KINDS = ("reset", "duplicated", "reordered", "revised", "truncated", "split", "slow")


@dataclass
class Seen:
    """What the server was asked, for the test to look at."""

    connections: int = 0
    refused: int = 0
    subscriptions: list[dict[str, Any]] = field(default_factory=list)


class AlpacaStreamPeer(WebsocketPeer):
    """The server; `with AlpacaStreamPeer() as peer: ...`.

    Parameters
    ----------
    faults : what befalls a message, of `KINDS`; a split one arrives in pieces
    refuse : error (code, words) for everybody who authenticates, instead of success
    """

    path = "/v2/iex"
    patience = 120.0

    def __init__(
        self,
        *,
        faults: FaultEngine | None = None,
        refuse: tuple[int, str] | None = None,
    ) -> None:
        super().__init__()
        self.seen = Seen()
        self.history: dict[tuple[str, pd.Timestamp], Bar] = {}
        self._faults, self._refuse = faults or FaultEngine(), refuse
        self._heard = asyncio.Event()

    def play(self, bars: Sequence[Bar], *, pause: float = 0.0) -> None:
        """Send the bars minute by minute, `pause` seconds apart; returns when all were sent."""
        self.call(self._play(bars, pause))

    def update(self, bar: Bar) -> None:
        """Correct a bar that was played."""
        self.call(self._update(bar))

    def refuse(self, code: int, words: str) -> None:
        """Say an error to everybody who listens."""
        self.call(self._refuse_all({"T": "error", "code": code, "msg": words}))

    def wait_for_listeners(self, seconds: float = 5.0) -> None:
        self.call(self._until_listening(seconds))

    async def meet(self, connection: ServerConnection) -> None:
        self.seen.connections += 1
        try:
            await _send(connection, {"T": "success", "msg": "connected"})
            asked = msgpack.unpackb(await connection.recv())
            if (asked["key"], asked["secret"]) != (KEY, SECRET):
                await self._turn_away(connection, 402, "auth failed")
            elif self._refuse is not None:
                await self._turn_away(connection, *self._refuse)
            else:
                await _send(connection, {"T": "success", "msg": "authenticated"})
                await self._listen(connection)
        except ConnectionClosed:
            pass
        finally:
            self.listening.discard(connection)

    async def _turn_away(self, connection: ServerConnection, code: int, words: str) -> None:
        self.seen.refused += 1
        await _send(connection, {"T": "error", "code": code, "msg": words})

    async def _listen(self, connection: ServerConnection) -> None:
        async for message in connection:
            asked = msgpack.unpackb(message)
            self.seen.subscriptions.append(asked)
            self.listening.add(connection)
            await _send(connection, {"T": "subscription", "trades": [], **asked})
            self._heard.set()

    async def _until_listening(self, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            await self._heard.wait()

    async def _play(self, bars: Sequence[Bar], pause: float) -> None:
        corrections: list[Bar] = []
        for _, minute in itertools.groupby(bars, key=lambda bar: bar["t"]):
            batch = list(minute)
            self.history |= {(bar["S"], bar["t"]): bar for bar in batch}
            for bar in corrections:
                await self._send_all([bar], "u")
            corrections = await self._send_with_faults(batch)
            await asyncio.sleep(pause)
        for bar in corrections:
            await self._send_all([bar], "u")

    async def _send_with_faults(self, batch: list[Bar]) -> list[Bar]:
        """Send a minute of all symbols; returns what has to be corrected later."""
        fault = self._faults.draw(KINDS)
        rows = reshaped(batch, fault, lambda bar, _: {**bar, "c": bar["l"], "v": 1})
        match fault and fault.kind:
            case "reset":
                await self._drop()
            case "truncated":
                await self._send_bytes(lambda payload: payload[: len(payload) // 2], rows)
            case "split":
                await self._send_bytes(lambda payload: [payload[:7], payload[7:40], payload[40:]], rows)
            case "slow" if fault:
                await asyncio.sleep(fault.seconds)
                await self._send_all(rows)
            case _:
                await self._send_all(rows)
        return [] if fault is None or fault.kind != "revised" else [b for b in batch if b not in rows]

    async def _update(self, bar: Bar) -> None:
        self.history[bar["S"], bar["t"]] = bar
        await self._send_all([bar], "u")

    async def _send_all(self, bars: Sequence[Bar], kind: str = "b") -> None:
        await self._send_bytes(lambda payload: payload, bars, kind)

    async def _send_bytes(self, cut: Any, bars: Sequence[Bar], kind: str = "b") -> None:
        payload = cut(_packed([{"T": kind, **bar} for bar in bars]))
        for connection in list(self.listening):
            try:
                await connection.send(payload)
            except ConnectionClosed:
                self.listening.discard(connection)

    async def _refuse_all(self, message: dict[str, Any]) -> None:
        for connection in list(self.listening):
            await _send(connection, message)

    async def _drop(self) -> None:
        await super()._drop()
        self._heard.clear()


def _packed(messages: list[Bar]) -> bytes:
    """Messages as Alpaca packs them: moments are timestamps of msgpack."""
    timed = [
        {**one, "t": msgpack.Timestamp.from_unix_nano(pd.Timestamp(one["t"]).as_unit("ns").value)}
        if "t" in one
        else one
        for one in messages
    ]
    return bytes(msgpack.packb(timed))


async def _send(connection: ServerConnection, message: dict[str, Any]) -> None:
    await connection.send(bytes(msgpack.packb([message])))
