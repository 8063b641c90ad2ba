"""`fabline config` shows every setting with its origin, and writes one after checking it."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines import settings
from pipelines.cli.main import status_of
from resources.home import Home


def shown(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> dict[str, dict[str, str]]:
    assert status_of(["config", "show", "--format", "json", "--home", str(home)]) == 0
    return {row["setting"]: row for row in json.loads(capsysbinary.readouterr().out)}


@pytest.fixture(autouse=True)
def _no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)


def test_a_setting_that_was_set_comes_from_the_file_the_others_from_their_defaults(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert status_of(["config", "set", "burn_in_sessions", "250", "--home", str(tmp_path)]) == 0
    capsysbinary.readouterr()

    rows = shown(tmp_path, capsysbinary)

    assert rows["burn_in_sessions"]["value"] == "250"
    assert rows["burn_in_sessions"]["origin"] == str(tmp_path / "fabline.toml")
    assert rows["source.seed"] == {"setting": "source.seed", "value": "7", "origin": "default"}
    assert set(settings.Settings().flat()) < set(rows)


def test_home_and_database_are_shown_with_where_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert shown(tmp_path, capsysbinary)["database"]["value"] == "sqlite"

    monkeypatch.setenv("FABLINE_HOME", str(tmp_path))
    monkeypatch.setenv("FABLINE_DATABASE_URL", "postgresql://me:secret@db/fabline")
    rows = shown(tmp_path, capsysbinary)

    assert rows["home"]["origin"] == "environment FABLINE_HOME"
    assert rows["database"]["value"] == "postgresql://me:***@db/fabline"
    assert "secret" not in json.dumps(rows)


def test_the_table_for_people_has_a_line_a_setting(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["config", "show", "--home", str(tmp_path)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(settings.Settings().flat()) + 2
    assert lines[2].split() == ["source.name", "simulated", "default"]


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("burn_in_sessions", "many", "wants int"),
        ("burn_in", "300", "there is no setting 'burn_in'"),
    ],
)
def test_what_cannot_be_set_is_refused_and_leaves_no_file(
    key: str, value: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["config", "set", key, value, "--home", str(tmp_path)]) == 2
    assert complaint in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_toml_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fabline.toml").write_text("burn_in_sessions = = 3")

    assert status_of(["config", "show", "--home", str(tmp_path)]) == 2
    assert "fabline.toml is not valid TOML" in capsys.readouterr().err


def test_a_change_that_a_made_home_does_not_follow_is_announced(
    new_home: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    home = new_home("home")
    Home.open(home).fix_settings(settings.load(home).settings.digest())

    assert status_of(["config", "set", "burn_in_sessions", "250", "--home", str(home)]) == 0
    assert "needs --rebuild, or another home" in capsys.readouterr().out

    assert status_of(["config", "set", "burn_in_sessions", "300", "--home", str(home)]) == 0
    assert "--rebuild" not in capsys.readouterr().out

    assert status_of(["config", "set", "source.seed", "8", "--home", str(home)]) == 0
    assert "undo this or use another home" in capsys.readouterr().out
