"""`fabline db`: move a home's recorded tables from SQLite to PostgreSQL, with proof."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import pandas as pd
import typer

from pipelines import environment
from pipelines.cli import rendering
from pipelines.cli.up import alone
from resources import migration
from resources.home import Home
from resources.proofs import Proof
from trading.errors import UsageError


def migrate(path: Path, url: str | None, format_: str, *, wait: bool) -> None:
    """Move the tables, print the proof of each, and say where they are now.

    Of a home that has moved, the tables are compared once more with the SQLite file that was kept.

    Parameters
    ----------
    url : of the server; None: the one that the environment names, or else one in the home

    Raises
    ------
    UsageError
        If the target is no PostgreSQL.
    HomeError
        If there is nothing to move, the home is in use, the target is not free, or a table of a home
        that has moved is not what it was.
    """
    target = url or os.environ.get(environment.DATABASE)
    if target is not None and not target.startswith(("postgresql://", "postgres://")):
        raise UsageError(
            f"{target!r} is no address of a PostgreSQL; write postgresql://user:password@host/name"
        )
    home = Home.open(path)
    proofs: list[Proof] = []
    again = migration.has_moved(home)
    with alone(home), home.writing("fabline db migrate", wait=wait):
        move = migration.compare_again if again else migration.migrate
        where = move(home, target, proofs.append)
    table = pd.DataFrame([asdict(proof) for proof in proofs], columns=["table", "rows", "digest"])
    said = "already there and equal, in" if again else "the same in both databases, and now in"
    rendering.write(table, format_, None, heading=f"{said} {where}:")
    if format_ == "table" and not again:
        typer.echo(_afterwards(where))


def _afterwards(where: str) -> str:
    kept = f"SQLite's file is kept as {migration.KEPT}; Dagster's list of past runs begins anew"
    if where == migration.EMBEDDED:
        return kept
    return f"from now on set {environment.DATABASE} to this address, with its password; {kept}"
