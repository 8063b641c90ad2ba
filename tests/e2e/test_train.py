"""`fabline train`: a Dagster run that makes the versions that are missing, and says which they are."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipelines import environment
from pipelines.cli.main import status_of
from pipelines.wiring import Workshop
from resources.home import Home
from resources.version_folder import WEIGHTS
from tests.e2e.homes import copied

HELD = ("2023-06-30", "2023-09-29", "2023-12-29", "2024-03-28")


def test_missing_versions_are_trained_again_to_the_same_bytes_up_to_a_date(
    made_in_one_run: Workshop, tmp_path: Path, capsysbinary: Any
) -> None:
    home = copied(made_in_one_run, tmp_path / "home")
    versions = {path.parent.name: path.read_bytes() for path in (home / "models" / "ar1").rglob(WEIGHTS)}
    shutil.rmtree(home / "models" / "ar1")

    assert (
        status_of(["train", "ar1", "--through", "2024-01-01", "--format", "json", "--home", str(home)]) == 0
    )

    said = capsysbinary.readouterr()
    rows = json.loads(said.out)
    assert [(row["model"], row["trained_through"]) for row in rows] == [("ar1", day) for day in HELD[:3]]
    for row in rows:
        again = home / "models" / "ar1" / row["version"] / WEIGHTS
        assert again.read_bytes() == versions[row["version"]]
        assert row["seconds"] > 0
        assert len(row["mlflow_run"]) == 32
    assert b"model_versions: 3 versions" in said.err
    with environment.dagster_of(Home.open(home)) as instance:
        (run, *_) = instance.get_runs(limit=1)
    assert (run.job_name, run.is_success) == ("train", True)


def test_where_nothing_is_due_the_home_stays_as_it_is(
    made_in_one_run: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = copied(made_in_one_run, tmp_path / "home")
    before = {path: path.read_bytes() for path in (home / "models").rglob("*") if path.is_file()}

    assert status_of(["train", "--home", str(home)]) == 0

    assert "every version that is due is there" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in (home / "models").rglob("*") if path.is_file()} == before


REFUSED = {
    "another model": (["samba"], 2, "this home has no model 'samba'; it has random_walk,ar1"),
    "the future": (["--through", "2999-01-01"], 2, "2999-01-01"),
    "no date": (["--through", "soon"], 2, "soon"),
    "no features": (["--through", "2024-04-12"], 1, "features end at 2024-04-05"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trained_is_refused_with_the_reason(
    case: str, made_in_one_run: Workshop, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = copied(made_in_one_run, tmp_path / "home")
    arguments, status, told = REFUSED[case]

    assert status_of(["train", *arguments, "--home", str(home)]) == status

    assert told in capsys.readouterr().err
