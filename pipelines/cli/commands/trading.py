"""Commands about the book: what it should hold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import Printed

PANEL = "Trading"


def optimize(
    *,
    input_: Annotated[Path, typer.Option("--input", metavar="FILE", help="The problem, a JSON object.")],
    format_: Printed = "table",
) -> None:
    """Solve one portfolio problem from a file: weights and the certificate that proves them."""
    from pipelines.cli import optimize as command

    command.solve_file(input_, format_)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("optimize", rich_help_panel=PANEL)(optimize)
