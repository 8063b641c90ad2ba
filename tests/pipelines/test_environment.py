"""The environment says where the home is and which database it uses."""

from pathlib import Path

import pytest

from pipelines import environment
from resources.home import Home
from resources.postgres import EmbeddedPostgres
from resources.store import store_at
from trading.errors import HomeError, UsageError


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(environment.HOME, raising=False)
    monkeypatch.delenv(environment.DATABASE, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return environment.open_or_create(tmp_path / "home")


def test_the_home_is_the_named_folder_or_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.home_path() == Path(".fabline")

    monkeypatch.setenv("FABLINE_HOME", "/somewhere")
    assert environment.home_path() == Path("/somewhere")


def test_a_new_home_has_the_repositorys_dagster_configuration(home: Home) -> None:
    template = environment.ROOT / "dagster.yaml"

    assert (home.dagster / "dagster.yaml").read_bytes() == template.read_bytes()


def test_the_database_is_sqlite_unless_the_environment_names_another(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment.database_of(home) == home.database

    monkeypatch.setenv("FABLINE_DATABASE_URL", "postgresql://db/fabline")
    assert environment.database_of(home) == "postgresql://db/fabline"


def test_programs_are_told_of_the_home_alone_where_it_uses_sqlite(home: Home) -> None:
    with environment.services(home, postgres=False) as variables:
        assert variables == {"FABLINE_HOME": str(home.path), "DAGSTER_HOME": str(home.dagster)}


def test_a_home_that_began_with_postgres_stays_there(home: Home) -> None:
    with environment.services(home, postgres=True) as variables:
        first = variables["FABLINE_DATABASE_URL"]

    assert first.startswith("postgresql://")
    with environment.services(home, postgres=False) as variables:
        assert variables["FABLINE_DATABASE_URL"] == first
        assert environment.database_of(home) == first


def test_the_server_is_stopped_when_its_programs_are(home: Home) -> None:
    with environment.services(home, postgres=True):
        pid = (home.path / "postgres" / "postmaster.pid").read_text().split()[0]
        assert Path(f"/proc/{pid}").exists()

    assert not (home.path / "postgres" / "postmaster.pid").exists()


def test_a_home_on_sqlite_does_not_move(home: Home) -> None:
    store_at(home.tables, home.database).tables()

    with (
        pytest.raises(HomeError, match="keeps its tables in SQLite"),
        environment.services(home, postgres=True),
    ):
        pass
    assert not EmbeddedPostgres(home.path).exists()


def test_two_servers_are_one_too_many(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FABLINE_DATABASE_URL", "postgresql://db/fabline")

    with pytest.raises(UsageError, match="leave --postgres out"), environment.services(home, postgres=True):
        pass
