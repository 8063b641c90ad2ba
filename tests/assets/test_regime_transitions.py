"""The table of transitions as an asset, and its picture."""

import numpy as np
import pandas as pd
import pytest

from assets.regime_transitions import counted, equal_weight, picture
from assets.regimes_plot import regimes_over_price
from trading.frames import REGIMES
from trading.testing.finished_home import finished_home
from trading.testing.memory_store import MemoryStore

TABLES = finished_home(count=40)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    made = MemoryStore()
    for table in ("regimes", "features"):
        rows = TABLES[table]
        made.write({table: rows}, rows["session"].min(), rows["session"].max(), commit={})
    return made


def test_each_step_from_a_session_to_the_next_is_counted_once(store: MemoryStore) -> None:
    made = counted(store)
    assert len(made) == len(REGIMES) ** 2
    assert made["n"].sum() == len(TABLES["regimes"]) - 1
    assert set(made["session"]) == {TABLES["regimes"]["session"].max()}


def test_no_regime_makes_no_row() -> None:
    assert counted(MemoryStore()).empty


def test_the_picture_has_price_above_and_probabilities_below(store: MemoryStore) -> None:
    price = equal_weight(store.read("features"))
    above, below = regimes_over_price(TABLES["regimes"], price).axes
    assert above.get_ylabel() == "equal weight"
    stays = int(TABLES["regimes"]["changed"].sum()) + 1
    assert len(above.patches) == stays
    assert len(below.collections) == len(REGIMES)
    assert "data:image/png" in str(picture(store, simulated=True).value)


def test_the_index_of_equal_weight_compounds_mean_log_returns() -> None:
    days = pd.to_datetime(["2024-01-02", "2024-01-02", "2024-01-03"])
    rows = pd.DataFrame({"session": days, "symbol": ["NVDA", "AMD", "SPY"], "log_return": [0.02, 0.04, 9.0]})
    assert equal_weight(rows).to_list() == pytest.approx([100 * np.exp(0.03)])
