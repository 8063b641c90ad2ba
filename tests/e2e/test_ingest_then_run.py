"""A home that was filled by `fabline ingest` before its first run is the same as one that only ran."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines import environment, settings
from pipelines.cli.ingest import Options, ingest
from pipelines.wiring import Workshop, plan_of
from resources.home import Home
from resources.store import store_at
from tests.e2e.homes import FIRST, LAST, SMALL, SMALL_FILE, arrow_tables, materialise, same_bytes, workshop_at
from trading import calendar

TABLES = plan_of(SMALL).tables


def tables_of(home: Home) -> dict[str, pa.Table]:
    store = store_at(home.tables, home.database)
    try:
        return arrow_tables(store, TABLES)
    finally:
        store.close()


@pytest.mark.nightly  # two runs and three loads; tests/assets/test_market.py has the two source tables daily
def test_a_home_that_was_loaded_first_is_made_as_one_that_only_ran(
    tmp_path: Path, made_in_one_run: Workshop
) -> None:
    loaded = workshop_at(tmp_path / "home")
    settings.set_values(loaded.home.path, SMALL_FILE)
    before = (
        f"{calendar.shift(FIRST, -400):%Y-%m-%d}"  # more than the run looks back on, and not all to its end
    )
    for timeframe, first in (("1D", before), ("5min", f"{FIRST:%Y-%m-%d}"), ("1W", before)):
        options = Options(timeframe, first, f"{calendar.shift(LAST, -2):%Y-%m-%d}")
        ingest(loaded.home.path, options, source=None, data=None, format_="json", wait=False)

    materialise(loaded, FIRST, LAST)

    alone, filled = tables_of(made_in_one_run.home), tables_of(loaded.home)
    made = [name for name in TABLES if name not in ("bars", "corporate_actions")]
    assert [name for name in made if not same_bytes(alone[name], filled[name])] == []

    store = environment.open_store(loaded.home.path)
    bars = store.read("bars", revisions=True)
    store.close()

    assert set(bars["timeframe"]) == {"5min", "1D", "1W"}
    assert not bars.duplicated(["timeframe", "ts", "symbol"]).any(), "nothing came twice"
