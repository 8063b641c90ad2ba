"""Weekly and five-minute rows through the Dagster graph: the line's bytes, evening by evening or in one run."""

from pathlib import Path

import pytest

from pipelines.in_memory import run_in_memory
from pipelines.wiring import Workshop
from tests.e2e.homes import SMALL, arrow_tables, materialise, same_bytes, workshop_at
from trading import calendar

# A half day, a holiday, and the end of a week.
FIRST, LAST = calendar.session_of("2024-07-02"), calendar.session_of("2024-07-05")
SETTINGS = SMALL.with_value("timeframes", "1D,1W,5min")
TABLES = ("features", "version_losses", "forecasts", "orders")


def made(workshop: Workshop) -> dict[str, object]:
    opened = workshop.open()
    found = arrow_tables(opened.store, (*TABLES, *(f"forecast_{model}" for model in SETTINGS.models)))
    opened.store.close()
    return dict(found)


@pytest.mark.nightly  # two homes take half a minute; the canary within a session holds the line every day
@pytest.mark.timeout(600)
def test_evenings_a_range_and_the_line_give_the_same_bytes(tmp_path: Path) -> None:
    whole, evenings = (workshop_at(tmp_path / name, SETTINGS) for name in ("whole", "evenings"))
    materialise(whole, FIRST, LAST)
    for session in calendar.sessions_between(FIRST, LAST):
        materialise(evenings, session, session)
    one, other = made(whole), made(evenings)
    line = arrow_tables(run_in_memory(SETTINGS, FIRST, LAST), tuple(one))
    assert [name for name in one if not same_bytes(one[name], other[name])] == []
    assert [name for name in one if not same_bytes(one[name], line[name])] == []
    counted = line["forecasts"].to_pandas().groupby("timeframe").size()
    assert set(counted.index) == {"1D", "1W", "5min"}
