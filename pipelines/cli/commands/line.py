"""Commands that make the line: run, back-fill, what if, and what serves it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import (
    HOME,
    From,
    HomeOption,
    Source,
    To,
    Wait,
    flag,
)

PANEL = "The line"


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
    models: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Of a new home: names, or default, roadmap (TimesFM, TSMamba, SAMBA) or all.",
        ),
    ] = None,
    wait: Wait = False,
    continue_what_if: Annotated[
        bool, flag("--continue-what-if", help="Let a what-if copy go on after what was restated.")
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
        models=models,
        wait=wait,
        going_on=continue_what_if,
    )


def backfill(
    *,
    first: From = None,
    last: To = None,
    select: Annotated[
        str | None, typer.Option(metavar="ASSETS", help="Dagster asset selection; all if absent.")
    ] = None,
    rebuild: Annotated[bool, flag("--rebuild", help="Make anew, even before inception.")] = False,
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Make a range of sessions again."""
    from pipelines.cli import backfill as command

    command.backfill(home, first=first, last=last, select=select, rebuild=rebuild, wait=wait)


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


def up(
    *,
    postgres: Annotated[
        bool, flag("--postgres", help="Start the embedded PostgreSQL and keep the home there.")
    ] = False,
    home: HomeOption = HOME,
) -> None:
    """Start the Dagster UI, its daemon and MLflow together; Ctrl-C stops them."""
    from pipelines.cli import up as command

    command.up(home, postgres=postgres)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("run", rich_help_panel=PANEL)(run)
    app.command("backfill", rich_help_panel=PANEL)(backfill)
    app.command("restate", rich_help_panel=PANEL)(restate)
    app.command("up", rich_help_panel=PANEL)(up)
