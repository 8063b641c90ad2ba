"""`fabline reconcile`: what a second vendor says of the bars that a home holds. Only its options are here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli.options import HOME, From, HomeOption, Printed, Symbols, Timeframe, To, Wait


def reconcile(
    *,
    against: Annotated[
        Literal["yahoo", "alpaca", "files"],
        typer.Option(help="The vendor that is asked for a second opinion."),
    ],
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
    """Compare the home's bars with another vendor's; nothing of the other is stored as a bar."""
    from pipelines.cli import second_vendor as command

    asked = command.Asked(against, data, basis, timeframe, first, last, symbols)
    command.reconcile(home, asked, format_=format_, wait=wait)
