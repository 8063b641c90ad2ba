"""Commands about the book: what it should hold, and sending its orders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import HOME, HomeOption, Printed, Wait

PANEL = "Trading"


def optimize(
    *,
    input_: Annotated[Path, typer.Option("--input", metavar="FILE", help="The problem, a JSON object.")],
    format_: Printed = "table",
) -> None:
    """Solve one portfolio problem from a file: weights and the certificate that proves them."""
    from pipelines.cli import optimize as command

    command.solve_file(input_, format_)


def trade(
    *,
    session: Annotated[
        str | None, typer.Option(metavar="DATE", help="Whose orders; of the last session made if absent.")
    ] = None,
    format_: Printed = "table",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Send a session's orders to the broker (setting broker.name), each once however often it is called."""
    from pipelines.cli import trade as command

    command.trade(home, session, format_, wait=wait)


def halt(
    *,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.")] = "a person said so",
    home: HomeOption = HOME,
) -> None:
    """Stop trading at once: nothing is sent any more, and what works at the broker is cancelled."""
    from pipelines.cli import trade as command

    command.halt(home, reason)


def resume(*, home: HomeOption = HOME) -> None:
    """Let trading go on after a halt."""
    from pipelines.cli import trade as command

    command.resume(home)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("optimize", rich_help_panel=PANEL)(optimize)
    app.command("trade", rich_help_panel=PANEL)(trade)
    app.command("halt", rich_help_panel=PANEL)(halt)
    app.command("resume", rich_help_panel=PANEL)(resume)
