"""A local HTTP server that answers as a vendor does, and misbehaves as a fault engine says.

def respond(asked: Asked, fault: Fault | None) -> Answer: ...   # a vendor's words; faults of rows are its own

with HttpPeer(respond, FaultEngine.evenly(0.2)) as peer:
    ... peer.url, peer.asked, peer.hangs_up ...
"""

import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.peers.faults import STATUSES, Fault, FaultEngine

REFUSED = b"<html><body><h1>Sorry</h1></body></html>"  # what a proxy says, not the vendor


@dataclass(frozen=True)
class Asked:
    """A request as it came in; `path` is unquoted and without its query."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    at: float


@dataclass(frozen=True)
class Answer:
    """What the vendor says."""

    body: bytes
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Respond = Callable[[Asked, Fault | None], Answer]


@dataclass
class HttpPeer:
    """The server, in threads of its own; `with HttpPeer(respond, engine) as peer: ...`.

    Attributes
    ----------
    respond : the vendor's words
    engine : which answers are harmed; none without one
    asked : every request, in the order of their arrival
    hangs_up : set it, and every connection is reset: the vendor is down
    """

    respond: Respond
    engine: FaultEngine = field(default_factory=FaultEngine)
    asked: list[Asked] = field(default_factory=list)
    hangs_up: bool = False
    _server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        peer = self

        class Handler(_Handler):
            owner = peer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Address without a slash at its end."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    owner: HttpPeer
    protocol_version = "HTTP/1.1"
    timeout = 5
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        peer, asked = self.owner, self._asked()
        peer.asked.append(asked)
        fault = peer.engine.draw()
        if peer.hangs_up or (fault is not None and fault.kind == "reset"):
            self._reset()
            return
        if fault is not None and fault.kind in STATUSES:
            self._refuse(fault)
            return
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        self._say(peer.respond(asked, fault), fault)

    do_POST = do_DELETE = do_GET  # noqa: N815  # the server calls it by this name

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _asked(self) -> Asked:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(parts.query))
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Asked(self.command, unquote(parts.path), query, headers, body, time.monotonic())

    def _reset(self) -> None:
        """Close with a reset, as a broken network does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _refuse(self, fault: Fault) -> None:
        wait = (
            (("Retry-After", str(fault.retry_after)),)
            if fault.kind == "too_many" and fault.retry_after
            else ()
        )
        self._say(Answer(REFUSED, fault.status, "text/html", wait), None)

    def _say(self, answer: Answer, fault: Fault | None) -> None:
        broken = fault is not None and fault.kind == "truncated"
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        body = answer.body
        if fault is not None and broken:
            body = body[: int(fault.share * len(body))]
            self.close_connection = True  # fewer bytes than were promised
        try:
            self.wfile.write(body)
        except OSError:  # who asked has gone
            self.close_connection = True
