"""The table of coverage as an asset: what it is made of, and that the ensemble stands beside the models."""

import numpy as np
import pandas as pd
import pytest

from assets import plots
from assets.coverage import measured
from assets.evidence import replace_whole
from trading.evaluation.interval_report import COLUMNS
from trading.testing.finished_home import finished_home
from trading.testing.memory_store import MemoryStore

TABLES = ("version_losses", "forecasts", "regimes", "ensemble_intervals", "ensemble_forecast")


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    finished, made = finished_home(count=60), MemoryStore()
    for table in TABLES:
        rows = finished[table]
        made.write({table: rows}, rows["session"].min(), rows["session"].max(), commit={})
    return made


@pytest.fixture(scope="module")
def table(store: MemoryStore) -> pd.DataFrame:
    return measured(store)


def test_models_and_ensemble_stand_in_one_table(table: pd.DataFrame) -> None:
    assert {"ensemble", "ar1", "random_walk"} <= set(table["model"])
    assert set(COLUMNS) < set(table.columns)
    assert table["nominal"].unique().tolist() == [0.75]


def test_the_ensemble_s_coverage_is_what_its_own_rows_say(store: MemoryStore, table: pd.DataFrame) -> None:
    rows = store.read("ensemble_intervals", timeframe="1D")
    clean = store.read("ensemble_forecast", timeframe="1D")
    assert not clean["contaminated"].any()

    found = table[
        (table["model"] == "ensemble") & (table["symbol"] == "all") & (table["slice_kind"] == "all")
    ]

    counted = rows.groupby("horizon")["covered"].agg(["mean", "count"])
    assert found.set_index("horizon")["coverage"].to_dict() == pytest.approx(counted["mean"].to_dict())
    assert found.set_index("horizon")["n"].to_dict() == counted["count"].to_dict()


def test_nothing_matured_makes_no_row() -> None:
    empty = MemoryStore()

    replace_whole(empty, "coverage", measured(empty), {})

    assert empty.tables().empty


def test_it_replaces_itself_whole(store: MemoryStore, table: pd.DataFrame) -> None:
    replace_whole(store, "coverage", table, {})
    replace_whole(store, "coverage", table[table["symbol"] == "all"], {})

    assert set(store.read("coverage")["symbol"]) == {"all"}


def test_its_picture_shows_each_model_beside_the_promise(table: pd.DataFrame) -> None:
    panels = plots.coverage_table(table).axes

    models = sorted(table["model"].unique())
    assert [panel.get_title().split()[-1] for panel in panels] == ["years", "regimes", "symbols"]
    for axes in panels:
        assert [label.get_text() for label in axes.get_xticklabels()] == models
        assert any(np.allclose(line.get_ydata(), 0.75) for line in axes.get_lines())
