"""The leak canary through the Dagster graph with the default models, pretrained TimesFM among them.

Two homes are filled by vendors that agree up to a cut and on nothing that was known later: prices,
revisions and late rows of earlier sessions, corporate actions, and so every version trained after it.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.sources import SimulatedSource
from tests.e2e.homes import materialise, workshop_at
from tests.e2e.vendors import Supplied
from trading import calendar
from trading.monitoring.leaks import another_future, moved_before
from trading.testing.restless_market import restless_actions, restless_bars

FULL = replace(Settings(), burn_in_sessions=25).with_value("regimes.hmm.starts", 2)
FIRST, LAST = calendar.session_of("2024-03-25"), calendar.session_of("2024-04-03")
CUT = calendar.session_of("2024-03-27")  # the quarter's versions are trained a session later
Tables = dict[str, pd.DataFrame]


class Restless(SimulatedSource):
    """The market whose past is revised; with another future, nothing known after the cut is the same."""

    def __init__(self, *, another: bool) -> None:
        super().__init__()
        self._another = another

    def bars(
        self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, timeframe: str = "1D"
    ) -> pd.DataFrame:
        rows = restless_bars(super().bars(symbols, first, last, timeframe), CUT)
        return (
            another_future({"bars": rows, "corporate_actions": rows.iloc[:0]}, CUT)["bars"]
            if self._another
            else rows
        )

    def actions(self, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
        rows = restless_actions(super().actions(symbols, first, last), CUT)
        return rows[(rows["known_at"] <= calendar.as_of(CUT)).to_numpy()] if self._another else rows


def home(path: Path, *, another: bool) -> tuple[Tables, set[str]]:
    """Every table of a home, and the versions that it has trained."""
    plain = workshop_at(path, FULL)
    workshop = Supplied(plain.home, FULL, plain.plan, plain.clock, Restless(another=another))
    materialise(workshop, FIRST, LAST)
    return made(workshop)


def made(workshop: Workshop) -> tuple[Tables, set[str]]:
    opened = workshop.open()
    tables = {table: opened.store.read(table) for table in workshop.plan.makers}
    versions = {version.version for model in FULL.models for version in opened.registry.versions(model)}
    opened.store.close()
    return tables, versions


@pytest.mark.nightly  # two homes with TimesFM take a minute; test_canary.py holds the line every day
@pytest.mark.timeout(900)
def test_no_asset_of_the_graph_sees_the_future(tmp_path: Path) -> None:
    tables, versions = home(tmp_path / "one", another=False)
    others, other_versions = home(tmp_path / "other", another=True)

    assert "timesfm" in set(tables["forecasts"]["model"])
    assert versions != other_versions  # what was trained after the cut is of another future
    assert [moved_before(table, tables[table], others[table], CUT) for table in tables] == [None] * len(
        tables
    )
    later = calendar.shift(CUT, 1)
    assert moved_before("features", tables["features"], others["features"], later) is not None
