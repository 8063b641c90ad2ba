"""A writer that is killed leaves the old or the new state of all tables, never a mixture."""

import subprocess
import sys
from pathlib import Path

KILLS = 5


def test_a_killed_writer_leaves_all_tables_old_or_all_tables_new(tmp_path: Path) -> None:
    script = Path(__file__).with_name("killed_writer.py")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", script, tmp_path, str(KILLS)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=120,
    )
    numbers = [int(line) for line in ran.stdout.split()]
    assert len(numbers) == KILLS
    assert 251 - 1 not in numbers, f"tables disagree after a kill: {numbers}"
    assert len(set(numbers)) == KILLS, "a writer got nowhere: its kill came too early"
