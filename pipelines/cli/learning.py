"""`fabline train` and `fabline models`: what learns, how often, and what came of it. Only options are here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import HOME, Format, HomeOption, Wait

models_app = typer.Typer(help="The models of a home and their versions.")
HowFormat = Annotated[Format, typer.Option("--format", help="How to write it.")]
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


@models_app.command("list")
def models_list(*, format_: HowFormat = "table", output: Output = None, home: HomeOption = HOME) -> None:
    """List every model that Fabline knows, with its cadence, versions and champion in this home."""
    from pipelines.cli import models as command

    command.list_models(home, format_, output)


@models_app.command("show")
def models_show(
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a model, as `fabline models list` has it.")],
    format_: HowFormat = "table",
    output: Output = None,
    home: HomeOption = HOME,
) -> None:
    """Show every version of a model: who speaks, what it learned from, and how its training went."""
    from pipelines.cli import models as command

    command.show_model(home, name, format_, output)
