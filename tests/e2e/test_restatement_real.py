"""A restated bar on real data: NVDA's last quiet week before its split, and what it would have changed.

Takes a minute and a half, so it runs by night: pytest -m nightly tests/e2e/test_restatement_real.py
"""

from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipelines import environment, settings
from pipelines.cli import status
from pipelines.cli.diff import comparison
from pipelines.cli.main import DONE, FAILED, status_of
from pipelines.wiring import Workshop
from resources.home import Home
from tests.e2e.homes import materialise
from tests.e2e.vendors import revision
from trading import calendar

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SETTINGS = {
    "source.name": "files",
    "source.data": str(DATA),
    "burn_in_sessions": 60,
    "models": ["random_walk", "ar1"],
}
FIRST = calendar.session_of("2024-05-20")
LAST = calendar.shift(FIRST, 29)
RESTATED = calendar.session_of("2024-05-30")

pytestmark = [
    pytest.mark.nightly,  # two homes of real bars, a minute and a half
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not DATA.is_dir(), reason="needs ../shared/data, real bars that are not in the project"
    ),
]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Thirty real sessions, after a close of NVDA was restated by three per cent the next morning, stored late."""
    made = environment.open_or_create(tmp_path / "home")
    settings.set_values(made.path, SETTINGS)
    workshop = Workshop.of(made, settings.load(made.path).settings)
    materialise(workshop, FIRST, LAST)
    opened = workshop.open()
    with closing(opened.store) as store:
        bars = store.read("bars", RESTATED, RESTATED, timeframe="1D")
        came = calendar.session_open(calendar.shift(RESTATED, 1))
        again = revision("NVDA", RESTATED, 1.03, came)(bars).iloc[-1:].astype(bars.dtypes)
        store.write({"bars": again}, RESTATED, RESTATED, commit={"run_id": "late"})
    return made


def test_a_restated_bar_of_nvda_makes_the_rest_stale_and_would_have_changed_fills(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    following = calendar.shift(RESTATED, 1)
    assert status.report(home)[-1].endswith(
        f"fabline backfill --from {following:%Y-%m-%d} --to {LAST:%Y-%m-%d}"
    )

    knew = tmp_path / "knew"
    said = ["--as-of", f"{LAST:%Y-%m-%d}", "--to", str(knew), "--home", str(home.path)]
    assert status_of(["restate", *said]) == DONE
    capsys.readouterr()
    assert status_of(["diff", str(home.path), str(knew)]) == FAILED

    told = capsys.readouterr().out
    with closing(environment.open_store(home.path)) as a, closing(environment.open_store(knew)) as b:
        found = comparison(a, b)
    changed = {one.table: one.sessions for one in found.tables}
    assert changed["bars"] == (RESTATED,)
    assert changed["features"][0] == RESTATED  # it knew that evening
    assert found.fills["session"].min() == following  # and so traded otherwise at the next open, never before
    assert found.equity["change"].item() != 0
    assert f"equity of swing at {LAST:%Y-%m-%d}" in told
    assert pd.Timestamp(found.equity["session"].item()) == LAST
