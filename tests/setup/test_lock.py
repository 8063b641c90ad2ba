"""The lock pins everything that is asked for, and names nothing but packages and versions."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
# Installed by hand on machines with CUDA, where its kernels are compiled.
NOT_LOCKED_EXTRAS = {"gpu"}
SHIPPED_WITH_PYTHON = {"pip", "setuptools", "wheel"}


def lock() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


def direct() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    chosen = [line for name, lines in extras.items() if name not in NOT_LOCKED_EXTRAS for line in lines]
    return [r for r in map(Requirement, [*project["dependencies"], *chosen]) if r.name != "fabline"]


def test_every_line_is_a_name_and_a_version() -> None:
    lines = (ROOT / "requirements.lock").read_text().splitlines()

    assert len(lines) > 100
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []


@pytest.mark.parametrize("requirement", direct(), ids=lambda requirement: requirement.name)
def test_each_direct_dependency_is_locked_to_a_version_it_allows(requirement: Requirement) -> None:
    assert lock()[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_lock_holds_no_tool_that_comes_with_python() -> None:
    assert SHIPPED_WITH_PYTHON.isdisjoint(lock())


def test_versions_that_must_agree_are_pinned_exactly() -> None:
    pinned = {r.name: str(r.specifier) for r in direct() if str(r.specifier).startswith("==")}

    assert pinned["dagster"] == pinned["dagster-webserver"] == "==1.13.27"
    assert pinned["dagster-postgres"] == "==0.29.27"
    assert pinned["mlflow"] == "==3.17.2"


def test_no_tracked_file_names_a_package_index_or_a_folder_of_some_machine() -> None:
    # Put together here, so that this file does not name them.
    homes, indexes = ("wo" + "rk", "fa" + "rm", "root", "opt/pypi", "opt/wheels"), ("pypi.org/sim", "whl/cpu")
    pattern = "|".join([*(rf"(^|[^A-Za-z0-9_.])/{home}(/|$)" for home in homes), *indexes, "--index-url"])
    found = subprocess.run(
        ["git", "grep", "-nIE", pattern, "--", ".", ":!tests/setup/test_lock.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert found.stdout == ""
    assert found.returncode == 1  # git's word for nothing found; more would be an error
