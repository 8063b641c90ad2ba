"""Commands about market data: loading it, asking a second vendor, judging what was kept out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.options import (
    HOME,
    Format,
    From,
    HomeOption,
    Printed,
    Source,
    Symbols,
    Timeframe,
    To,
    Wait,
    flag,
)
from trading.errors import UsageError

PANEL = "Market data"
quarantine_app = typer.Typer(help="Rows that were kept out of their table: look at them, and decide.")


def ingest(
    *,
    source: Annotated[Source | None, typer.Option(help="Where bars come from.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder that the source `files` reads.")
    ] = None,
    timeframe: Annotated[Timeframe, typer.Option(help="Of the bars.")] = "1D",
    first: From = None,
    last: To = None,
    symbols: Symbols = None,
    refresh: Annotated[bool, flag("--refresh", help="Look again at what was loaded before.")] = False,
    live: Annotated[bool, flag("--live", help="Listen and store five-minute bars until Ctrl-C.")] = False,
    speed: Annotated[
        float | None, typer.Option(metavar="X", help="With --live: market seconds a second of a replay.")
    ] = None,
    format_: Printed = "table",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Load market data and say what became of every row."""
    if live:
        from pipelines.cli.ingest_live import LiveRequest, ingest_live

        if data is not None or refresh:
            raise UsageError("--data and --refresh are for history; --live listens to what comes")
        ingest_live(home, LiveRequest(first, last, speed, symbols), source=source, format_=format_)
        return
    if speed is not None:
        raise UsageError("--speed is of a replay; add --live, or leave it out")
    from pipelines.cli import ingest as command

    options = command.Options(timeframe, first, last, symbols, refresh)
    command.ingest(home, options, source=source, data=data, format_=format_, wait=wait)


def reconcile(
    *,
    against: Annotated[
        Literal["yahoo", "alpaca", "files"] | None,
        typer.Option(help="The vendor that is asked for a second opinion on bars."),
    ] = None,
    broker: Annotated[
        bool, flag("--broker", help="Compare orders, fills, positions and cash with the broker's instead.")
    ] = False,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of `--against files`.")] = None,
    basis: Annotated[
        Literal["raw", "fully_adjusted"] | None, typer.Option(help="Price basis of `--against files`.")
    ] = None,
    timeframe: Annotated[Timeframe, typer.Option(help="Of the bars.")] = "1D",
    first: From = None,
    last: To = None,
    symbols: Symbols = None,
    format_: Printed = "table",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Compare the home's bars with another vendor's, or its account with the broker's (--broker)."""
    if broker == (against is not None):
        raise UsageError("say what to compare with: --against VENDOR for bars, or --broker for the account")
    if against is None:
        from pipelines.cli import trade

        trade.reconcile(home, format_, wait=wait)
        return
    from pipelines.cli import second_vendor as command

    asked = command.Asked(against, data, basis, timeframe, first, last, symbols)
    command.reconcile(home, asked, format_=format_, wait=wait)


def peers(
    *,
    path: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="CSV or Parquet of adjusted closes: symbol, session, close."),
    ],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", metavar="DATE", help="Rank as of this session; the last if absent."),
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = "table",
) -> None:
    """Rank sub-industries by momentum and say which peers a wider universe would take in. Trades nothing."""
    from pipelines.cli import peers as command

    command.ranked(path, as_of, format_)


@quarantine_app.command("list")
def quarantine_list(
    *,
    table: Annotated[str | None, typer.Option(help="Only rows that were meant for this table.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only this symbol.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only rows that broke this rule.")] = None,
    decided: Annotated[bool, flag("--all", help="Those decided, and exact duplicates, too.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = "table",
    home: HomeOption = HOME,
) -> None:
    """List the rows that wait for a decision, each with its reason."""
    from pipelines.cli import quarantine as command

    command.list_rows(home, command.Choice(table, symbol, rule), decided=decided, format_=format_)


@quarantine_app.command("show")
def quarantine_show(
    *,
    id_: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it, or its beginning.")],
    format_: Printed = "table",
    home: HomeOption = HOME,
) -> None:
    """Show one row as it came, why it was kept out, and what was decided."""
    from pipelines.cli import quarantine as command

    command.show(home, id_, format_)


@quarantine_app.command("release")
def quarantine_release(
    *,
    id_: Annotated[str, typer.Argument(metavar="ID", help="As the list shows it, or its beginning.")],
    corrections: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="Correct a value first.")
    ] = None,
    replace: Annotated[
        bool, flag("--replace", help="Although its table holds another row of its key.")
    ] = False,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Enter a row into its table, known from now on."""
    from pipelines.cli import quarantine as command

    command.release(home, id_, corrections=corrections or (), note=note, wait=wait, replace=replace)


@quarantine_app.command("reject")
def quarantine_reject(
    *,
    id_: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="As the list shows it, or its beginning.")
    ] = None,
    rule: Annotated[str | None, typer.Option(help="All rows that broke this rule and wait.")] = None,
    table: Annotated[str | None, typer.Option(help="With --rule: only rows meant for this table.")] = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="SYMBOL", help="With --rule: only this symbol.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why.")] = "",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Leave a row out for good, or all rows of a rule."""
    from pipelines.cli import quarantine as command

    command.reject(home, id_, command.Choice(table, symbol, rule), note=note, wait=wait)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("ingest", rich_help_panel=PANEL)(ingest)
    app.command("reconcile", rich_help_panel=PANEL)(reconcile)
    app.command("peers", rich_help_panel=PANEL)(peers)
    app.add_typer(quarantine_app, name="quarantine", rich_help_panel=PANEL)
