"""What the resident process says of a session while it lasts is what the evening's run says of it."""

from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipelines.ingest.live import LiveOptions, live
from pipelines.ingest.live_forecasts import TABLE, LiveForecasts
from pipelines.wiring import Workshop, specs_of
from resources.arrow_frames import to_arrow
from resources.sources.simulated_live import SimulatedLiveBars
from tests.e2e.homes import SMALL, materialise, same_bytes, workshop_at
from trading import calendar
from trading.universe import SYMBOLS

SESSION = calendar.session_of("2024-07-03")  # a half day: 42 bars
BEFORE = calendar.session_of("2024-07-02")
SETTINGS = SMALL.with_value("timeframes", "1D,5min").with_value("burn_in_sessions", "1")
QUICK = LiveOptions(gather_seconds=0.0, look_seconds=0.01, retry_seconds=(0.01, 0.02))
STARTS = pd.date_range(calendar.session_open(SESSION), periods=42, freq="5min")


def listened(workshop: Workshop) -> list[str]:
    """What a person was shown while the session was replayed."""
    shown: list[str] = []
    opened = workshop.open()
    with closing(opened.store):
        forecasts = LiveForecasts(opened, specs_of(SETTINGS), SYMBOLS, shown.append)
        live(opened, SimulatedLiveBars(first=SESSION), options=QUICK, forecasts=forecasts)
    return shown


def rows(workshop: Workshop, table: str) -> pd.DataFrame:
    opened = workshop.open()
    with closing(opened.store):
        return opened.store.read(table, SESSION, SESSION, timeframe="5min")


def agree(said: pd.DataFrame, evening: pd.DataFrame) -> bool:
    """Whether the evening's rows have the bytes of those that were said live, but for the moment they were known."""
    keys = ["ts", "model", "version", "horizon", "symbol"]
    columns = [name for name in evening.columns if name != "known_at"]
    both = [frame.sort_values(keys)[[*columns, "known_at"]] for frame in (said, evening)]
    same_moment = [frame.assign(known_at=evening["known_at"].iloc[0]) for frame in both]
    return same_bytes(*(to_arrow("forecast_ar1", frame) for frame in same_moment))


@pytest.mark.nightly  # a home's two evenings take half a minute; tests/pipelines/ingest holds a few bars every day
@pytest.mark.timeout(600)
def test_a_live_session_is_forecast_bar_by_bar_to_the_bytes_of_the_evening(tmp_path: Path) -> None:
    workshop = workshop_at(tmp_path, SETTINGS)
    materialise(workshop, BEFORE, BEFORE)

    shown = listened(workshop)
    said = rows(workshop, TABLE)
    materialise(workshop, SESSION, SESSION)
    evening = pd.concat([rows(workshop, f"forecast_{model}") for model in SETTINGS.models])

    assert "4 versions stand at the open" in shown[0]  # one, and ar1's champion, challenger and shadow
    assert len(shown) == 1 + len(STARTS)
    assert all("4 versions, 10 names" in line and line.endswith(" ms") for line in shown[1:])
    assert agree(said, evening)
    assert ((said["known_at"] - said["ts"]) >= pd.Timedelta(minutes=5)).all()
