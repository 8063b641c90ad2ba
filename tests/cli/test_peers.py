"""`fabline peers FILE`: which names the strongest sub-industries would bring."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.cli.main import status_of
from trading import calendar

FIRST = calendar.session_of("2023-01-03")
SESSIONS = calendar.sessions_between(FIRST, calendar.shift(FIRST, 319))
DRIFTS = {"KLAC": 0.004, "AMAT": 0.003, "NVDA": 0.001, "TXN": -0.001, "MSFT": -0.002, "WHO": 0.01}


@pytest.fixture
def closes(tmp_path: Path) -> Path:
    """SIMULATED: equipment rises fastest, until it falls in the last fifty sessions."""
    steps = np.tile(list(DRIFTS.values()), (len(SESSIONS), 1))
    steps[-50:, :2] = -0.05
    wide = pd.DataFrame(np.exp(steps.cumsum(axis=0)), index=SESSIONS, columns=list(DRIFTS))
    path = tmp_path / "closes.csv"
    wide.rename_axis("session").reset_index().melt("session", var_name="symbol", value_name="close").to_csv(
        path
    )
    return path


def told(capfd: pytest.CaptureFixture[str], *words: str) -> pd.DataFrame:
    assert status_of(["peers", *words, "--format", "json"]) == 0
    return pd.DataFrame(json.loads(capfd.readouterr().out)).set_index("symbol")


def test_strong_names_of_strong_groups_would_be_added_and_those_held_not(
    closes: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    table = told(capfd, str(closes), "--as-of", f"{SESSIONS[-51]:%Y-%m-%d}")

    assert table.index[table["added"]].tolist() == ["KLAC", "AMAT"]
    assert table.loc["KLAC", "group_place"] == 1
    assert "WHO" not in table.index  # nobody knows its sub-industry


def test_the_last_session_of_the_file_decides_without_a_date(
    closes: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert told(capfd, str(closes)).loc["KLAC", "group_place"] > 1


def test_a_column_of_groups_names_what_is_not_known(closes: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pd.read_csv(closes).assign(group="new").to_csv(closes)

    assert told(capfd, str(closes)).loc["WHO", "group"] == "new"


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--as-of", "2023-03-01"], "looks back 252 sessions"), (["--as-of", "soon"], "soon")],
)
def test_too_little_and_nonsense_are_wrong_use(
    closes: Path, capfd: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert status_of(["peers", str(closes), *words]) == 2
    assert said in capfd.readouterr().err


@pytest.mark.parametrize(
    ("content", "said"), [("a,b\n1,2\n", "no column symbol"), (None, "no CSV or Parquet")]
)
def test_a_file_of_something_else_is_wrong_use(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], content: str | None, said: str
) -> None:
    path = tmp_path / "other.csv"
    if content is not None:
        path.write_text(content)

    assert status_of(["peers", str(path)]) == 2
    assert said in capfd.readouterr().err
