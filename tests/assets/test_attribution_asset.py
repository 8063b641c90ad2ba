"""The table of attribution: every model beside the ensemble, and the regret."""

import numpy as np
import pandas as pd
import pytest

from assets import plots
from assets.attribution import DEPENDS_ON, attributed
from trading.testing.finished_home import finished_home
from trading.testing.memory_store import MemoryStore


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    finished, store = finished_home(count=60), MemoryStore()
    for name in DEPENDS_ON:
        rows = finished[name]
        store.write({name: rows}, rows["session"].min(), rows["session"].max(), commit={})
    return attributed(store)


def test_models_and_ensemble_have_the_three_figures(table: pd.DataFrame) -> None:
    worth = table[(table["metric"] != "regret").to_numpy()]
    assert {"ensemble", "ar1", "random_walk"} <= set(worth["model"])
    assert set(worth["metric"]) == {"sharpe", "accuracy", "profit_factor"}
    accuracy = worth.loc[(worth["metric"] == "accuracy").to_numpy(), "value"].dropna()
    assert accuracy.between(0, 1).all()


def test_regret_is_the_ensemble_s_and_stands_once(table: pd.DataFrame) -> None:
    regret = table[(table["metric"] == "regret").to_numpy()]
    assert regret["model"].tolist() == ["ensemble"]
    assert np.isfinite(regret["value"]).all()
    assert (regret["n"] > 20).all()


def test_it_is_drawn(table: pd.DataFrame) -> None:
    assert len(plots.attribution(table).axes) == 3


def test_nothing_matured_makes_no_row() -> None:
    assert attributed(MemoryStore()).empty
