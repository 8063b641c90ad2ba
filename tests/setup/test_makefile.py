"""`make` sets up what it needs, once, from the lock."""

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def planned(folder: Path, *arguments: str) -> str:
    """What make would do in `folder`, as it would say it."""
    # Not the variables of the make that runs these tests.
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        ["make", "--no-print-directory", "-n", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout without a virtual environment."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def install(checkout: Path, extras: str) -> None:
    """Leave behind what an installation leaves: the environment's pip and the stamp that make names."""
    stamp = next(word for word in planned(checkout, extras).split() if word.startswith(".venv/.fabline-"))
    kinds = [line.split()[-1] for line in planned(checkout, extras).splitlines() if " && touch " in line]
    assert kinds, stamp
    (checkout / ".venv/bin").mkdir(parents=True, exist_ok=True)
    (checkout / ".venv/bin/pip").touch()
    (checkout / kinds[0]).touch()


@pytest.mark.parametrize("target", ["run", "test", "check", "lint", "bench", "up", "lock", "clean", "help"])
def test_every_target_can_be_planned(target: str, checkout: Path) -> None:
    assert planned(checkout, target)


def test_run_makes_an_environment_installs_from_the_lock_and_runs_the_default_job(checkout: Path) -> None:
    steps = planned(checkout, "run").splitlines()

    assert any(step.endswith("-m venv .venv") for step in steps)
    assert any(step.endswith("install -c requirements.lock -e .") for step in steps)
    assert steps[-1] == ".venv/bin/fabline run --source simulated --seed 7 --sessions 120"


def test_test_installs_what_the_tests_need(checkout: Path) -> None:
    steps = planned(checkout, "test", "PYTEST_ARGS=-q").splitlines()

    assert any(step.endswith("-c requirements.lock -e '.[test,brokers]'") for step in steps)
    assert steps[-1] == ".venv/bin/python -m pytest -q"


@pytest.mark.parametrize("first", ["run", "test"])
def test_a_second_run_installs_nothing_and_starts_at_once(first: str, checkout: Path) -> None:
    install(checkout, first)

    start = time.perf_counter()
    steps = planned(checkout, "run").splitlines()

    assert steps == [".venv/bin/fabline run --source simulated --seed 7 --sessions 120"]
    # Measured 0.02 s; an installation takes minutes, and a busy machine may pause for a second or two.
    assert time.perf_counter() - start < 3.0


def test_an_environment_for_run_is_not_enough_for_the_tests(checkout: Path) -> None:
    install(checkout, "run")

    assert "[test,brokers]" in planned(checkout, "test")


@pytest.mark.parametrize("changed", ["pyproject.toml", "requirements.lock"])
def test_a_changed_dependency_installs_again(changed: str, checkout: Path) -> None:
    install(checkout, "test")
    with (checkout / changed).open("a") as file:
        file.write("\n")

    assert "install -c requirements.lock" in planned(checkout, "run")


def test_check_is_lint_types_import_rules_and_tests(checkout: Path) -> None:
    install(checkout, "test")

    commands = [step.removeprefix(".venv/bin/").strip() for step in planned(checkout, "check").splitlines()]

    assert commands == ["ruff check", "ruff format --check", "mypy", "lint-imports", "python -m pytest"]
