"""`fabline leaks FILE`: verdicts for machines, and errors that say where a file is wrong."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.cli.main import status_of
from tests.trading.monitoring import feature_files as files

Told = pytest.CaptureFixture[str]


@pytest.fixture
def table() -> pd.DataFrame:
    price = files.prices(1, 300)
    step = np.diff(np.log(price), prepend=np.log(price[0]))
    days = pd.bdate_range("2023-01-02", periods=300).strftime("%Y-%m-%d")
    return pd.DataFrame({"day": days, "close": price, "momentum": step, "who": "ABC"})


def written(frame: pd.DataFrame, folder: Path, name: str = "features.csv") -> Path:
    path = folder / name
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


def ask(path: Path, *more: str) -> int:
    return status_of(["leaks", str(path), "--time", "day", "--price", "close", *more])


@pytest.mark.parametrize("name", ["features.csv", "features.parquet"])
def test_an_honest_file_has_status_0_and_its_columns_are_clean(
    name: str, table: pd.DataFrame, tmp_path: Path, capfd: Told
) -> None:
    status = ask(written(table, tmp_path, name), "--format", "json")
    rows = json.loads(capfd.readouterr().out)

    assert status == 0
    assert [row["column"] for row in rows] == ["momentum", "who"]
    assert list(rows[0]) == ["column", "verdict", "looks_ahead", "correlation", "p_value"]
    assert [row["verdict"] for row in rows] == ["clean", "untested"]


def test_a_leak_has_status_1_and_says_how_far_it_looks(
    table: pd.DataFrame, tmp_path: Path, capfd: Told
) -> None:
    table["target"] = files.later(table["momentum"].to_numpy(), 1)
    status = ask(written(table, tmp_path), "--format", "csv")
    lines = capfd.readouterr().out.splitlines()

    assert (status, lines[0]) == (1, "column,verdict,looks_ahead,correlation,p_value")
    assert lines[-1].startswith("target,leak,1,")


def test_a_person_gets_a_sentence_beside_the_table(table: pd.DataFrame, tmp_path: Path, capfd: Told) -> None:
    ask(written(table, tmp_path))

    assert "0 of 2 columns look ahead" in capfd.readouterr().err


def test_rows_in_any_order_and_of_several_symbols_are_put_right(
    table: pd.DataFrame, tmp_path: Path, capfd: Told
) -> None:
    other = table.assign(who="XYZ", close=files.prices(2, 300))
    step = np.log(other["close"]).diff()
    both = pd.concat([table, other.assign(momentum=step)]).sample(frac=1.0, random_state=0)
    status = ask(written(both, tmp_path), "--symbol", "who", "--format", "json")

    assert status == 0
    assert [row["verdict"] for row in json.loads(capfd.readouterr().out)] == ["clean"]


def spoilt(table: pd.DataFrame, column: str, row: int, value: object) -> pd.DataFrame:
    frame = table.astype({column: object})
    frame.loc[row, column] = value
    return frame


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("close", "n/q", ("'close'", "line 12", "'n/q' is no price")),
        ("close", -1.0, ("'close'", "line 12", "above 0")),
        ("close", None, ("'close'", "line 12", "is no price")),
        ("day", "soon", ("'day'", "line 12", "'soon' is no time")),
        ("day", "2023-01-02", ("'day'", "line 12", "comes twice", "--symbol")),
        ("momentum", "high", ("'momentum'", "line 12", "'high' is no number")),
    ],
)
def test_a_bad_cell_is_named_with_file_column_and_line(
    column: str, value: object, words: tuple[str, ...], *, table: pd.DataFrame, tmp_path: Path, capfd: Told
) -> None:
    path = written(spoilt(table, column, 10, value), tmp_path)
    status, told = ask(path), capfd.readouterr().err

    assert status == 2
    assert all(word in told for word in (str(path), *words)), told


def test_a_row_of_parquet_is_counted_from_one(table: pd.DataFrame, tmp_path: Path, capfd: Told) -> None:
    table.loc[10, "close"] = 0.0
    status = ask(written(table, tmp_path, "features.parquet"))

    assert (status, "row 11" in capfd.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file"),
        ("", "cannot be read as csv"),
        ("day,close\n", "holds no row"),
        ("day,close\n2024-01-02,1\n", "no column beside"),
        ("when,close,x\n2024-01-02,1,1\n", "has no column 'day'"),
        ("day,close,x\n2024-01-02,1,1\n", "holds 1 rows"),
        ("day,close,x\n2024-01-02,1,1,1,1\n2024-01-03,1\n", "is no "),
    ],
)
def test_what_is_no_file_of_features_is_refused(
    content: str | None, words: str, tmp_path: Path, capfd: Told
) -> None:
    path = tmp_path / "features.csv"
    if content is not None:
        path.write_text(content)
    status = ask(path)

    assert (status, words in capfd.readouterr().err) == (2, True)


@pytest.mark.parametrize("name", ["features.xlsx", "features.parquet"])
def test_another_kind_of_file_is_refused(name: str, tmp_path: Path, capfd: Told) -> None:
    (tmp_path / name).write_bytes(b"no table")

    assert ask(tmp_path / name) == 2
    assert name in capfd.readouterr().err
