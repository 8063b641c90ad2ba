"""Trades eight sessions as the line does, sends each decision through a desk, and prints digests as JSON.

`python tests/e2e/paper_account.py in_process|http FOLDER`: the account is in this process or behind HTTP.
`python tests/e2e/paper_account.py once FOLDER URL`: sends one decision to the account at a URL; meant to be killed.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from resources.brokers.alpaca import AlpacaBroker
from resources.sources.alpaca_keys import AlpacaKeys
from resources.sources.transport import Transport
from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.trading_desk import CASH_CENTS, DECIDED, decision, desk_over, remote
from trading import calendar
from trading.digest import generator
from trading.execution.account import Book, Fill, Order, Quote
from trading.execution.corporate_actions import CorporateAction
from trading.execution.orders import decide_orders
from trading.execution.paper_broker import SimulatedBroker
from trading.execution.simulator import Venue
from trading.execution.trading_day import trade_day
from trading.interfaces import Brokerage

NAMES = ("NVDA", "AMD", "TSM", "AVGO")
SESSIONS = calendar.sessions_between(pd.Timestamp("2024-06-03"), pd.Timestamp("2024-06-12"))
SPLIT, DIVIDEND = SESSIONS[3], SESSIONS[4]
VENUE = Venue()


def quotes_of(session: pd.Timestamp) -> dict[str, Quote]:
    """Bars that depend on the session alone; little volume, so that orders fill in parts."""
    rng = generator("paper_account", session)
    ratio = 10 if session >= SPLIT else 1
    quotes = {}
    for name, base in zip(NAMES, (1000.0, 150.0, 140.0, 1300.0), strict=True):
        start, end = base * np.exp(rng.normal(0, 0.02, 2)) / (ratio if name == "NVDA" else 1)
        volume = float(rng.integers(300, 40_000))
        quotes[name] = Quote(float(start), float(end), "", max(start, end), min(start, end), volume, 0.02)
    return quotes


def actions_of(session: pd.Timestamp) -> tuple[CorporateAction, ...]:
    """A split of NVDA, ten for one, and a dividend of TSM."""
    if session == SPLIT:
        return (CorporateAction("NVDA", "split", 10.0, 0.0, session),)
    pays = calendar.shift(session, 2)
    return (CorporateAction("TSM", "dividend", 1.0, 0.55, pays),) if session == DIVIDEND else ()


@dataclass
class Place:
    """A broker, and what lets a session happen to its account."""

    broker: Brokerage
    account: SimulatedBroker | AlpacaAccount


@contextmanager
def place_of(kind: str) -> Iterator[Place]:
    """The same account in this process or behind HTTP."""
    if kind == "in_process":
        broker = SimulatedBroker(CASH_CENTS, VENUE)
        yield Place(broker, broker)
        return
    account = AlpacaAccount(CASH_CENTS, VENUE)
    with remote(account) as there:
        yield Place(there.broker, account)


def trade(place: Place, folder: Path) -> dict[str, str]:
    """Backtest and account side by side; SHA-256 of the account's records, and of the backtest's own fills."""
    desk = desk_over(place.broker, folder)
    book, waiting, fills = Book(cash_cents=CASH_CENTS), (), []
    for session in SESSIONS:
        quotes, actions = quotes_of(session), actions_of(session)
        done = trade_day(book, waiting, actions, quotes, venue=VENUE, session=session)
        place.account.open_session(session, quotes, actions)
        decided = _decided(session, done.book, quotes, done.orders)
        desk.trade(
            session, pd.DataFrame([vars(one) for one in decided], columns=list(Order.__dataclass_fields__))
        )
        book, fills = done.book, [*fills, *done.fills]
        waiting = tuple(one for one in decided if one.status in {"new", "acknowledged", "partially_filled"})
    return {
        **desk.journal.digests(),
        "backtest": _digest(fills),
        "account": _digest(_recorded(desk.journal.fills())),
    }


def _decided(
    session: pd.Timestamp, book: Book, quotes: dict[str, Quote], older: tuple[Order, ...]
) -> tuple[Order, ...]:
    weights = generator("targets", session).dirichlet(np.full(len(NAMES) + 1, 0.8))[: len(NAMES)]
    targets = dict(zip(NAMES, weights.tolist(), strict=True))
    return decide_orders("swing", session, targets, book=book, quotes=quotes, older=older, rules=VENUE.orders)


def _recorded(rows: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(
        rows[["fill_id", "order_id", "symbol", "quantity", "price", "notional_cents"]].itertuples(index=False)
    )


def _digest(fills: list[Fill] | list[tuple[object, ...]]) -> str:
    """Fills by id: what the broker's words and the backtest's have in common."""
    rows = sorted(
        [f.fill_id, f.order_id, f.symbol, int(f.quantity), float(f.price), int(f.notional_cents)]
        for f in fills
    )
    return f"{len(rows)} fills {hashlib.sha256(json.dumps(rows).encode()).hexdigest()}"


def send_once(folder: Path, url: str) -> None:
    """Send one decision to the account at `url`."""
    broker = AlpacaBroker(AlpacaKeys(KEY, SECRET), Transport("alpaca paper"), url)
    desk_over(broker, folder).trade(DECIDED, decision(NVDA=10, AMD=5, TSM=7))


def main() -> None:
    """What the command line says."""
    kind, folder = sys.argv[1], Path(sys.argv[2])
    if kind == "once":
        send_once(folder, sys.argv[3])
        return
    with place_of(kind) as place:
        sys.stdout.write(json.dumps(trade(place, folder)))


if __name__ == "__main__":
    main()
