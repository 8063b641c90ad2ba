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
        (PROBLEM | {"mean": 0.1}, "a problem needs mean, a list"),
        (PROBLEM | {"mean": []}, "a problem needs mean, a list"),
        (PROBLEM | {"names": ["A", "A"]}, "names must differ"),
        (PROBLEM | {"names": "AB"}, "names must be 2 words"),
        (PROBLEM | {"groups": ["x"]}, "groups must be 2 words"),
        (PROBLEM | {"links": [[0, 2]]}, "links must be pairs of two places from 0 to 1"),
        (PROBLEM | {"links": [[1, 1]]}, "links must be pairs of two places"),
        (PROBLEM | {"links": "A-B"}, "links must be pairs of places"),
        (PROBLEM | {"linked_from": "x", "correlation": [[1, 0], [0, 1]]}, "linked_from must be a number"),
        (PROBLEM | {"risk_aversion": -1}, "risk_aversion must be above 0"),
        (PROBLEM | {"iterations": "many"}, "iterations must be a number"),
        (PROBLEM | {"budgets": [1, -1]}, "budgets must be at least 0"),
        (PROBLEM | {"lower": 0.2}, "lower must be at most 0"),
        (PROBLEM | {"group_cap": -1}, "group_cap must be at least 0"),
        (PROBLEM | {"covariance": [[4e-4, 1e-4], [0, 2e-4]]}, "covariance must be symmetric"),
    ],
)
def test_a_problem_that_makes_no_sense_is_wrong_use_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], problem: Any, said: str
) -> None:
    status, _, error = solved(tmp_path, capsys, problem)

    assert (status, error.count("\n")) == (2, 1)
    assert said in error


@pytest.mark.parametrize("unknown", [{"mean": [0.001, None]}, {"covariance": [[4e-4, 1e-4], [1e-4, None]]}])
def test_a_name_of_which_a_number_is_unknown_gets_no_weight_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], unknown: dict[str, Any]
) -> None:
    _, out, _ = solved(tmp_path, capsys, PROBLEM | unknown)

    answer = json.loads(out)
    assert answer["weights"] == {"A": 1.0, "B": 0.0}
    assert answer["certificate"]["masked"] == ["B"]


def test_what_gave_way_is_told_by_how_much_and_what_caps_leave_over_is_cash(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, waived, _ = solved(tmp_path, capsys, PROBLEM | {"upper": 0.5, "previous": [1.0, 0.0], "turnover": 0.1})
    _, capped, _ = solved(tmp_path, capsys, PROBLEM | {"upper": 0.3})

    assert json.loads(waived)["certificate"]["violated"] == {"turnover": 0.9}  # 0.5 sold and 0.5 bought
    assert json.loads(capped)["certificate"]["violated"] == {}
    assert json.loads(capped)["certificate"]["cash"] == 0.4


def test_a_volatility_that_no_mix_is_as_calm_as_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = solved(tmp_path, capsys, PROBLEM | {"objective": "volatility_target", "volatility": 0.005})

    proof = json.loads(out)["certificate"]
    assert (proof["fallback"], proof["conflicts"]) == ("minimum_variance", ["volatility"])


def test_a_covariance_that_had_to_be_repaired_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = solved(tmp_path, capsys, PROBLEM | {"covariance": [[1.0, 2.0], [2.0, 1.0]]})

    assert json.loads(out)["certificate"]["covariance_repaired"] is True
