"""Frames leave in four formats; those for machines carry every digit and no decoration."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli import rendering
from trading.errors import UsageError


def frame(values: list[float]) -> pd.DataFrame:
    count = len(values)
    return pd.DataFrame(
        {
            "session": pd.date_range("2024-01-02", periods=count).as_unit("us"),
            "known_at": pd.date_range("2024-01-02 21:15", periods=count, tz="UTC").as_unit("us"),
            "symbol": pd.Series(["NVDA"] * count, dtype="str"),
            "quantity": np.arange(count),
            "price": np.array(values, dtype=np.float64),
        }
    )


def written(values: list[float], format_: str, tmp_path: Path) -> str:
    rendering.write(frame(values), format_, tmp_path / "out")
    return (tmp_path / "out").read_text()


def test_a_wide_table_for_a_pipe_keeps_each_row_on_one_line(tmp_path: Path) -> None:
    wide = pd.DataFrame({f"a_column_with_a_long_name_{place}": [1.0] for place in range(20)})

    rendering.write(wide, "table", tmp_path / "out")

    assert len((tmp_path / "out").read_text().splitlines()) == 2


def test_csv_is_plain(tmp_path: Path) -> None:
    assert written([0.1 + 0.2, np.nan], "csv", tmp_path) == (
        "session,known_at,symbol,quantity,price\n"
        "2024-01-02,2024-01-02T21:15:00Z,NVDA,0,0.30000000000000004\n"
        "2024-01-03,2024-01-03T21:15:00Z,NVDA,1,\n"
    )


def test_json_has_numbers_dates_and_nulls(tmp_path: Path) -> None:
    first, second = json.loads(written([1.5, np.nan], "json", tmp_path))

    assert first == {
        "session": "2024-01-02",
        "known_at": "2024-01-02T21:15:00Z",
        "symbol": "NVDA",
        "quantity": 0,
        "price": 1.5,
    }
    assert second["price"] is None


@pytest.mark.parametrize("format_", ["csv", "json"])
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_text_formats_keep_every_digit(format_: str, values: list[float]) -> None:
    payload = rendering._ENCODERS[format_](frame(values)).decode()
    rows = csv.DictReader(io.StringIO(payload)) if format_ == "csv" else json.loads(payload)

    assert [float(row["price"]) for row in rows] == values


def test_json_has_a_word_for_infinity(tmp_path: Path) -> None:
    text = written([np.inf, -np.inf], "json", tmp_path)

    assert [row["price"] for row in json.loads(text)] == ["Infinity", "-Infinity"]


def test_parquet_keeps_values_and_types(tmp_path: Path) -> None:
    rendering.write(frame([1.0, np.nan]), "parquet", tmp_path / "out.parquet")

    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), frame([1.0, np.nan]))


def test_a_long_table_is_cut_and_says_so(tmp_path: Path) -> None:
    text = written([0.5] * 500, "table", tmp_path)

    assert len(text.splitlines()) < 70
    assert "500 rows in all; --format csv" in text


def test_a_table_without_rows_names_its_columns(tmp_path: Path) -> None:
    assert (
        written([], "table", tmp_path)
        == "no rows; the columns are session, known_at, symbol, quantity, price\n"
    )
    assert written([], "json", tmp_path) == "[]\n"


def test_a_file_that_cannot_be_written_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot write .*No such file"):
        rendering.write(frame([1.0]), "csv", tmp_path / "absent" / "out.csv")


def test_parquet_does_not_go_to_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering.sys.stdout, "isatty", lambda: True)

    with pytest.raises(UsageError, match="--output"):
        rendering.write(frame([1.0]), "parquet", None)
