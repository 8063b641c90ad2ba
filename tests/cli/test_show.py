"""`fabline show` lists tables and gives exactly the rows that were asked for."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipelines.cli.main import status_of
from resources.home import Home
from trading.testing.example_rows import example


def shown(capsysbinary: pytest.CaptureFixture[bytes], home: Path, *arguments: str) -> list[dict[str, object]]:
    assert status_of(["show", *arguments, "--format", "json", "--home", str(home)]) == 0
    return json.loads(capsysbinary.readouterr().out)


def test_without_a_table_it_lists_all_with_rows_sessions_and_version(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    listed = shown(capsysbinary, home)

    assert [row["table"] for row in listed] == ["bars", "ensemble_weights", "features", "fills"]
    assert listed[0] == {
        "table": "bars",
        "rows": 40,
        "first_session": "2024-01-02",
        "last_session": "2024-01-05",
        "version": listed[0]["version"],
    }
    assert all(isinstance(row["version"], int) for row in listed)


@pytest.mark.parametrize("table", ["bars", "features"])
def test_a_range_and_a_symbol_narrow_the_rows(
    table: str, home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    rows = shown(capsysbinary, home, table, "--from", "2024-01-03", "--to", "2024-01-04", "--symbol", "NVDA")

    assert {row["session"] for row in rows} == {"2024-01-03", "2024-01-04"}
    assert {row["symbol"] for row in rows} == {"NVDA"}


def test_as_of_hides_what_was_not_known(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    rows = shown(capsysbinary, home, "features", "--as-of", "2024-01-03")

    assert max(str(row["session"]) for row in rows) == "2024-01-03"


def test_parquet_in_a_file_holds_the_table(home: Path, tmp_path: Path) -> None:
    output = tmp_path / "features.parquet"
    assert (
        status_of(["show", "features", "--format", "parquet", "--output", str(output), "--home", str(home)])
        == 0
    )

    expected = example("features", pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-05"))
    rows = pd.read_parquet(output).sort_values(["session", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(rows, expected.sort_values(["session", "symbol"], ignore_index=True))


def test_a_session_of_the_home_without_rows_in_the_table_is_an_answer(
    new_home: Callable[..., Path], capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    home = new_home("home", "bars")
    new_home("home", "fills", last="2024-01-03")

    assert shown(capsysbinary, home, "fills", "--from", "2024-01-05") == []


def test_a_declared_table_that_was_never_made_has_no_rows(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert shown(capsysbinary, home, "regimes") == []


def test_weights_are_those_of_the_ensemble(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert shown(capsysbinary, home, "weights") == shown(capsysbinary, home, "ensemble_weights") != []


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["bras"], "there is no table 'bras'"),
        (["forecast_oracle"], "there is no table 'forecast_oracle'"),
        (["bars", "--symbol", "NVDIA"], "unknown symbol 'NVDIA'"),
        (["ensemble_weights", "--symbol", "NVDA"], "has no symbols"),
        (["bars", "--from", "2024-01-05", "--to", "2024-01-02"], "exchange them"),
        (["bars", "--from", "2024-01-06", "--to", "2024-01-07"], "there is no session of XNYS"),
        (["bars", "--from", "2039-01-03"], "has not closed yet"),
        (["bars", "--to", "2023-12-29"], "2024-01-02 to 2024-01-05, none of those asked"),
        (["bars", "--version", "1"], "keeps no versions"),
        (["features", "--version", "99"], "no version 99"),
        (["bars", "--as-of", "noon"], "is no moment"),
        (["--symbol", "NVDA"], "need a table"),
    ],
)
def test_what_cannot_be_shown_is_wrong_use(
    arguments: list[str], complaint: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["show", *arguments, "--home", str(home)]) == 2

    captured = capsys.readouterr()
    assert complaint in captured.err
    assert captured.out == ""


def test_a_home_that_is_not_there_is_a_failure_and_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of(["show", "--home", str(tmp_path / "absent")]) == 1

    assert "there is no home at" in capsys.readouterr().err
    assert not (tmp_path / "absent").exists()


def test_showing_changes_nothing(home: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    before = {
        path: path.read_bytes() for path in home.rglob("*") if path.is_file() and "-" not in path.suffix
    }
    shown(capsysbinary, home, "bars")

    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.mark.parametrize("table", [[], ["bars"]])
def test_people_are_told_above_the_rows_that_the_market_is_made_up_and_machines_are_not(
    table: list[str], home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    said: dict[str, bytes] = {}
    Home.open(home).fix_source({"name": "simulated", "simulated": "true"})
    for format_ in ("table", "csv", "json"):
        assert status_of(["show", *table, "--format", format_, "--home", str(home)]) == 0
        said[format_] = capsysbinary.readouterr().out

    assert said["table"].startswith(b"SIMULATED: prices made up by a program\n")
    assert b"SIMULATED" not in said["csv"] + said["json"]


def test_a_real_market_is_not_called_simulated(
    home: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    Home.open(home).fix_source({"name": "files", "simulated": "false"})
    assert status_of(["show", "--home", str(home)]) == 0

    assert b"SIMULATED" not in capsysbinary.readouterr().out
