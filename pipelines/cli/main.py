"""The command `fabline`: what can be asked, and how an answer or a failure reaches the person.

Only options live here, so that `fabline --help` answers at once; each command's work is in the
module of its name and is imported when it is asked for.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.exceptions import TyperException

from pipelines.cli.leaks import leaks
from pipelines.cli.learning import models_app, train
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
)
from pipelines.cli.reconcile import reconcile
from trading.errors import FablineError, UsageError

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

app = typer.Typer(
    name="fabline",
    help="A production line from market bars to fills for AI and semiconductor stocks.",
    add_completion=False,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)
config_app = typer.Typer(help="The settings of a home, and where each comes from.")
app.add_typer(config_app, name="config")
db_app = typer.Typer(help="The database that holds a home's recorded tables.")
app.add_typer(db_app, name="db")
quarantine_app = typer.Typer(help="Rows that were kept out of their table: look at them, and decide.")
app.add_typer(quarantine_app, name="quarantine")
app.command("reconcile")(reconcile)
app.command("leaks")(leaks)
app.command("train")(train)
app.add_typer(models_app, name="models")


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,  # noqa: FBT002
) -> None:
    """A production line from market bars to fills for AI and semiconductor stocks."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"fabline {installed('fabline')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(WRONG_USE)


@app.command()
def run(
    *,
    source: Annotated[Source | None, typer.Option(help="Where bars come from.")] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder that the source `files` reads.")
    ] = None,
    sessions: Annotated[int | None, typer.Option(min=1, help="How many sessions to run.")] = None,
    first: From = None,
    last: To = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the simulated market.")] = None,
    wait: Wait = False,
    continue_what_if: Annotated[
        bool, typer.Option("--continue-what-if", help="Let a what-if copy go on after what was restated.")
    ] = False,
    home: HomeOption = HOME,
) -> None:
    """Run the whole line over a range of sessions and write the report."""
    from pipelines.cli import run as command

    command.run(
        home,
        source=source,
        data=data,
        sessions=sessions,
        first=first,
        last=last,
        seed=seed,
        wait=wait,
        going_on=continue_what_if,
    )


@app.command()
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
    refresh: Annotated[bool, typer.Option("--refresh", help="Look again at what was loaded before.")] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Listen and store five-minute bars until Ctrl-C.")
    ] = False,
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


@app.command()
def backfill(
    *,
    first: From = None,
    last: To = None,
    select: Annotated[
        str | None, typer.Option(metavar="ASSETS", help="Dagster asset selection; all if absent.")
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make anew, even before inception.")] = False,
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Make a range of sessions again."""
    from pipelines.cli import backfill as command

    command.backfill(home, first=first, last=last, select=select, rebuild=rebuild, wait=wait)


@app.command()
def up(
    *,
    postgres: Annotated[
        bool, typer.Option("--postgres", help="Start the embedded PostgreSQL and keep the home there.")
    ] = False,
    home: HomeOption = HOME,
) -> None:
    """Start the Dagster UI, its daemon and MLflow together; Ctrl-C stops them."""
    from pipelines.cli import up as command

    command.up(home, postgres=postgres)


@app.command()
def status(*, home: HomeOption = HOME) -> None:
    """Say how far the line is, what failed, what is stale and what to do."""
    from pipelines.cli import status as command

    command.status(home)


@app.command()
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
        bool, typer.Option("--adjusted", help="Bars adjusted by what was in effect at --as-of.")
    ] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Raw bars only.")] = False,
    filled: Annotated[bool, typer.Option("--filled", help="Fill short gaps of five-minute bars.")] = False,
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


@app.command()
def explain(
    *,
    fill: Annotated[str, typer.Argument(help="A fill_id, the start of one, `last`, or SYMBOL@SESSION.")],
    format_: Annotated[Literal["tree", "json"], typer.Option("--format", help="How to write it.")] = "tree",
    home: HomeOption = HOME,
) -> None:
    """Follow a fill back to its order, target, forecasts, features and bars."""
    from pipelines.cli import explain as command

    command.explain(home, fill, format_)


@app.command()
def report(
    *,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    home: HomeOption = HOME,
) -> None:
    """Write the home's report as one self-contained HTML file."""
    from pipelines.cli import report as command

    command.report(home, open_in_browser=open_)


@config_app.command("show")
def config_show(
    *,
    format_: Printed = "table",
    home: HomeOption = HOME,
) -> None:
    """Show every setting with its origin."""
    from pipelines.cli import config as command

    command.show(home, format_)


@config_app.command("set")
def config_set(
    *,
    key: Annotated[str, typer.Argument(help="A setting, as `fabline config show` names it.")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
    home: HomeOption = HOME,
) -> None:
    """Write a setting to the home's fabline.toml."""
    from pipelines.cli import config as command

    command.set_value(home, key, value)


@app.command()
def restate(
    *,
    as_of: Annotated[
        str,
        typer.Option(
            "--as-of",
            metavar="TIME",
            help="What came in later counts for nothing; a date: when its session decides.",
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Folder of the copy; beside the home if absent."),
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Build a what-if copy of a home: as if all that was known at TIME had been known in time."""
    from pipelines.cli import restate as command

    command.restate(home, as_of=as_of, target=to)


@quarantine_app.command("list")
def quarantine_list(
    *,
    table: Annotated[str | None, typer.Option(help="Only rows that were meant for this table.")] = None,
    symbol: Annotated[str | None, typer.Option(metavar="SYMBOL", help="Only this symbol.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only rows that broke this rule.")] = None,
    decided: Annotated[bool, typer.Option("--all", help="Those decided, and exact duplicates, too.")] = False,
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
        bool, typer.Option("--replace", help="Although its table holds another row of its key.")
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


@db_app.command("migrate")
def db_migrate(
    *,
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="postgresql://…; else FABLINE_DATABASE_URL, else one in the home."),
    ] = None,
    format_: Printed = "table",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Move the home's tables from SQLite to PostgreSQL, and prove that they are the same."""
    from pipelines.cli import db as command

    command.migrate(home, to, format_, wait=wait)


@app.command()
def diff(
    *,
    home_a: Annotated[Path, typer.Argument(metavar="HOME_A", help="One home.")],
    home_b: Annotated[Path, typer.Argument(metavar="HOME_B", help="The other home.")],
    format_: Printed = "table",
) -> None:
    """Say which tables, sessions and fills of two homes differ; status 0 if none do, else 1."""
    from pipelines.cli import diff as command

    raise typer.Exit(DONE if command.diff(home_a, home_b, format_) else FAILED)


@app.command()
def doctor(
    *,
    format_: Printed = "table",
    home: HomeOption = HOME,
) -> None:
    """Check what is installed, configured and reachable."""
    from pipelines.cli import doctor as command

    raise typer.Exit(DONE if command.doctor(home, format_) else FAILED)


def status_of(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit status: 0 done, 1 failed, 2 wrong use, 130 interrupted.

    Every failure is one line on standard error; an unexpected one also names the file that holds
    its trace.
    """
    try:
        status = app(args=list(arguments), prog_name="fabline", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", INTERRUPTED)
    except TyperException as error:
        return _failed(f"{error.format_message()} (see fabline --help)", error.exit_code)
    except FablineError as error:
        return _failed(str(error), WRONG_USE if isinstance(error, UsageError) else FAILED)
    except Exception as error:  # noqa: BLE001 - a person gets one line, the trace goes to a file
        from pipelines.cli.traces import keep

        return _failed(
            f"{type(error).__name__}: {error}; the full trace is in {keep(error, arguments)}", FAILED
        )
    if status == INTERRUPTED:  # typer takes a Ctrl-C for an exit, and says nothing
        return _failed("interrupted", INTERRUPTED)
    return status if isinstance(status, int) else DONE


def _failed(message: str, status: int) -> int:
    typer.echo("error: " + " ".join(message.split()), err=True)
    return status


def main() -> None:
    """Entry point of the console script."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries tell programmers is no answer to a person
    sys.exit(status_of(sys.argv[1:]))
