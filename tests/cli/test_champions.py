"""`fabline models history|promote|rollback`: reigns, decisions, and what is refused."""

import errno
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from pipelines import environment
from pipelines.cli.main import DONE, FAILED, WRONG_USE, status_of
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources import clock, files
from resources.store import store_at
from resources.version_folder import WEIGHTS, VersionFolder
from trading.interfaces import ModelVersion
from trading.testing.example_rows import example

HEAD = pd.Timestamp("2024-01-05")
NOW = pd.Timestamp("2024-01-05 22:00", tz="UTC")  # after its decision
NEXT = pd.Timestamp("2024-01-08")
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def home(new_home: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Versions a, b and c of ar1, of which a reigned, then b; c has retired."""
    monkeypatch.setattr(clock, "now", lambda: NOW)
    path = new_home("home", "features")
    reigned(path, ["a", "a", "b", "b"])
    folder = VersionFolder(environment.open_or_create(path).models)
    for name, retired in (("a", "2024-07-01"), ("b", "2024-10-01"), ("c", "2024-01-03")):
        days = [pd.Timestamp(day) for day in ("2023-09-29", "2023-10-02", "2024-01-02", retired)]
        folder.log(ModelVersion("ar1", name, *days), PooledAR1(coefficients_=np.array([0.0, 0.1])), {})
    return path


def reigned(path: Path, versions: Sequence[str]) -> None:
    days = pd.bdate_range(end=HEAD, periods=len(versions)).as_unit("us")
    rows = [
        example("champions", day, day).head(1).assign(model="ar1", version=version, role="champion", reason=f"why {version}")
        for day, version in zip(days, versions, strict=True)
    ]  # fmt: skip
    opened = environment.open_or_create(path)
    store = store_at(opened.tables, opened.database)
    store.write({"champions": pd.concat(rows)}, days[0], days[-1], commit={})
    store.close()


def decisions(path: Path) -> list[tuple[str, str, pd.Timestamp]]:
    folder = VersionFolder(environment.open_or_create(path).models)
    return [(one.version, one.action, one.effective) for one in folder.decisions("ar1")]


def test_the_history_is_one_row_a_reign(home: Path, capsys: Capture) -> None:
    assert status_of(["models", "history", "ar1", "--format", "csv", "--home", str(home)]) == DONE

    rows = capsys.readouterr().out.splitlines()
    assert [row.split(",")[:4] for row in rows[1:]] == [
        ["ar1", "a", "2024-01-02", "2024-01-03"],
        ["ar1", "b", "2024-01-04", "2024-01-05"],
    ]


def test_who_was_champion_then_is_one_row(home: Path, capsys: Capture) -> None:
    status_of(["models", "history", "ar1", "--as-of", "2024-01-03", "--format", "csv", "--home", str(home)])

    assert [row.split(",")[1] for row in capsys.readouterr().out.splitlines()[1:]] == ["a"]


def test_a_reign_is_told_only_as_far_as_it_had_come(home: Path, capsys: Capture) -> None:
    status_of(["models", "history", "ar1", "--as-of", "2024-01-02", "--format", "csv", "--home", str(home)])

    (row,) = capsys.readouterr().out.splitlines()[1:]
    assert row.split(",")[:4] == ["ar1", "a", "2024-01-02", "2024-01-02"]


def test_before_the_first_reign_nobody_was_champion(home: Path, capsys: Capture) -> None:
    assert status_of(["models", "history", "ar1", "--as-of", "2023-12-01", "--home", str(home)]) == WRONG_USE
    assert "nobody was champion of ar1" in capsys.readouterr().err


def test_a_promotion_holds_from_the_next_session_on(home: Path, capsys: Capture) -> None:
    assert status_of(["models", "promote", "ar1", "a", "--note", "calmer", "--home", str(home)]) == DONE

    assert decisions(home) == [("a", "promote", NEXT)]
    assert "a is champion of ar1 from 2024-01-08 on" in capsys.readouterr().out


def test_a_rollback_goes_to_the_champion_before(home: Path) -> None:
    assert status_of(["models", "rollback", "ar1", "--home", str(home)]) == DONE

    assert decisions(home) == [("a", "rollback", NEXT)]


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("b", "champion of ar1 already"),
        ("c", "speaks only from 2023-10-02 before 2024-01-03"),
        ("x", "no version"),
    ],
)
def test_a_promotion_that_cannot_be_is_refused(home: Path, version: str, said: str, capsys: Capture) -> None:
    assert status_of(["models", "promote", "ar1", version, "--home", str(home)]) == WRONG_USE

    assert said in capsys.readouterr().err
    assert decisions(home) == []


def test_a_version_with_damaged_weights_is_not_promoted(home: Path, capsys: Capture) -> None:
    weights = environment.open_or_create(home).models / "ar1" / "a" / WEIGHTS
    weights.write_bytes(b"damaged")

    assert status_of(["models", "promote", "ar1", "a", "--home", str(home)]) == FAILED
    assert "is not what was logged" in capsys.readouterr().err


def test_without_a_champion_before_there_is_nothing_to_roll_back_to(home: Path, capsys: Capture) -> None:
    (environment.open_or_create(home).models / "ar1" / "a" / WEIGHTS).unlink()

    assert status_of(["models", "rollback", "ar1", "--home", str(home)]) == WRONG_USE
    assert "no champion of ar1 before the present one can speak" in capsys.readouterr().err


def test_of_two_promotions_at_once_one_is_refused_and_named(home: Path, capsys: Capture) -> None:
    with environment.open_or_create(home).writing("fabline models rollback"):
        assert status_of(["models", "promote", "ar1", "a", "--home", str(home)]) == FAILED

    assert "fabline models rollback" in capsys.readouterr().err
    assert decisions(home) == []


def test_on_a_full_disk_a_promotion_fails_and_the_log_stays_whole(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status_of(["models", "promote", "ar1", "a", "--home", str(home)])

    def full(_file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    status = status_of(["models", "rollback", "ar1", "--home", str(home)])
    monkeypatch.undo()

    assert status == FAILED
    assert decisions(home) == [("a", "promote", NEXT)]
    assert sorted(path.name for path in (home / "models" / "ar1").iterdir() if path.is_file()) == [
        "decisions.jsonl"
    ]


def test_without_mlflow_the_champions_stand_and_people_are_told(home: Path) -> None:
    opened = Workshop.of(environment.open_or_create(home), Settings(), clock=lambda: NOW).open()
    opened.home.mlflow.rmdir()
    opened.home.mlflow.write_text("a file where MLflow's folder should be")

    opened.after_write({"champions": opened.store.read("champions", HEAD, HEAD)})
    opened.store.close()

    assert opened.registry.champion("ar1") == "b"
    assert opened.registry.is_behind
    assert "mlflow_mirror_failed" in "".join(log.read_text() for log in (home / "logs").glob("*"))
