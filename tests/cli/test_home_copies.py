"""`fabline home backup`, `verify` and `restore`: what a person sees, and the exit status."""

import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import environment
from pipelines.cli.main import DONE, FAILED, WRONG_USE, status_of
from resources.home import Home
from resources.sources.alpaca_keys import KEY_ID, SECRET_KEY
from resources.store import store_at

Homes = Callable[..., Path]
Said = pytest.CaptureFixture[str]


@pytest.fixture
def copy(home: Path, tmp_path: Path, capsys: Said) -> Path:
    """A backup of the home of four sessions."""
    assert status_of(["home", "backup", str(tmp_path / "copy.tar"), "--home", str(home)]) == DONE
    capsys.readouterr()
    return tmp_path / "copy.tar"


def test_a_backup_says_what_it_holds_and_where_it_is(home: Path, tmp_path: Path, capsys: Said) -> None:
    assert status_of(["home", "backup", str(tmp_path / "copy.tar"), "--home", str(home)]) == DONE
    said = capsys.readouterr().out
    assert "4 tables, sessions up to 2024-01-05" in said
    assert said.endswith(f"MB in {tmp_path / 'copy.tar'}\n")


def test_a_backup_without_a_name_gets_one_of_the_home_and_the_moment(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of(["home", "backup", "--home", str(home)]) == DONE
    (made,) = tmp_path.glob("fabline-*.tar")
    assert Home.open(home).facts.id in made.name


def test_a_restored_home_shows_no_difference_and_the_same_status(
    home: Path, copy: Path, tmp_path: Path, capsys: Said
) -> None:
    back = tmp_path / "back"
    assert status_of(["home", "restore", str(copy), "--to", str(back)]) == DONE
    assert status_of(["diff", str(home), str(back)]) == DONE
    capsys.readouterr()
    statuses = []
    for path in (home, back):
        assert status_of(["status", "--home", str(path)]) == DONE
        statuses.append(capsys.readouterr().out.replace(str(path), "HOME"))
    assert statuses[0] == statuses[1]


def test_a_whole_backup_and_a_whole_home_pass(home: Path, copy: Path, capsys: Said) -> None:
    for what in (copy, home):
        assert status_of(["home", "verify", str(what)]) == DONE
        assert capsys.readouterr().out.endswith("every file is whole\n")
    assert status_of(["home", "verify", "--format", "json", "--home", str(home)]) == DONE
    assert json.loads(capsys.readouterr().out) == []


def test_a_damaged_backup_fails_and_names_file_table_and_sessions(copy: Path, capsys: Said) -> None:
    with tarfile.open(copy) as tar:
        (member,) = (one for one in tar if "features" in one.name and one.name.endswith(".parquet"))
    raw = bytearray(copy.read_bytes())
    raw[member.offset_data + 100] ^= 1
    copy.write_bytes(raw)
    assert status_of(["home", "verify", str(copy), "--format", "json"]) == FAILED
    (found,) = json.loads(capsys.readouterr().out)
    assert found == {
        "file": member.name,
        "problem": "is not what was backed up",
        "tables": "features",
        "first": "2024-01-02",
        "last": "2024-01-05",
    }


@pytest.mark.parametrize("command", [["verify"], ["restore"]])
def test_a_file_that_is_not_there_is_wrong_use(command: list[str], tmp_path: Path, capsys: Said) -> None:
    where = ["--to", str(tmp_path / "back")] if command == ["restore"] else []
    assert status_of(["home", *command, str(tmp_path / "none.tar"), *where]) == WRONG_USE
    assert "there is no file" in capsys.readouterr().err


def test_a_home_that_holds_something_is_never_written_over(home: Path, copy: Path, capsys: Said) -> None:
    assert status_of(["home", "restore", str(copy), "--home", str(home)]) == WRONG_USE
    assert "is not empty; restore into a new folder (--to)" in capsys.readouterr().err


def test_a_restore_beside_a_database_that_the_environment_names_is_refused(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    monkeypatch.setenv(environment.DATABASE, "postgresql://user:secret@host/name")
    assert status_of(["home", "restore", str(copy), "--to", str(tmp_path / "back")]) == WRONG_USE
    said = capsys.readouterr().err
    assert "a restored home brings its own, in SQLite: unset it" in said
    assert "secret" not in said


def test_no_credential_of_the_environment_is_in_a_backup(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ID, "AKNOTTOBEFOUND")
    monkeypatch.setenv(SECRET_KEY, "sknottobefound")
    assert status_of(["status", "--home", str(home)]) == DONE
    assert status_of(["home", "backup", str(tmp_path / "copy.tar"), "--home", str(home)]) == DONE
    raw = (tmp_path / "copy.tar").read_bytes()
    assert b"AKNOTTOBEFOUND" not in raw
    assert b"sknottobefound" not in raw


def test_a_home_in_postgresql_is_backed_up_without_its_server_and_comes_back_in_sqlite(
    home: Path, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Said
) -> None:
    with_server = ["--home", str(home)]
    assert status_of(["db", "migrate", "--to", postgres_url, *with_server]) == DONE
    monkeypatch.setenv(environment.DATABASE, postgres_url)
    assert status_of(["home", "backup", str(tmp_path / "copy.tar"), *with_server]) == DONE
    assert status_of(["home", "verify", str(home)]) == DONE
    before = {name: store_rows(home, postgres_url, name) for name in ("bars", "fills", "features")}
    monkeypatch.delenv(environment.DATABASE)

    assert status_of(["home", "restore", str(tmp_path / "copy.tar"), "--to", str(tmp_path / "back")]) == DONE
    assert not (tmp_path / "back" / "database.json").exists()
    for name, rows in before.items():
        assert store_rows(tmp_path / "back", tmp_path / "back" / "fabline.db", name) == rows
    assert os.path.getsize(tmp_path / "back" / "fabline.db") > 0  # noqa: PTH202
    assert capsys.readouterr().err.count("error") == 0


def store_rows(home: Path, address: str | Path, table: str) -> str:
    store = store_at(home / "tables", address, create=False, home=Home.open(home).facts.id)
    try:
        return store.read(table, revisions=True).to_csv()
    finally:
        store.close()
