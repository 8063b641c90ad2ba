"""What the environment says: where the home is and which database it uses. Read here and nowhere else.

FABLINE_HOME           the folder of all state; `.fabline` if absent
FABLINE_DATABASE_URL   `postgresql://user:password@host/database` for the recorded tables and for
                       Dagster; absent: SQLite in the home, or the PostgreSQL that
                       `fabline up --postgres` keeps in the home
"""

from __future__ import annotations

import os
from pathlib import Path

from resources.home import Home
from resources.store import HomeStore, store_at

HOME, DATABASE = "FABLINE_HOME", "FABLINE_DATABASE_URL"
DEFAULT_HOME = Path(".fabline")
ROOT = Path(__file__).resolve().parents[1]


def home_path() -> Path:
    """The folder that FABLINE_HOME names, or `.fabline`."""
    return Path(os.environ.get(HOME) or DEFAULT_HOME)


def database_of(home: Home) -> str | Path:
    """Address of the home's recorded tables: a URL, or the path of an SQLite file.

    The PostgreSQL that a home keeps is started if it does not run yet; it stops with the last
    program that uses it.
    """
    from resources.postgres import EmbeddedPostgres

    url = os.environ.get(DATABASE)
    if url:
        return url
    embedded = EmbeddedPostgres(home.path)
    return embedded.start() if embedded.exists() else home.database


def open_store(path: Path) -> HomeStore:
    """The store of an existing home, for reading.

    Raises
    ------
    HomeError
        If there is no home, or it has no tables yet.
    """
    home = Home.open(path)
    return store_at(home.tables, database_of(home), create=False)
