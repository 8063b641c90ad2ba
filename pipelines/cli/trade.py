"""The work of `fabline trade`, `halt`, `resume` and `reconcile --broker`: open the desk, act, print."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pandas as pd
import typer

from pipelines import brokerage, environment, settings
from pipelines.brokerage import JOURNAL, check_sendable, open_desk
from pipelines.cli import rendering
from pipelines.settings import Settings
from resources import clock as wall
from resources.brokers.desk import Traded
from resources.halt import Halt, HaltSwitch
from resources.home import Home
from resources.notifier import LogNotifier
from trading.calendar import session_of
from trading.errors import ReconciliationError
from trading.execution.lifecycle import WORKING
from trading.execution.reconciliation import Difference
from trading.interfaces import Clock

COLUMNS = ("kind", "name", "ours", "theirs", "halts")


def trade(
    path: Path,
    day: str | None,
    format_: str,
    *,
    wait: bool,
    strategy: str | None = None,
    clock: Clock = wall.now,
) -> None:
    """Send the orders of a session once, and print the answers.

    Raises
    ------
    UsageError
        If another strategy than the main one is named: challengers trade on paper.
    TradingHaltedError
        If trading is halted.
    ReconciliationError
        If the account is not what the records say; trading is halted then.
    """
    home = Home.open(path)
    wanted = settings.load(path).settings
    brokerage.check_main(wanted, strategy)
    HaltSwitch(path).check()
    session = None if day is None else session_of(day)
    with (
        home.writing("fabline trade", wait=wait),
        closing(environment.open_store(path)) as store,
    ):
        line = brokerage.decided(store, wanted, session)
        if wanted.broker.name == "alpaca":
            check_sendable(home, wanted, line.session, clock())
        with open_desk(home, wanted, line, clock) as desk:
            done = desk.trade(line.session, line.orders)
    rendering.write(_answers(line.orders, done), format_, None, heading=_heading(wanted, line.session, done))
    _say(done.found)


def reconcile(path: Path, format_: str, *, wait: bool, clock: Clock = wall.now) -> None:
    """Compare the account with the records, and print what differs; with Alpaca what is unknown halts trading.

    Raises
    ------
    ReconciliationError
        If something differs that nothing recorded explains.
    """
    home = Home.open(path)
    wanted = settings.load(path).settings
    with home.writing("fabline reconcile", wait=wait), closing(environment.open_store(path)) as store:
        line = brokerage.decided(store, wanted, None)
        found: tuple[Difference, ...] = brokerage.ledger_against_positions(store, wanted, line)
        if wanted.broker.name == "alpaca":
            with open_desk(home, wanted, line, clock) as desk:
                found += (*desk.reconcile(line.session), *brokerage.line_against_broker(line, desk))
    table = pd.DataFrame([vars(one) for one in found], columns=list(COLUMNS))
    heading = f"{wanted.broker.name} at {line.session:%Y-%m-%d}: {len(found)} differences"
    rendering.write(table, format_, None, heading=heading)
    grave = [str(one) for one in found if one.halts]
    if grave:
        raise ReconciliationError(
            f"the ledger and the positions differ: {'; '.join(grave)}; restore the home from its last good session"
        )


def halt(path: Path, reason: str, *, clock: Clock = wall.now) -> None:
    """Switch trading off, then cancel what works; that it is off does not wait for any broker."""
    home = Home.open(path)
    standing = HaltSwitch(path).halt(reason, "a person", clock())
    typer.echo(f"halted since {standing.since}: {standing.reason}; `fabline resume` lets trading go on")
    LogNotifier(home.logs).notify("trading_halted", reason=standing.reason, by=standing.by)
    try:
        _cancel(home, settings.load(path).settings, clock)
    finally:
        _show(home, f"HALTED: {standing.reason}")


def resume(path: Path) -> None:
    """Switch trading on again."""
    home = Home.open(path)
    before: Halt | None = HaltSwitch(path).resume()
    if before is None:
        typer.echo("trading was not halted")
        return
    typer.echo(f"trading goes on; it was halted since {before.since} by {before.by}: {before.reason}")
    LogNotifier(home.logs).notify("trading_resumed", reason=before.reason)
    _show(home, "trading goes on")


def _cancel(home: Home, wanted: Settings, clock: Clock) -> None:
    """Cancel what works at the broker; nothing can where nothing was ever sent."""
    if wanted.broker.name != "alpaca" or not (home.path / JOURNAL).exists():
        return
    with open_desk(home, wanted, None, clock) as desk:
        for name, gone, why in desk.cancel_working().itertuples(index=False):
            typer.echo(f"order {name}: {'cancelled' if gone else f'not cancelled: {why}'}")


def _answers(orders: pd.DataFrame, done: Traded) -> pd.DataFrame:
    """The orders that are in force, each with the broker's answer."""
    working = orders[orders["status"].isin(WORKING).to_numpy()]
    named = working[["order_id", "symbol", "quantity", "kind"]]
    return named.merge(done.sent, on="order_id", how="left").assign(
        accepted=lambda rows: rows["accepted"].map({True: "yes", False: "no"}).fillna("before"),
        reason=lambda rows: rows["reason"].fillna(""),
    )


def _heading(wanted: Settings, session: pd.Timestamp, done: Traded) -> str:
    kept = " (SIMULATED: the line fills them when it makes the next session)"
    broker = wanted.broker.name + (kept if wanted.broker.name == "simulated" else "")
    gone = int(done.cancelled["cancelled"].sum()) if len(done.cancelled) else 0
    return f"orders of {session:%Y-%m-%d} to {broker}: {len(done.sent)} now, {done.known} before, {gone} cancelled"


def _say(found: Iterable[Difference]) -> None:
    for one in found:
        typer.echo(f"note: {one}", err=True)


def _show(home: Home, said: str) -> None:
    """An observation of the asset `orders`, so that the UI shows it; it is no run."""
    import dagster as dg

    with environment.dagster_of(home) as instance:
        instance.report_runless_asset_event(dg.AssetObservation("orders", description=said))
