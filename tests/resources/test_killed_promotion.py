"""A promotion that is killed at any step leaves one champion, and is what the log says as soon as the home goes on."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EVERY_STEP = 11
SOME = ("session written", "alias of MLflow moved")


def deaths(folder: Path, *steps: str) -> list[dict[str, Any]]:
    root = Path(__file__).parents[2]
    script = Path(__file__).with_name("killed_promotion.py")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", script, folder, *steps],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"},
        timeout=300,
    )
    return [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]


def check(death: dict[str, Any]) -> None:
    left, made = death["left"], death["made"]
    assert death["died"] == -9, f"nothing died at the step {death['step']!r}"
    assert len(left["champions"]) == 1
    assert left["decided"] in ([], ["b"])
    if left["session"] == "2024-01-08":
        assert left["champions"] == left["decided"]
    assert len(left["mlflow"]) <= 1
    assert (death["again"], made) == (
        0,
        {
            "session": "2024-01-08",
            "champions": ["b"],
            "decided": ["b"],
            "alias": "b",
            "mlflow": ["b"],
            "behind": False,
        },
    )


def test_a_promotion_killed_between_its_session_and_its_mirror_is_completed(tmp_path: Path) -> None:
    found = deaths(tmp_path, *SOME)

    assert len(found) == len(SOME)
    for death in found:
        check(death)


@pytest.mark.nightly  # half a minute: MLflow is written eight times over
def test_a_promotion_killed_at_every_step_is_completed(tmp_path: Path) -> None:
    found = deaths(tmp_path)

    assert len(found) == EVERY_STEP
    for death in found:
        check(death)
