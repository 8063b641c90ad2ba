"""`fabline diff` finds every session that differs, by bytes, and nothing else."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.cli.diff import compare
from pipelines.cli.main import status_of
from resources.home import Home
from resources.store import store_at
from trading import calendar
from trading.testing.example_rows import example

Homes = Callable[..., Path]
FIRST, LAST = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-05")
SESSIONS = calendar.sessions_between(FIRST, LAST)


def rewrite(path: Path, table: str, day: pd.Timestamp, seed: int) -> None:
    home = Home.open(path)
    store = store_at(home.tables, home.database)
    store.write({table: example(table, day, day, seed)}, day, day, commit={})
    store.close()


def test_homes_with_the_same_rows_are_the_same(new_home: Homes, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["diff", str(new_home("a")), str(new_home("b"))]) == 0
    assert "byte for byte" in capsys.readouterr().out


def test_a_changed_session_is_named_with_its_table(
    new_home: Homes, capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = new_home("a"), new_home("b")
    rewrite(b, "features", SESSIONS[2], seed=1)

    assert status_of(["diff", str(a), str(b)]) == 1
    assert re.fullmatch(r"features: 1 session differs \(.* rows\): 2024-01-04\n", capsys.readouterr().out)


def test_fills_that_differ_are_told_one_by_one(new_home: Homes, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = new_home("a"), new_home("b")
    rewrite(b, "fills", SESSIONS[2], seed=1)
    changed = len(example("fills", SESSIONS[2], SESSIONS[2]))

    assert status_of(["diff", str(a), str(b)]) == 1
    table, counted, *told = capsys.readouterr().out.splitlines()
    assert table.startswith("fills: 1 session differs")
    assert counted.startswith("fills: ")
    assert len(told) >= changed
    assert [line for line in told if not re.match(r"  [+~-] 2024-01-04 .*, decided ", line)] == []


def test_a_machine_gets_tables_fills_and_equity(new_home: Homes, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = new_home("a", "fills", "performance"), new_home("b", "fills", "performance")
    rewrite(b, "performance", SESSIONS[3], seed=1)

    assert status_of(["diff", str(a), str(b), "--format", "json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [(one["table"], one["sessions"]) for one in said["tables"]] == [("performance", ["2024-01-05"])]
    assert said["fills"] == []
    assert {one["session"] for one in said["equity"] if one["change"] != 0} <= {"2024-01-05"}


def test_a_table_that_only_one_home_has_differs(new_home: Homes, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = new_home("a", "features"), new_home("b", "features", "regimes")

    assert status_of(["diff", str(a), str(b)]) == 1
    assert "regimes: 4 sessions differ (0 and 4 rows)" in capsys.readouterr().out


def test_a_missing_home_is_a_failure(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(["diff", str(home), str(tmp_path / "absent")]) == 2
    assert "there is no home" in capsys.readouterr().err


@given(
    row=st.integers(0, 39),
    column=st.sampled_from(["rsi_14", "log_return", "symbol", "known_at"]),
)
def test_one_changed_value_makes_exactly_its_session_differ(row: int, column: str) -> None:
    frame = example("features", FIRST, LAST)
    changed = frame.copy()
    old = frame[column].iloc[row]
    if column == "symbol":
        new = old + "X"
    elif column == "known_at":
        new = old + pd.Timedelta("1us")
    else:
        new = 1.0 if pd.isna(old) else np.nextafter(old, 1e9)
    changed.loc[row, column] = new

    difference = compare("features", frame, changed)

    assert difference is not None
    assert difference.sessions == (frame["session"].iloc[row],)


def test_the_sign_of_zero_and_nan_are_compared_by_bytes() -> None:
    frame = example("features", FIRST, FIRST)
    frame["log_return"] = 0.0
    gone = frame.assign(log_return=np.nan)

    assert compare("features", frame, frame.assign(log_return=-0.0)) is not None
    assert compare("features", gone, gone.copy()) is None


@given(cut=st.integers(0, 4))
def test_sessions_that_one_side_lacks_are_the_difference(cut: int) -> None:
    frame = example("features", FIRST, LAST)
    kept = frame[frame["session"].isin(SESSIONS[:cut])].reset_index(drop=True)

    difference = compare("features", frame, kept)

    assert (difference.sessions if difference else ()) == tuple(SESSIONS[cut:])
