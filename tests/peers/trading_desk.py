"""Desks to test: orders of two sessions, brokers in this process and over HTTP, steps at which a process dies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from resources.brokers.desk import Desk
from resources.brokers.journal import BrokerJournal
from resources.halt import HaltSwitch
from resources.sources.alpaca_keys import AlpacaKeys
from resources.sources.timing import Timer
from resources.sources.transport import Policy, Transport
from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.faults import FaultEngine
from tests.peers.http_peer import HttpPeer
from trading import calendar
from trading.execution.account import Order, Quote
from trading.execution.orders import order_id
from trading.interfaces import Brokerage

DECIDED, OPENED = pd.Timestamp("2024-06-06"), pd.Timestamp("2024-06-07")
CASH_CENTS = 1_000_000_00
QUOTES = {s: Quote(p, p, volume=20_000.0) for s, p in (("NVDA", 101.23), ("AMD", 57.7), ("TSM", 150.0))}


class Told:
    """A notifier that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, str]]] = []

    def notify(self, event: str, /, **facts: str) -> None:
        self.events.append((event, facts))


class KilledError(BaseException):
    """The process is gone: nothing catches this."""


@dataclass
class Mortal:
    """Anything, whose calls of `deadly` methods count, and die at one of them: before it acts, or after."""

    inner: Any
    fate: "Fate"
    deadly: tuple[str, ...]

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if name not in self.deadly:
            return found

        def call(*args: Any, **options: Any) -> Any:
            self.fate.step()
            answer = found(*args, **options)
            self.fate.step()
            return answer

        return call


@dataclass
class Fate:
    """Dies at step `at`."""

    at: int = 10**9
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise KilledError


BROKER_CALLS = ("submit", "cancel")  # what changes nothing is as good a place to die as its neighbour
JOURNAL_CALLS = ("take_over", "intend", "answer", "see", "record", "note")


def desk_over(broker: Brokerage, folder: Path, fate: Fate | None = None, *, now: str = "") -> Desk:
    """A desk whose records lie in `folder`."""
    journal = BrokerJournal(folder / "journal.sqlite")
    moment = pd.Timestamp(now) if now else calendar.as_of(DECIDED)
    mortal = Fate() if fate is None else fate
    return Desk(
        Mortal(broker, mortal, BROKER_CALLS),  # type: ignore[arg-type]
        Mortal(journal, mortal, JOURNAL_CALLS),  # type: ignore[arg-type]
        HaltSwitch(folder),
        Told(),
        lambda: moment,
        "test",
    )


def decision(session: pd.Timestamp = DECIDED, status: str = "new", **quantities: int) -> pd.DataFrame:
    """Rows of `orders` as a session has them."""
    rows = [
        vars(Order(order_id("paper/swing", session, s, q), s, session, q, 100.0, status=status))  # type: ignore[arg-type]
        for s, q in quantities.items()
    ]
    return pd.DataFrame(rows, columns=list(Order.__dataclass_fields__))


@dataclass
class Remote:
    """An account at a peer, and the broker that speaks to it."""

    account: AlpacaAccount
    peer: HttpPeer
    broker: Any


@contextmanager
def remote(
    account: AlpacaAccount, engine: FaultEngine | None = None, secret: str = SECRET
) -> Iterator[Remote]:
    """An Alpaca account over HTTP, whose client never really waits."""
    from resources.brokers.alpaca import AlpacaBroker

    with HttpPeer(account, engine or FaultEngine()) as peer:
        policy = Policy(
            per_hour=100_000, burst=10_000, attempts=8, failures=50, connect_seconds=2, read_seconds=2
        )
        transport = Transport("alpaca paper", policy, timer=Timer(sleep=lambda _: None))
        yield Remote(account, peer, AlpacaBroker(AlpacaKeys(KEY, secret), transport, peer.url))
