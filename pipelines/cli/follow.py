"""The work of `fabline trade --follow`: stay with the account, and record what becomes of orders until a halt."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pandas as pd
import typer

from pipelines import brokerage, environment, settings
from resources import clock as wall
from resources.brokers.desk import Desk
from resources.home import Home
from resources.sources.alpaca_keys import REMEDY
from trading.calendar import session_of
from trading.errors import SourceUnavailableError, UsageError
from trading.interfaces import Clock


def check_followable(path: Path) -> None:
    """UsageError unless the home's broker tells what happens to its orders."""
    name = settings.load(path).settings.broker.name
    if name != "alpaca":
        raise UsageError(
            f"the broker {name} has no updates to follow: the line fills its orders; set broker.name to alpaca"
        )


def follow(path: Path, day: str | None, *, clock: Clock = wall.now) -> None:
    """Record what becomes of the account's orders, and say each event, until trading is halted or Ctrl-C.

    The home itself is not held: `fabline run` and `fabline halt` work meanwhile.

    Raises
    ------
    ReconciliationError
        If an event leaves something that nothing recorded explains; trading is halted then.
    """
    check_followable(path)
    home, wanted = Home.open(path), settings.load(path).settings
    with closing(environment.open_store(path)) as store:
        line = brokerage.decided(store, wanted, None if day is None else session_of(day))
    with brokerage.open_desk(home, wanted, line, clock) as desk:
        typer.echo("following the account; `fabline halt` or Ctrl-C ends it")
        try:
            asyncio.run(_followed(desk, line.session, wanted.broker.stream_url, clock))
        except KeyboardInterrupt:
            typer.echo("stopped following; what works at the broker works on")
            return
        halted = desk.switch.state()
    if halted is not None:
        typer.echo(f"trading is halted: {halted.reason}; what worked at the broker is cancelled")


async def _followed(desk: Desk, session: pd.Timestamp, url: str, clock: Clock) -> None:
    from resources.brokers.alpaca_updates import trade_updates

    keys = environment.alpaca_keys()
    if keys is None:
        raise SourceUnavailableError(f"alpaca's paper account needs its keys: {REMEDY}")

    def told(event: str) -> None:
        typer.echo(f"{clock():%Y-%m-%d %H:%M:%S} UTC  {event}: {len(desk.journal.fills())} fills recorded")

    updates = trade_updates(keys, url or None)
    try:
        await desk.follow(session, updates, told)
    finally:
        await updates.aclose()
