"""`fabline db migrate` moves a home to PostgreSQL, says what it proved, and minds who is at work."""

import json
from pathlib import Path

import pandas as pd
import pytest

from pipelines import environment
from pipelines.cli.main import status_of
from pipelines.cli.up import alone
from resources.home import Home
from resources.sql_tables import RECORDED
from resources.store import store_at
from trading.errors import HomeError
from trading.testing.example_rows import example


def shown(capsysbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(capsysbinary.readouterr().out)
    return rows


def rows_of(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> list[dict[str, object]]:
    assert status_of(["show", "bars", "--format", "json", "--home", str(home)]) == 0
    return shown(capsysbinary)


def test_the_home_answers_from_postgres_as_it_did_from_sqlite(
    home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    before = rows_of(home, capsysbinary)

    assert status_of(["db", "migrate", "--to", postgres_url, "--format", "json", "--home", str(home)]) == 0

    proofs = {row["table"]: row["rows"] for row in shown(capsysbinary)}
    assert set(proofs) == {*RECORDED, "commits"}
    assert proofs["bars"] == len(before)
    monkeypatch.setenv(environment.DATABASE, postgres_url)
    assert rows_of(home, capsysbinary) == before


def test_a_moved_home_says_where_it_is_until_the_environment_does(
    home: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["db", "migrate", "--to", postgres_url, "--home", str(home)]) == 0
    assert "from now on set FABLINE_DATABASE_URL" in capsys.readouterr().out

    assert status_of(["config", "show", "--home", str(home)]) == 0
    assert "moved to postgresql://" in capsys.readouterr().out
    assert status_of(["show", "--home", str(home)]) == 1
    assert "are in postgresql://" in capsys.readouterr().err
    with pytest.raises(HomeError, match="name it in FABLINE_DATABASE_URL"):
        environment.database_of(Home.open(home))


def test_a_second_move_compares_and_is_well_until_the_home_goes_on(
    home: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["db", "migrate", "--to", postgres_url, "--home", str(home)]
    assert status_of(command) == 0
    capsys.readouterr()

    assert status_of(command) == 0
    assert capsys.readouterr().out.startswith("already there and equal, in postgresql://")

    day = pd.Timestamp("2024-01-08")
    store = store_at(home / "tables", postgres_url, home=Home.open(home).facts.id)
    store.write({"bars": example("bars", day, day)}, day, day, commit={})
    store.close()
    assert status_of(command) == 1
    assert "table bars is not what it was" in capsys.readouterr().err


def test_a_second_move_to_another_server_is_refused(
    home: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["db", "migrate", "--to", postgres_url, "--home", str(home)]) == 0

    assert status_of(["db", "migrate", "--to", "postgresql://elsewhere/db", "--home", str(home)]) == 1

    assert "are in postgresql://" in capsys.readouterr().err


def test_a_home_that_is_served_or_written_does_not_move(
    home: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["db", "migrate", "--to", postgres_url, "--home", str(home)]
    with alone(Home.open(home)):
        assert status_of(command) == 1
    assert "`fabline up` serves" in capsys.readouterr().err
    with Home.open(home).writing("fabline run"):
        assert status_of(command) == 1
    assert "is being written by `fabline run`" in capsys.readouterr().err


def test_an_address_of_no_postgres_is_wrong_use(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["db", "migrate", "--to", "other.db", "--home", str(home)]) == 2
    assert "is no address of a PostgreSQL" in capsys.readouterr().err
