"""What the environment says: where the home is and which database it uses. Read here and nowhere else.

FABLINE_HOME           the folder of all state; `.fabline` if absent
FABLINE_DATABASE_URL   `postgresql://user:password@host/database` for the recorded tables and for
                       Dagster; absent: SQLite in the home, or the PostgreSQL that
                       `fabline up --postgres` and `fabline db migrate` keep in the home
APCA_API_KEY_ID        and APCA_API_SECRET_KEY: what Alpaca asks for; never written anywhere
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from resources.home import Home, HomeFacts
from resources.migration import moved_to
from resources.postgres import EmbeddedPostgres
from resources.sources.alpaca_keys import KEY_ID, SECRET_KEY, AlpacaKeys
from resources.store import HomeStore, store_at
from trading.errors import HomeError, UsageError

if TYPE_CHECKING:
    from dagster import DagsterInstance

HOME, DATABASE = "FABLINE_HOME", "FABLINE_DATABASE_URL"
DEFAULT_HOME = Path(".fabline")
ROOT = Path(__file__).resolve().parents[1]


def home_path() -> Path:
    """The folder that FABLINE_HOME names, or `.fabline`."""
    return Path(os.environ.get(HOME) or DEFAULT_HOME)


def alpaca_keys() -> AlpacaKeys | None:
    """Alpaca's credentials, None unless both are set."""
    key, secret = os.environ.get(KEY_ID), os.environ.get(SECRET_KEY)
    return AlpacaKeys(key, secret) if key and secret else None


def database_of(home: Home) -> str | Path:
    """Address of the home's recorded tables: a URL, or the path of an SQLite file.

    A what-if copy keeps SQLite of its own. The PostgreSQL that a home keeps is started if it does not
    run yet; it stops with the last program that uses it.

    Raises
    ------
    HomeError
        If the tables were moved to a server that the environment does not name.
    """
    url = os.environ.get(DATABASE)
    if url and not home.facts.what_if:
        return url
    embedded = EmbeddedPostgres(home.path)
    if embedded.exists():
        return embedded.start()
    _refuse_without_server(home)
    return home.database


def dagster_of(home: Home) -> DagsterInstance:
    """The home's Dagster instance: its folder, and its PostgreSQL if it has one.

    The home's dagster.yaml names both variables. The database's is set only meanwhile: it would
    otherwise be taken for the database of the next home that this process opens.
    """
    import dagster as dg

    from resources.dagster_storage import batch_events

    os.environ["DAGSTER_HOME"] = str(home.dagster)
    batch_events()
    address, given = database_of(home), os.environ.pop(DATABASE, None)
    if not isinstance(address, Path):
        os.environ[DATABASE] = address
    try:
        return dg.DagsterInstance.get()
    finally:
        os.environ.pop(DATABASE, None)
        if given is not None:
            os.environ[DATABASE] = given


def open_store(path: Path) -> HomeStore:
    """The store of an existing home, for reading.

    Raises
    ------
    HomeError
        If there is no home, it has no tables yet, or its database is gone.
    """
    home = Home.open(path)
    database = database_of(home)
    if isinstance(database, Path) and home.inception is not None and not _is_filled(database):
        raise HomeError(
            f"the home {home.path} has lost its database {database.name}; restore the home from a copy"
        )
    return store_at(home.tables, database, create=False, home=home.facts.id)


def _is_filled(database: Path) -> bool:
    return database.exists() and database.stat().st_size > 0


def market_line(path: Path) -> str:
    """What a person is told above the rows of the home at `path`; empty over a real market."""
    facts = Home.open(path).facts
    simulated = "SIMULATED: prices made up by a program" if facts.source.get("simulated") == "true" else ""
    return "; ".join(words for words in (what_if_of(facts), simulated) if words)


def what_if_of(facts: HomeFacts) -> str:
    """What a person is told of a what-if copy; empty for any other home."""
    if not facts.what_if:
        return ""
    as_of = pd.Timestamp(facts.what_if["as_of"])
    name = Path(facts.what_if["of"]).name
    goes_on = f", restated up to {facts.what_if['last']} only" if facts.what_if.get("continues") else ""
    return f"WHAT-IF: {name} as if all that was known at {as_of:%Y-%m-%d %H:%M} UTC had been known in time{goes_on}"


def open_or_create(path: Path) -> Home:
    """The home at `path`, made with the repository's dagster.yaml if there is none."""
    template = ROOT / "dagster.yaml"
    return Home.open_or_create(
        path, created_by=version("fabline"), dagster_yaml=template if template.exists() else None
    )


@contextlib.contextmanager
def services(home: Home, *, postgres: bool) -> Iterator[dict[str, str]]:
    """Variables for the programs that serve a home; its PostgreSQL, if it has or wants one, runs meanwhile.

    Raises
    ------
    UsageError
        If an embedded PostgreSQL is wanted although the environment names another.
    HomeError
        If an embedded PostgreSQL is wanted by a home that keeps its tables in SQLite.
    """
    embedded = EmbeddedPostgres(home.path)
    if postgres:
        _check_that_postgres_fits(home, embedded)
    if not os.environ.get(DATABASE):
        _refuse_without_server(home)
    variables = {HOME: str(home.path), "DAGSTER_HOME": str(home.dagster)}
    try:
        if postgres or (embedded.exists() and not os.environ.get(DATABASE)):
            variables[DATABASE] = embedded.start()
        yield variables
    finally:
        embedded.stop()


def _refuse_without_server(home: Home) -> None:
    elsewhere = moved_to(home.path)
    if elsewhere is not None:
        raise HomeError(f"the tables of the home {home.path} are in {elsewhere}; name it in {DATABASE}")


def _check_that_postgres_fits(home: Home, embedded: EmbeddedPostgres) -> None:
    if os.environ.get(DATABASE):
        raise UsageError(f"{DATABASE} names a PostgreSQL already; leave --postgres out, or unset it")
    if home.database.exists() and not embedded.exists():
        raise HomeError(
            f"the home {home.path} keeps its tables in SQLite; move them first: "
            f"fabline db migrate --home {home.path}"
        )
