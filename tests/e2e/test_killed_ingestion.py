"""A load that is killed loses nothing and doubles nothing; the next one goes on and ends as if it had not been."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def killed(folder: Path, kills: int) -> tuple[list[int], str]:
    """Chunks stored after each kill, and how the home compares with an undisturbed one."""
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", Path(__file__).with_name("killed_ingestion.py"), folder, str(kills)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        timeout=280,
    )
    assert ran.returncode == 0, ran.stderr
    *stored, verdict = ran.stdout.split("\n")
    return [int(line) for line in stored], verdict


@pytest.mark.parametrize(
    "kills",
    [3, pytest.param(25, marks=pytest.mark.nightly)],  # each kill costs a process; chance needs many
)
def test_a_killed_load_goes_on_and_equals_an_undisturbed_one_byte_for_byte(
    tmp_path: Path, kills: int
) -> None:
    stored, verdict = killed(tmp_path, kills)

    assert len(stored) == kills
    assert stored == sorted(stored), "a kill must take nothing away"
    assert stored[-1] > 0, "no kill came after the first chunk: this shows nothing"
    assert verdict == "same", f"these tables differ: {verdict}"
