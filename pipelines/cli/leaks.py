"""`fabline leaks`: which columns of a file of features know the future. Only options live here; the work is in `feature_file`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def leaks(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV or Parquet file of features.")],
    time: Annotated[str, typer.Option(metavar="COLUMN", help="When each row was known.")],
    price: Annotated[str, typer.Option(metavar="COLUMN", help="The price at that time.")],
    symbol: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Of which instrument, if the file holds several.")
    ] = None,
    format_: Annotated[
        Literal["table", "json", "csv"], typer.Option("--format", help="How to write it.")
    ] = "table",
) -> None:
    """Say which columns of a file of features know the future; status 0 if none does, else 1."""
    from pipelines.cli import feature_file

    raise typer.Exit(0 if feature_file.judge(file, time, price, symbol, format_) else 1)
