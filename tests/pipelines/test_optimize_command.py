"""`fabline optimize`: a file in, weights and a certificate out, and plain words for a file that makes no sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.main import status_of

PROBLEM = {"names": ["A", "B"], "mean": [0.001, 0.0005], "covariance": [[4e-4, 1e-4], [1e-4, 2e-4]]}


def solved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: Any, format_: str = "json"
) -> tuple[int, str, str]:
    path = tmp_path / "problem.json"
    path.write_text(problem if isinstance(problem, str) else json.dumps(problem))
    status = status_of(["optimize", "--input", str(path), "--format", format_])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_two_names_get_the_tangent_weights_and_their_proof(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = solved(tmp_path, capsys, PROBLEM)

    answer = json.loads(out)
    assert status == 0
    assert answer["weights"] == pytest.approx({"A": 0.6, "B": 0.4}, abs=1e-4)
    assert answer["certificate"]["status"] == "optimal"
    assert abs(answer["certificate"]["gap"]) < 1e-6


def test_limits_that_contradict_one_another_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = solved(
        tmp_path, capsys, PROBLEM | {"upper": 0.5, "previous": [1.0, 0.0], "turnover": 0.1}, "table"
    )

    assert "conflicts: position, turnover" in out
    assert "fallback: turnover_waived" in out


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("[1, 2", "is not valid JSON"),
        ([1, 2], "must hold one JSON object"),
        ({"mean": [0.1]}, "a problem needs covariance"),
        (PROBLEM | {"maen": 1}, "a problem has no maen"),
        (PROBLEM | {"upper": [1, 2, 3]}, "upper must be 2 numbers"),
        (PROBLEM | {"objective": "luck"}, "objective is one of"),
    ],
)
def test_a_problem_that_makes_no_sense_is_wrong_use_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: Any, said: str
) -> None:
    status, _, error = solved(tmp_path, capsys, problem)

    assert (status, error.count("\n")) == (2, 1)
    assert said in error
