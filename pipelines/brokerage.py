"""Which broker a home trades with, and what must hold before an order of it may leave."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pipelines import environment
from pipelines.settings import Settings
from resources.brokers.desk import Desk
from resources.brokers.dry_run import DryRunBroker
from resources.brokers.journal import BrokerJournal
from resources.halt import HaltSwitch
from resources.home import Home
from resources.notifier import LogNotifier
from resources.sources.alpaca_keys import REMEDY
from resources.store import HomeStore
from trading import calendar
from trading.errors import SourceUnavailableError, UsageError
from trading.execution.account import Book, Booking
from trading.execution.ledger import Balance, project
from trading.execution.paper_broker import SimulatedBroker
from trading.execution.reconciliation import Difference, Standing, differences
from trading.interfaces import Clock
from trading.stages.trading_state import CASH, RECEIVABLE

FOLDER = "broker"
JOURNAL = Path(FOLDER) / "alpaca.sqlite"
CENT = 1  # Alpaca counts parts of cents: one fill may be off by this much


@dataclass(frozen=True)
class Decided:
    """What the line decided in one session, and the account that it believes in.

    Attributes
    ----------
    orders : rows of the table of that session, new, older and ended
    """

    session: pd.Timestamp
    orders: pd.DataFrame
    positions: dict[str, int]
    cash_cents: int


def decided(store: HomeStore, settings: Settings, session: pd.Timestamp | None) -> Decided:
    """The orders and positions of `session`, or of the last one with positions.

    Raises
    ------
    UsageError
        If the session was not made.
    """
    held = store.read("positions", session, session)
    held = held[(held["strategy"] == settings.trading.strategy).to_numpy()]
    if held.empty:
        which = "any session" if session is None else f"{session:%Y-%m-%d}"
        raise UsageError(f"this home has no positions of {which}; make it first: fabline run")
    last = held["session"].max()
    today = dict(held[(held["session"] == last).to_numpy()][["symbol", "quantity"]].itertuples(index=False))
    orders = store.read("orders", last, last)
    mine = orders[(orders["strategy"] == settings.trading.strategy).to_numpy()]
    shares = {name: int(count) for name, count in today.items() if name not in {CASH, RECEIVABLE}}
    return Decided(last, mine, shares, int(today[CASH]))


def check_main(settings: Settings, strategy: str | None) -> None:
    """UsageError if `strategy` is another one than that which alone is ever sent to a broker."""
    if strategy in (None, settings.main):
        return
    if strategy in settings.strategies:
        raise UsageError(
            f"{strategy} is a challenger and trades on paper only: no order of it is ever sent, and its cash is no "
            f"account's; only {settings.main} is sent (setting trading.strategy)"
        )
    named = ", ".join((settings.main, *sorted(settings.strategies)))
    raise UsageError(f"this home has no strategy {strategy!r}; it has {named}")


def check_sendable(home: Home, settings: Settings, session: pd.Timestamp, now: pd.Timestamp) -> None:
    """UsageError unless orders of `session` may go to Alpaca `now`: real bars, whole shares, before the open."""
    facts, peer = home.facts, settings.broker.url
    if facts.what_if:
        raise UsageError(
            "this home is a what-if copy, and a what-if never trades: trade the home it was made of"
        )
    if facts.source.get("simulated") == "true" and not peer:
        raise UsageError(
            "these orders were decided on a SIMULATED market and never go to an account at Alpaca"
        )
    if settings.trading.orders.units_per_share != 1:
        raise UsageError("Fabline sends whole shares to Alpaca: set trading.orders.units_per_share to 1")
    opens = calendar.session_open(calendar.shift(session, 1))
    if not calendar.as_of(session) <= now < opens:
        raise UsageError(
            f"orders of {session:%Y-%m-%d} are for the open of {opens:%Y-%m-%d %H:%M} UTC and can be sent from "
            f"{calendar.as_of(session):%Y-%m-%d %H:%M} until then; make the session that is due: fabline run"
        )


@contextmanager
def open_desk(home: Home, settings: Settings, line: Decided | None, clock: Clock) -> Iterator[Desk]:
    """The desk of the home's broker; only Alpaca's keeps records, the others send nothing that could be sent twice.

    Raises
    ------
    SourceUnavailableError
        If Alpaca's keys are not in the environment, or it does not take them.
    """
    switch, notifier = HaltSwitch(home.path), LogNotifier(home.logs)
    name = settings.broker.name
    if name != "alpaca":
        broker = _unsent(name, line)
        yield Desk(broker, BrokerJournal(), switch, notifier, clock, name)
        return
    keys = environment.alpaca_keys()
    if keys is None:
        raise SourceUnavailableError(f"alpaca's paper account needs its keys: {REMEDY}")
    from resources.brokers.alpaca import AlpacaBroker

    account = AlpacaBroker(keys, base_url=settings.broker.url)
    journal = BrokerJournal(home.path / JOURNAL)
    try:
        yield Desk(account, journal, switch, notifier, clock, account.account, CENT)
    finally:
        journal.close()


def _unsent(name: str, line: Decided | None) -> SimulatedBroker | DryRunBroker:
    """A broker in this process that holds what the line holds."""
    cash, positions = (line.cash_cents, line.positions) if line else (0, {})
    if name == "dry_run":
        return DryRunBroker(cash, positions)
    broker = SimulatedBroker(cash)
    broker.book = Book(shares=positions, cash_cents=cash)
    return broker


def ledger_against_positions(store: HomeStore, settings: Settings, line: Decided) -> tuple[Difference, ...]:
    """Differences between the line's own ledger, from its first line on, and its positions."""
    ledger = store.read("ledger", None, line.session)
    mine = ledger[(ledger["strategy"] == settings.trading.strategy).to_numpy()]
    names = list(Booking.__dataclass_fields__)
    rows = mine.sort_values(["session", "sequence"])[names].to_dict("records")
    booked = project((Booking(**row) for row in rows), Balance(), overdraft=True)
    ours = Standing(booked.shares, booked.cash_cents, {}, {})
    return differences(ours, Standing(line.positions, line.cash_cents, {}, {}))


def line_against_broker(line: Decided, desk: Desk) -> tuple[Difference, ...]:
    """How the account has drifted from the one that the line believes in: named, and no reason to stop."""
    positions, held = line.positions, desk.broker.positions()
    return tuple(
        Difference(
            "position",
            symbol,
            f"{positions.get(symbol, 0)} shares in the line",
            f"{held.get(symbol, 0)} shares",
            halts=False,
        )
        for symbol in sorted({*positions, *held})
        if positions.get(symbol, 0) != held.get(symbol, 0)
    )
