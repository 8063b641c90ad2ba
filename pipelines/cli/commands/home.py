"""Commands about the home itself: settings, database, health."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.options import (
    DONE,
    FAILED,
    HOME,
    HomeOption,
    Printed,
    Wait,
)

PANEL = "The home"
config_app = typer.Typer(help="The settings of a home, and where each comes from.")
home_app = typer.Typer(help="Copies of a home: made while it runs, checked, and put back.")
db_app = typer.Typer(help="The database that holds a home's recorded tables.")


def doctor(
    *,
    format_: Printed = "table",
    home: HomeOption = HOME,
) -> None:
    """Check what is installed, configured and reachable."""
    from pipelines.cli import doctor as command

    raise typer.Exit(DONE if command.doctor(home, format_) else FAILED)


@config_app.command("show")
def config_show(
    *,
    format_: Printed = "table",
    home: HomeOption = HOME,
) -> None:
    """Show every setting with its origin."""
    from pipelines.cli import config as command

    command.show(home, format_)


@config_app.command("set")
def config_set(
    *,
    key: Annotated[str, typer.Argument(help="A setting, as `fabline config show` names it.")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
    home: HomeOption = HOME,
) -> None:
    """Write a setting to the home's fabline.toml."""
    from pipelines.cli import config as command

    command.set_value(home, key, value)


@db_app.command("migrate")
def db_migrate(
    *,
    to: Annotated[
        str | None,
        typer.Option(metavar="URL", help="postgresql://…; else FABLINE_DATABASE_URL, else one in the home."),
    ] = None,
    format_: Printed = "table",
    wait: Wait = False,
    home: HomeOption = HOME,
) -> None:
    """Move the home's tables from SQLite to PostgreSQL, and prove that they are the same."""
    from pipelines.cli import db as command

    command.migrate(home, to, format_, wait=wait)


@home_app.command("backup")
def home_backup(
    *,
    file: Annotated[
        Path | None, typer.Argument(help="Where to; a name with the moment in this folder if absent.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Write one committed state of the home to a file, even while a run is going on."""
    from pipelines.cli import backup as command

    command.backup(home, file)


@home_app.command("verify")
def home_verify(
    *,
    what: Annotated[
        Path | None, typer.Argument(help="A backup's file or a home; the home if absent.")
    ] = None,
    format_: Printed = "table",
    home: HomeOption = HOME,
) -> None:
    """Check every file of a backup or a home, and name what is damaged and what it held."""
    from pipelines.cli import backup as command

    raise typer.Exit(DONE if command.verify(what or home, format_) else FAILED)


@home_app.command("restore")
def home_restore(
    *,
    file: Annotated[Path, typer.Argument(help="A backup.")],
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Absent or empty; the home if absent.")
    ] = None,
    home: HomeOption = HOME,
) -> None:
    """Make a home of a backup in a new folder, whole or not at all."""
    from pipelines.cli import backup as command

    command.restore(file, to or home)


def register(app: typer.Typer) -> None:
    """Add the commands of this theme to the command line."""
    app.command("doctor", rich_help_panel=PANEL)(doctor)
    app.add_typer(config_app, name="config", rich_help_panel=PANEL)
    app.add_typer(home_app, name="home", rich_help_panel=PANEL)
    app.add_typer(db_app, name="db", rich_help_panel=PANEL)
