"""Commands that only look: how far the line is, its tables, where a number comes from, the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.options import (
    DONE,
    FAILED,
    HOME,
    Format,
    From,
    HomeOption,
    Printed,
    Timeframe,
    To,
    flag,
)
from trading.errors import UsageError

PANEL = "Looking"


def status(*, home: HomeOption = HOME) -> None:
    """Say how far the line is, what failed, what is stale and what to do."""
    from pipelines.cli import status as command

    command.status(home)


def show(
    *,
    table: Annotated[str | None, typer.Argument(help="Table to show; without it, all tables.")] = None,
    first: From = None,
    last: To = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only this symbol.")] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="Only rows known at this moment.")
    ] = None,
    version: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="An earlier version of a computed table.")
    ] = None,
    timeframe: Annotated[
        Timeframe | None,
        typer.Option(help="Only this timeframe; bars that are not stored are made of finer ones."),
    ] = None,
    adjusted: Annotated[
        bool, flag("--adjusted", help="Bars adjusted by what was in effect at --as-of.")
    ] = False,
    raw: Annotated[bool, flag("--raw", help="Raw bars only.")] = False,
    filled: Annotated[bool, flag("--filled", help="Fill short gaps of five-minute bars.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = "table",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to a file instead of the terminal.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Show a table of the home."""
    from pipelines.cli import show as command
    from pipelines.cli.bars_view import Wanted

    if adjusted and raw:
        raise UsageError("bars are either adjusted or raw: leave --adjusted or --raw out")
    bars = Wanted(timeframe, adjusted if adjusted or raw else None, filled)
    if table is None:
        narrowed = (first, last, symbol, as_of, version)
        command.show_tables(
            home, format_, output, narrowed=not bars.is_plain or any(value is not None for value in narrowed)
        )
        return
    view = command.View(table, first=first, last=last, symbol=symbol, as_of=as_of, version=version, bars=bars)
    command.show_table(home, view, format_, output)


def explain(
    *,
    fill: Annotated[str, typer.Argument(help="A fill_id, the start of one, `last`, or SYMBOL@SESSION.")],
    format_: Annotated[Literal["tree", "json"], typer.Option("--format", help="How to write it.")] = "tree",
    home: HomeOption = HOME,
) -> None:
    """Follow a fill back to its order, target, forecasts, features and bars."""
    from pipelines.cli import explain as command

    command.explain(home, fill, format_)


def report(
    *,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to write it instead of the home's reports.")
    ] = None,
    open_: Annotated[bool, flag("--open", help="Open it in the browser.")] = False,
    pdf: Annotated[bool, flag("--pdf", help="Print it as PDF with a headless browser.")] = False,
    browser: Annotated[
        str,
        typer.Option(
            envvar="FABLINE_BROWSER", metavar="PROGRAM", help="Chromium or Chrome; else what is on the path."
        ),
    ] = "",
    home: HomeOption = HOME,
) -> None:
    """Write the home's report as one self-contained HTML file, or as PDF."""
    from pipelines.cli import report as command

    command.report(home, command.Wanted(file, pdf=pdf, browser=browser, open_in_browser=open_))


def diff(
    *,
    home_a: Annotated[Path, typer.Argument(metavar="HOME_A", help="One home.")],
    home_b: Annotated[Path, typer.Argument(metavar="HOME_B", help="The other home.")],
    format_: Printed = "table",
) -> None:
    """Say which tables, sessions and fills of two homes differ; status 0 if none do, else 1."""
    from pipelines.cli import diff as command

    raise typer.Exit(DONE if command.diff(home_a, home_b, format_) else FAILED)


def scoreboard(
    *,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = "table",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to a file instead of the terminal.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Say of every numeric target of the roadmap whether it is met, and on what evidence."""
    from pipelines.cli import scoreboard as command

    command.scoreboard(home, format_, output)


def evaluate(
    *,
    first: From = None,
    last: To = None,
    held_out: Annotated[
        bool,
        flag("--held-out", help="Look at the last three months, which are kept apart; counts as a trial."),
    ] = False,
    variants: Annotated[
        str,
        typer.Option(
            metavar="models|FILE",
            help="What choosing the best of several is worth: each model alone, or the columns of a file of returns.",
        ),
    ] = "",
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = "table",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to a file instead of the terminal.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Say what the line was worth out of sample, slice by slice, and how much of it luck could have made."""
    from pipelines.cli import evaluate as command

    command.evaluate(home, command.Asked(first, last, held_out, variants), format_, output)


def compare(
    *,
    a: Annotated[
        str, typer.Argument(metavar="A", help="A strategy, SPY, QQQ, SMH, equal_weight, or a home's folder.")
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="What it is compared with: the same choices.")],
    first: From = None,
    last: To = None,
    held_out: Annotated[
        bool,
        flag("--held-out", help="Look at the last three months, which are kept apart; counts as a trial."),
    ] = False,
    format_: Annotated[Format, typer.Option("--format", help="How to write it.")] = "table",
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to a file instead of the terminal.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Set two strategies, homes or benchmarks side by side, with paired tests by year and regime."""
    from pipelines.cli import compare as command
    from pipelines.cli.evaluate import Asked

    command.compare(home, (a, b), Asked(first, last, held_out), format_, output)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("status", rich_help_panel=PANEL)(status)
    app.command("show", rich_help_panel=PANEL)(show)
    app.command("explain", rich_help_panel=PANEL)(explain)
    app.command("report", rich_help_panel=PANEL)(report)
    app.command("diff", rich_help_panel=PANEL)(diff)
    app.command("scoreboard", rich_help_panel=PANEL)(scoreboard)
    app.command("evaluate", rich_help_panel=PANEL)(evaluate)
    app.command("compare", rich_help_panel=PANEL)(compare)
