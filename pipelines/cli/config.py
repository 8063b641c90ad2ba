"""`fabline config`: every setting with its value and origin, and setting one."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd
import typer

from pipelines import environment, settings
from pipelines.cli import rendering
from resources import migration
from resources.home import Home


def show(home: Path, format_: str) -> None:
    """Write every setting: setting, value, origin."""
    loaded = settings.load(home).values
    rows = [*_places(home), *((name, _text(value), origin) for name, (value, origin) in loaded.items())]
    if format_ == "json":
        rendering.write(
            pd.DataFrame(rows, columns=["setting", "value", "origin"], dtype=object), "json", None
        )
        return
    names, values = (max(len(row[column]) for row in rows) for column in (0, 1))
    for name, value, origin in rows:
        typer.echo(f"{name:{names}}  {value or '(empty)':{values}}  {origin}")


def set_value(home: Path, key: str, text: str) -> None:
    """Write one setting to the home's file, and say what it means for what was already made."""
    settings.set_value(home, key, text)
    loaded = settings.load(home)
    typer.echo(f"{key} = {_text(loaded.values[key][0])}, written to {home / settings.FILE_NAME}")
    if (home / "home.json").exists() and Home.open(home).facts.settings not in (
        None,
        loaded.settings.digest(),
    ):
        typer.echo(f"this home was made with other settings: {_remedy(key)}")


def _remedy(key: str) -> str:
    if key.startswith("source."):
        return "a home keeps its market, so undo this or use another home"
    return "the next run needs --rebuild, or another home"


def _places(home: Path) -> list[tuple[str, str, str]]:
    """The home and its database, which the environment names and the file cannot."""
    named, url = os.environ.get(environment.HOME), os.environ.get(environment.DATABASE)
    origin = "default" if home == environment.DEFAULT_HOME else "command line"
    origin = f"environment {environment.HOME}" if named and Path(named) == home else origin
    embedded = (home / "postgres" / "PG_VERSION").exists()
    elsewhere = migration.moved_to(home)
    kept = "postgresql, embedded" if embedded else f"moved to {elsewhere}" if elsewhere else "sqlite"
    where = (_without_password(url), f"environment {environment.DATABASE}") if url else (kept, "default")
    return [("home", str(home), origin), ("database", *where)]


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return parts._replace(netloc=parts.netloc.replace(f":{parts.password}@", ":***@")).geturl()


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
