"""What CI calls is what a person calls, and a skip must be allowed to pass."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def unexpected(log: Path, *lacking: str) -> list[str]:
    """What `.ci/run` finds wrong with the skips in a log, on a machine that lacks some things."""
    script = (ROOT / ".ci/run").read_text()
    function = re.search(r"^unexpected_skips\(\) \{.*?^\}", script, flags=re.MULTILINE | re.DOTALL)
    assert function is not None
    lacks = "\n".join(["lacking() { :", *(f"echo {thing}" for thing in lacking), "}"])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", f"log={log}\n{lacks}\n{function[0]}\nunexpected_skips"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.splitlines()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "pytest.log"
    path.write_text(
        "SKIPPED [2] tests/resources/test_files.py:12: needs ../shared/data beside the checkout\n"
        "SKIPPED [1] tests/e2e/test_ui.py:3: needs headless Chromium\n"
        "SKIPPED [1] tests/e2e/test_x.py:3: flaky\n"
        "=== 3 passed, 4 skipped in 1.00s ===\n"
    )
    return path


def test_a_skip_is_allowed_only_where_its_cause_is(log: Path) -> None:
    assert unexpected(log, "shared", "chromium") == ["flaky"]
    assert unexpected(log, "chromium") == ["needs ../shared/data beside the checkout", "flaky"]
    assert len(unexpected(log)) == 3


def test_no_skips_are_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("=== 3 passed in 1.00s ===\n")

    assert unexpected(tmp_path / "log") == []


def test_the_workflow_calls_the_script_on_both_pythons() -> None:
    job = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]["check"]

    assert [step["run"] for step in job["steps"] if "run" in step] == [".ci/run"]
    assert job["strategy"]["matrix"]["python"] == ["3.11", "3.12"]


def test_the_script_is_valid_and_runs_the_commands_of_the_makefile() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True, timeout=60)
    script = (ROOT / ".ci/run").read_text()

    assert "make lint" in script
    assert "make test PYTEST_ARGS=" in script
    assert (ROOT / ".ci/run").stat().st_mode & 0o100
