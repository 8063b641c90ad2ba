"""The IO manager between two real assets, over ranges of sessions."""

from typing import Any

import dagster as dg
import pandas as pd
import pytest

from pipelines.partitions import range_tags, session_partitions
from resources.table_io_manager import LOOK_BACK, TableIOManager
from trading import calendar
from trading.testing.example_rows import example
from trading.testing.memory_store import MemoryStore

TABLE = "ensemble_weights"
INCEPTION = calendar.session_of("2024-03-04")
LEAD = 4
# Single-run back-fills are in beta in Dagster; the whole project rests on them and tests them.
pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")


def made_from(_table: str, first: pd.Timestamp) -> pd.Timestamp:
    return calendar.shift(first, -LEAD) if first == INCEPTION else first


def run(store: MemoryStore, first: pd.Timestamp, last: pd.Timestamp, extra: int = 0) -> list[pd.DataFrame]:
    """Materialise a writer and a reader of two sessions' look-back; what the reader saw."""
    seen: list[pd.DataFrame] = []
    shared: dict[str, Any] = {
        "partitions_def": session_partitions(INCEPTION),
        "backfill_policy": dg.BackfillPolicy.single_run(),
    }

    @dg.asset(name=TABLE, io_manager_key="tables", **shared)
    def writer() -> pd.DataFrame:
        return example(TABLE, made_from(TABLE, first), calendar.shift(last, extra))

    @dg.asset(ins={"weights": dg.AssetIn(TABLE, metadata={LOOK_BACK: 2})}, **shared)
    def reader(weights: pd.DataFrame) -> None:
        seen.append(weights)

    io_manager = TableIOManager(store, made_from, "digest")
    dg.materialize(
        [writer, reader],
        resources={"tables": io_manager, "io_manager": dg.mem_io_manager},
        instance=dg.DagsterInstance.ephemeral(),
        tags=range_tags(first, last),
    )
    return seen


def test_a_range_goes_out_with_what_leads_up_to_the_inception() -> None:
    store, last = MemoryStore(), calendar.shift(INCEPTION, 3)
    run(store, INCEPTION, last)
    written = store.read(TABLE)["session"]
    assert (written.min(), written.max()) == (calendar.shift(INCEPTION, -LEAD), last)


def test_a_range_comes_in_with_its_look_back_and_no_session_more() -> None:
    store, last = MemoryStore(), calendar.shift(INCEPTION, 5)
    run(store, INCEPTION, last)
    (weights,) = run(store, calendar.shift(INCEPTION, 3), calendar.shift(INCEPTION, 4))
    assert weights["session"].min() == calendar.shift(INCEPTION, 1)
    assert weights["session"].max() == calendar.shift(INCEPTION, 4)


def test_sessions_made_again_after_the_range_go_out_with_it() -> None:
    store, first = MemoryStore(), calendar.shift(INCEPTION, 1)
    run(store, INCEPTION, calendar.shift(INCEPTION, 3))
    run(store, first, first, extra=2)
    again = example(TABLE, first, calendar.shift(first, 2))
    pd.testing.assert_frame_equal(store.read(TABLE, first), again, check_exact=True)
