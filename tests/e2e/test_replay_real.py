"""Law 2 on real bars: sixty evenings, five of them in processes of their own, against one run over the range.

Takes several minutes, so it runs by night: pytest -m nightly tests/e2e/test_replay_real.py
"""

import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.settings import Settings, set_values
from pipelines.wiring import Workshop
from resources.home import Home
from tests.e2e.homes import arrow_tables, materialise, same_bytes
from trading import calendar

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FIRST = calendar.session_of("2024-05-20")  # NVDA splits, and a quarter ends, within the sixty sessions
SESSIONS = calendar.sessions_between(FIRST, calendar.shift(FIRST, 59))
ALONE = SESSIONS[[7, 20, 29, 41, 59]]
SOURCE = {"source.name": "files", "source.data": str(DATA)}

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        not DATA.is_dir(), reason="needs ../shared/data, real bars that are not in the project"
    ),
]


def workshop_at(path: Path) -> Workshop:
    settings = Settings()
    for name, value in SOURCE.items():
        settings = settings.with_value(name, value)
    home = Home.open_or_create(path)
    set_values(path, SOURCE)
    return Workshop.of(home, settings)


def evening_alone(workshop: Workshop, session: str) -> None:
    """The evening as people run it: the command, in a process of its own."""
    command = [sys.executable, "-m", "pipelines.cli", "run", "--from", session, "--to", session]
    done = subprocess.run(
        [*command, "--home", str(workshop.home.path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_sixty_evenings_give_the_bytes_of_one_run(tmp_path: Path) -> None:
    whole, evenings = workshop_at(tmp_path / "whole"), workshop_at(tmp_path / "evenings")
    materialise(whole, SESSIONS[0], SESSIONS[-1])
    for session in SESSIONS:
        if session in ALONE:
            evening_alone(evenings, f"{session:%Y-%m-%d}")
        else:
            materialise(evenings, session, session)
    one, other = whole.open(), evenings.open()
    expected = arrow_tables(one.store, whole.plan.tables)
    found = arrow_tables(other.store, whole.plan.tables)
    assert [name for name in expected if not same_bytes(expected[name], found[name])] == []
    assert expected["fills"].num_rows > 0
