"""`fabline home backup`, `verify` and `restore`: a copy of a home, its check, and the way back."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import typer

from pipelines import environment
from pipelines.cli import rendering
from pipelines.cli.progress import progress_bars
from resources import clock as wall
from resources.backup import archive, health
from resources.backup.manifest import Damage, Manifest
from resources.home import Home
from trading.errors import UsageError

COLUMNS = ("file", "problem", "tables", "first", "last")
MEGABYTE = 1e6


def backup(path: Path, target: Path | None) -> None:
    """Write a copy of the home at `path` to a file, and say what it holds.

    Parameters
    ----------
    target : None: a name with the home's id and the moment, in the folder where one stands
    """
    home = Home.open(path)
    file = target or Path(f"fabline-{home.facts.id or 'home'}-{wall.now():%Y%m%dT%H%M%SZ}.tar")
    if file.is_dir():
        raise UsageError(f"{file} is a folder; name a file in it")
    database = environment.database_of(home)
    with progress_bars(None, simulated=False) as progress:
        made = archive.backup(home, database, file, created_by=version("fabline"), progress=progress)
    typer.echo(f"{_words(made)}, {file.stat().st_size / MEGABYTE:.1f} MB in {file}")


def verify(what: Path, format_: str) -> bool:
    """Print every damaged file of a backup or a home and what it held; True if there is none."""
    with progress_bars(None, simulated=False) as progress:
        if what.is_dir():
            home = Home.open(what)
            with closing(environment.open_store(what)) as store:
                found: Sequence[Damage] = health.damages(home, store, progress)
            said = f"{what}: a home"
        else:
            made, found = archive.verify(what, progress)
            said = f"{what}: {_words(made)}"
    table = pd.DataFrame([asdict(one) for one in found], columns=list(COLUMNS))
    if found or format_ != "table":
        rendering.write(table, format_, None, heading=f"{said}; {len(found)} files are damaged:")
    else:
        typer.echo(f"{said}; every file is whole")
    return not found


def restore(file: Path, target: Path) -> None:
    """Make a home of a backup in a new folder, and say how to go on.

    Raises
    ------
    UsageError
        If the environment names a database: the copy brings its own.
    """
    if os.environ.get(environment.DATABASE):
        raise UsageError(
            f"{environment.DATABASE} names a database, and a restored home brings its own, in SQLite: unset it; "
            f"`fabline db migrate` moves the tables to an empty one afterwards"
        )
    with progress_bars(None, simulated=False) as progress:
        made = archive.restore(file, target, progress=progress)
    typer.echo(f"{_words(made)} is a home again, in {target}\nnext    fabline status --home {target}")


def _words(made: Manifest) -> str:
    """What a backup holds, in one line."""
    last = max((str(one["last_session"]) for one in made.tables), default="")
    simulated = "SIMULATED market, " if made.source.get("simulated") == "true" else ""
    upto = f"sessions up to {last}" if last else "no session yet"
    return f"home {made.home_id} as of {made.made[:19]} UTC: {simulated}{len(made.tables)} tables, {upto}, {len(made.files)} files"
