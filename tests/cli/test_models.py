"""`fabline models`: every version of a home with who speaks, what it learned from and what it has seen."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import CATALOGUE, UNKNOWN_DATA
from models.forecasters.random_walk import RandomWalk
from pipelines import environment
from pipelines.cli.main import status_of
from resources.home import Home
from resources.store import store_at
from resources.version_folder import VersionFolder
from trading.interfaces import ModelVersion
from trading.testing.example_rows import example

Capture = pytest.CaptureFixture[str]
HEAD = pd.Timestamp("2024-01-05")
QUARTERS = [
    pd.Timestamp(day) for day in ("2023-04-03", "2023-07-03", "2023-10-02", "2024-01-02", "2024-04-01")
]
CURVES = ({"validation_loss": 0.5}, {"validation_loss": 0.25}, {"validation_loss": 0.375})


def version(number: int) -> ModelVersion:
    live, champion, retired = QUARTERS[number : number + 3]
    facts = {"code_version": "3", "seed": "7", "trained_from": "2021-10-01", "data_version": "d1"}
    return ModelVersion(
        "ar1", f"v{number}", live - pd.Timedelta(days=3), live, champion, retired, facts=facts
    )


@pytest.fixture
def home(new_home: Callable[..., Path]) -> Path:
    """A home with three versions of ar1, of which the middle one is champion, and one that may know the future."""
    path = new_home("home", "champions", "features")
    opened = environment.open_or_create(path)
    store = store_at(opened.tables, opened.database)
    rows = example("champions", HEAD, HEAD).head(1).assign(model="ar1", version="v1", role="champion")
    store.write({"champions": rows}, HEAD, HEAD, commit={})
    store.close()
    folder = VersionFolder(opened.models)
    for number in range(3):
        fitted = PooledAR1(coefficients_=np.array([0.0, 0.1]))
        folder.log(version(number), fitted, {"training_seconds": 1.5}, CURVES)
    seen = ModelVersion("random_walk", "w", None, None, None, None, data_through=HEAD)
    folder.log(seen, RandomWalk(), {})
    return path


def said(capsysbinary: Any, *arguments: str) -> str:
    assert status_of(arguments) == 0
    return capsysbinary.readouterr().out.decode()


def test_the_list_names_every_known_model_and_whether_the_home_has_it(home: Path, capsysbinary: Any) -> None:
    rows = json.loads(said(capsysbinary, "models", "list", "--format", "json", "--home", str(home)))

    assert [row["model"] for row in rows] == [spec.name for spec in CATALOGUE]
    (ar1,) = [row for row in rows if row["model"] == "ar1"]
    assert (ar1["in_home"], ar1["cadence"], ar1["versions"], ar1["live"]) == (True, "quarterly", 3, 2)
    assert (ar1["champion"], ar1["trained_through"]) == ("v1", "2023-06-30")
    (fracast,) = [row for row in rows if row["model"] == "fracast"]
    assert (fracast["in_home"], fracast["versions"], fracast["champion"]) == (False, 0, None)
    assert (fracast["data_through"], fracast["contaminated"]) == (f"{UNKNOWN_DATA:%Y-%m-%d}", "CONTAMINATED")


def test_a_model_s_versions_say_who_speaks_and_how_training_went(home: Path, capsysbinary: Any) -> None:
    rows = json.loads(said(capsysbinary, "models", "show", "ar1", "--format", "json", "--home", str(home)))

    assert [(row["version"], row["role"]) for row in rows] == [
        ("v0", "retired"),
        ("v1", "champion"),
        ("v2", "challenger"),
    ]
    newest = rows[-1]
    assert (newest["trained_from"], newest["trained_through"]) == ("2021-10-01", "2023-09-29")
    assert (newest["seconds"], newest["epochs"], newest["validation_loss"]) == (1.5, 3, 0.25)
    assert (newest["seed"], newest["code_version"], newest["data_version"]) == ("7", "3", "d1")
    assert newest["parameters"]["decay"] == 0.94
    assert newest["figures"] == {"training_seconds": 1.5}
    assert newest["mlflow_run"] is None


def test_a_version_older_than_the_champion_that_still_speaks_is_its_shadow(
    home: Path, capsysbinary: Any
) -> None:
    folder, dates = VersionFolder(Home.open(home).models), (QUARTERS[0], QUARTERS[1], QUARTERS[4])
    old = replace(version(0), version="old", live_from=dates[0], champion_from=dates[1], retired=dates[2])
    folder.log(replace(old, trained_through=pd.Timestamp("2023-03-30")), PooledAR1(), {})

    rows = json.loads(said(capsysbinary, "models", "show", "ar1", "--format", "json", "--home", str(home)))
    listed = json.loads(said(capsysbinary, "models", "list", "--format", "json", "--home", str(home)))

    assert {row["version"]: row["role"] for row in rows}["old"] == "shadow"
    assert {row["model"]: row["live"] for row in listed}["ar1"] == 3


def test_weights_that_may_know_the_newest_session_are_contaminated(home: Path, capsysbinary: Any) -> None:
    text = said(capsysbinary, "models", "show", "random_walk", "--format", "csv", "--home", str(home))

    (row,) = text.splitlines()[1:]
    assert ",2024-01-05,CONTAMINATED," in row


def test_a_table_for_people_begins_with_the_parameters(home: Path, capsysbinary: Any) -> None:
    text = said(capsysbinary, "models", "show", "ar1", "--home", str(home))

    first, *_ = text.splitlines()
    assert first.startswith("ar1: quarterly, full update, sees log_return, volatility_21; type=PooledAR1")
    assert first.endswith("decay=0.94 degrees_of_freedom=6.0 minimum_pairs=250; roles at 2024-01-05")
    assert "champion" in text


def test_a_model_without_a_version_has_a_heading_and_no_rows(home: Path, capsysbinary: Any) -> None:
    assert "no rows" in said(capsysbinary, "models", "show", "fracast", "--home", str(home))


def test_an_unknown_model_is_wrong_use(home: Path, capsys: Capture) -> None:
    assert status_of(["models", "show", "oracle", "--home", str(home)]) == 2
    assert "unknown model 'oracle'; the catalogue holds random_walk" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["models", "list"], ["train"]])
def test_where_there_is_no_home_the_command_says_how_to_make_one(
    command: list[str], tmp_path: Path, capsys: Capture
) -> None:
    assert status_of([*command, "--home", str(tmp_path / "none")]) == 1
    assert "fabline run" in capsys.readouterr().err


def test_a_home_without_a_run_lists_models_without_versions(tmp_path: Path, capsysbinary: Any) -> None:
    environment.open_or_create(tmp_path / "new")

    rows = json.loads(
        said(capsysbinary, "models", "list", "--format", "json", "--home", str(tmp_path / "new"))
    )

    assert {row["versions"] for row in rows} == {0}
