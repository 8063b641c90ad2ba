"""`fabline scoreboard`: what a machine gets of a home with few sessions, and of a folder without a home."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.cli.main import DONE, FAILED, status_of
from trading.evaluation.roadmap import TARGETS
from trading.evaluation.scoreboard import COLUMNS

Capture = pytest.CaptureFixture[bytes]


def test_a_machine_gets_every_target_with_the_promised_columns(
    new_home: Callable[..., Path], capsysbinary: Capture
) -> None:
    home = new_home("home", "performance", "ledger", "regimes")

    status = status_of(["scoreboard", "--format", "json", "--home", str(home)])
    rows = json.loads(capsysbinary.readouterr().out)

    assert status == DONE
    assert [row["target"] for row in rows] == [each.name for each in TARGETS]
    assert {tuple(row) for row in rows} == {COLUMNS}


def test_people_read_the_roadmap_s_words(new_home: Callable[..., Path], capsysbinary: Capture) -> None:
    home = new_home("home", "performance")

    status_of(["scoreboard", "--home", str(home)])

    said = capsysbinary.readouterr().out.decode()
    assert all(each.roadmap in said for each in TARGETS)


def test_a_folder_without_a_home_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = status_of(["scoreboard", "--home", str(tmp_path / "none")])

    assert status == FAILED
    assert "none" in capsys.readouterr().err
