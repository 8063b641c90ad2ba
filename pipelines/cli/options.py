"""Options that several commands share, so that each reads and means the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130  # exit statuses


def flag(*names: str, help: str) -> Any:  # noqa: A002 - the name that Typer gives it
    """An option that is there or not; its help shows no type."""
    return typer.Option(*names, help=help, metavar="")


HomeOption = Annotated[
    Path, typer.Option("--home", envvar="FABLINE_HOME", metavar="DIR", help="Where all state lives.")
]
HOME = Path(".fabline")
From = Annotated[str | None, typer.Option("--from", metavar="DATE", help="First session, YYYY-MM-DD.")]
To = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Last session, YYYY-MM-DD.")]
Wait = Annotated[bool, flag("--wait", help="Wait while another run holds the home.")]
Symbols = Annotated[str | None, typer.Option(metavar="A,B", help="Only these; all that there are if absent.")]
Source = Literal["simulated", "files", "yahoo", "alpaca"]
Timeframe = Literal["5min", "1D", "1W"]
Format = Literal["table", "csv", "json", "parquet"]
Printed = Annotated[Literal["table", "json"], typer.Option("--format", help="How to write it.")]
