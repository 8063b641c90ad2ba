"""Commands about what learns: training, versions, and columns that know the future."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.options import (
    HOME,
    Format,
    HomeOption,
    Wait,
    flag,
)

PANEL = "Models"
models_app = typer.Typer(help="The models of a home and their versions.")
HowFormat = Annotated[Format, typer.Option("--format", help="How to write it.")]
ModelName = Annotated[
    str, typer.Argument(metavar="NAME", help="Of a model, as `fabline models list` has it.")
]
Note = Annotated[str, typer.Option(help="Why.")]
Output = Annotated[Path | None, typer.Option(metavar="FILE", help="Write to a file.")]


def train(
    *,
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]…", help="Only these; all of the home if absent.")
    ] = None,
    through: Annotated[
        str | None, typer.Option(metavar="DATE", help="Learn from nothing after this session, YYYY-MM-DD.")
    ] = None,
    format_: HowFormat = "table",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Train the versions that the calendar asks for and that are not there yet."""
    from pipelines.cli import train as command

    command.train(home, models or (), through, format_, wait=wait)


def leaks(
    *,
    of: Annotated[
        str | None,
        typer.Argument(
            metavar="[ASSET|FILE]", help="An asset, or a CSV or Parquet file of features; else all assets."
        ),
    ] = None,
    time: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of a file: when each row was known.")
    ] = None,
    price: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of a file: the price at that time.")
    ] = None,
    symbol: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of which instrument, if the file holds several.")
    ] = None,
    mutants: Annotated[
        bool, flag("--mutants", help="Plant known leaks in the assets, and say whether each is caught.")
    ] = False,
    warm_up: Annotated[
        bool, flag("--warm-up", help="How much history each asset needs before its values stop changing.")
    ] = False,
    format_: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="How to write it.")
    ] = "table",
) -> None:
    """Say which assets, or which columns of a file, know the future; status 0 if none does, else 1."""
    from pipelines.cli import leaks as command

    asked = command.Asked(of, time, price, symbol, mutants=mutants, warm_up=warm_up)
    raise typer.Exit(0 if command.leaks(asked, format_) else 1)


def nulls(
    *,
    markets: Annotated[int, typer.Option(metavar="N", help="How many of each kind.")] = 200,
    kind: Annotated[
        Literal["fair", "block_shuffled", "sign_flipped", "all"] | None,
        typer.Option(
            help="SIMULATED fair ones, real bars whose order is destroyed, or all; with --data all."
        ),
    ] = None,
    edge: Annotated[
        str,
        typer.Option(
            metavar="X,Y", help="Plant edges of X tenths of correlation, 0 to 3, and draw the power."
        ),
    ] = "0",
    mutant: Annotated[
        str, typer.Option(metavar="NAME", help="leaking_feature, impatient_promotion or promotes_the_worse.")
    ] = "",
    sessions: Annotated[int, typer.Option(metavar="N", help="Traded sessions of each market.")] = 126,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="The folder of real bars.")] = None,
    jobs: Annotated[int, typer.Option(metavar="N", help="Processes, of one thread each.")] = 1,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where finished markets are kept.")] = Path(
        ".fabline/nulls"
    ),
    format_: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="How to write it.")
    ] = "table",
) -> None:
    """Say how often the line claims skill where there is none; status 0 if no level is broken, else 1."""
    from pipelines.cli import nulls as command

    asked = command.Asked(markets, kind, edge, mutant, sessions, data, jobs)
    raise typer.Exit(0 if command.nulls(asked, folder, format_) else 1)


@models_app.command("list")
def models_list(*, format_: HowFormat = "table", output: Output = None, home: HomeOption = HOME) -> None:
    """List every model that Fabline knows, with its cadence, versions and champion in this home."""
    from pipelines.cli import models as command

    command.list_models(home, format_, output)


@models_app.command("show")
def models_show(
    *,
    name: ModelName,
    format_: HowFormat = "table",
    output: Output = None,
    home: HomeOption = HOME,
) -> None:
    """Show every version of a model: who speaks, what it learned from, and how its training went."""
    from pipelines.cli import models as command

    command.show_model(home, name, format_, output)


@models_app.command("history")
def models_history(
    *,
    name: ModelName,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="TIME", help="Who was champion then; a date or a moment.")
    ] = None,
    format_: HowFormat = "table",
    output: Output = None,
    home: HomeOption = HOME,
) -> None:
    """Show who was champion of a model from when to when, why, and on what evidence."""
    from pipelines.cli import champions as command

    command.history(home, name, as_of, format_, output)


@models_app.command("promote")
def models_promote(
    *,
    name: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="A live version, or its beginning.")],
    note: Note = "",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Make a live version champion from the next session on."""
    from pipelines.cli import champions as command

    command.promote(home, name, version, note, wait=wait)


@models_app.command("rollback")
def models_rollback(*, name: ModelName, note: Note = "", wait: Wait = False, home: HomeOption = HOME) -> None:
    """Make the champion before the present one champion again from the next session on."""
    from pipelines.cli import champions as command

    command.rollback(home, name, note, wait=wait)


@models_app.command("review")
def models_review(
    *, name: ModelName, format_: HowFormat = "table", wait: Wait = False, home: HomeOption = HOME
) -> None:
    """Bring the review pages of a model's versions in MLflow up to date: losses by year and regime, pictures, roles."""
    from pipelines.cli import review as command

    command.review(home, name, format_, wait=wait)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("train", rich_help_panel=PANEL)(train)
    app.command("leaks", rich_help_panel=PANEL)(leaks)
    app.command("nulls", rich_help_panel=PANEL)(nulls)
    app.add_typer(models_app, name="models", rich_help_panel=PANEL)
