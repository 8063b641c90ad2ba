"""`fabline ingest` over files that were changed since they were loaded: it says so, and what takes that in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import status_of
from resources.store import store_at

HEAD = "symbol,session,open,high,low,close\n"
BARS = {day: f"NVDA,2024-06-0{day},1,2,0.5,1.{day}\n" for day in (3, 4, 5, 6)}
MAPPING = '[[bars]]\nfiles = "*.csv"\ntimeframe = "1D"\nbasis = "raw"\n[bars.columns]\n' + "".join(
    f'{name} = "{name}"\n' for name in HEAD.strip().split(",")
)
Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FABLINE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)
    data = tmp_path / "data"
    data.mkdir()
    (data / "fabline-mapping.toml").write_text(MAPPING)
    return data


def write(folder: Path, *lines: str, name: str = "nvda") -> None:
    (folder / f"{name}.csv").write_text(HEAD + "".join(lines))


def ingested(folder: Path, said: Said, *options: str) -> tuple[dict[str, Any], str]:
    """What is said of bars, and the note."""
    said.readouterr()
    assert status_of(["ingest", "--data", str(folder), "--format", "json", *options]) == 0
    captured = said.readouterr()
    row: dict[str, Any] = json.loads(captured.out)[0]
    return row, captured.err.strip()


def commits(folder: Path) -> int:
    store = store_at(folder.parent / "home/tables", folder.parent / "home/fabline.db", create=False)
    try:
        return len(store.commits())
    finally:
        store.close()


def test_a_restated_bar_is_named_until_it_is_taken_in(folder: Path, capfd: Said) -> None:
    write(folder, *BARS.values())
    ingested(folder, capfd)
    write(folder, BARS[3], BARS[4].replace("1.4", "1.9"), BARS[5], BARS[6])

    for _ in range(2):
        row, note = ingested(folder, capfd)
        assert (row["revised"], row["restated"], row["restated_sessions"]) == (0, 1, ["2024-06-04"])
        assert "data/nvda.csv changed since loaded: 1 row of 1 session (2024-06-04)" in note
    command = note.partition("to take that in: fabline ")[2].split()
    assert command[:4] == ["ingest", "--timeframe", "1D", "--refresh"]
    assert status_of(command) == 0

    row, note = ingested(folder, capfd)
    assert (row["restated"], row["restated_sessions"], note) == (0, [], "")


def test_a_file_that_grew_or_was_touched_is_not_named_and_not_compared_again(
    folder: Path, capfd: Said
) -> None:
    write(folder, BARS[3], BARS[4])
    ingested(folder, capfd)
    write(folder, *BARS.values())

    row, note = ingested(folder, capfd)
    assert (row["accepted"], row["restated"], note) == (2, 0, "")

    before = commits(folder)
    (folder / "nvda.csv").touch()
    assert ingested(folder, capfd)[1] == ""
    assert commits(folder) == before, "what was compared is remembered"


def test_a_restatement_beside_new_sessions_is_not_forgotten(folder: Path, capfd: Said) -> None:
    write(folder, BARS[3], BARS[4])
    ingested(folder, capfd)
    write(folder, BARS[3].replace("1.3", "1.1"), *list(BARS.values())[1:])

    first, _ = ingested(folder, capfd)
    second, note = ingested(folder, capfd)

    assert (first["accepted"], first["restated"], second["restated"]) == (2, 1, 1)
    assert "2024-06-03" in note


def test_a_bar_that_was_spoiled_or_put_in_between_is_found(folder: Path, capfd: Said) -> None:
    write(folder, BARS[3], BARS[5], BARS[6])
    ingested(folder, capfd)
    write(folder, BARS[3].replace("0.5", "9"), *list(BARS.values())[1:])

    row, note = ingested(folder, capfd)

    assert row["restated_sessions"] == ["2024-06-03", "2024-06-04"]
    assert "2 rows of 2 sessions" in note


def test_a_second_file_about_sessions_that_were_loaded_is_found(folder: Path, capfd: Said) -> None:
    write(folder, BARS[3], BARS[5], BARS[6])
    ingested(folder, capfd)
    write(folder, BARS[4], name="more")

    row, note = ingested(folder, capfd)

    assert row["restated_sessions"] == ["2024-06-04"]
    assert "data/more.csv" in note
    assert ingested(folder, capfd, "--refresh")[0]["accepted"] == 1
    assert ingested(folder, capfd)[1] == ""


def test_sessions_that_nobody_asked_for_are_not_restated(folder: Path, capfd: Said) -> None:
    write(folder, *BARS.values())
    ingested(folder, capfd, "--from", "2024-06-03", "--to", "2024-06-04")
    write(folder, *[line.replace("0.5", "0.6") for line in BARS.values()])

    row, note = ingested(folder, capfd, "--from", "2024-06-03", "--to", "2024-06-04")

    assert row["restated_sessions"] == ["2024-06-03", "2024-06-04"]
    assert "2 rows" in note
