"""Dagster's book-keeping: 500 pairs of events (planned, materialised): stock, pooled, and in batches.

`pytest benchmarks/test_bench_dagster_storage.py`. Each partition of each asset costs such a pair.
"""

from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import (
    AssetMaterializationPlannedData,
    DagsterEvent,
    DagsterEventType,
    StepMaterializationData,
)
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.base import EventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.utils import make_new_run_id
from pytest_benchmark.fixture import BenchmarkFixture

from resources.dagster_storage import PooledSqliteEventLogStorage

PAIRS = 500
KEY = dg.AssetKey("features")


def entry(run_id: str, event: DagsterEvent, number: int) -> EventLogEntry:
    return EventLogEntry(
        error_info=None,
        level=20,
        user_message="",
        run_id=run_id,
        timestamp=float(number),
        dagster_event=event,
    )


def pair(run_id: str, number: int) -> tuple[EventLogEntry, EventLogEntry]:
    partition = f"2024-{number:04}"
    planned = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
        job_name="line",
        event_specific_data=AssetMaterializationPlannedData(KEY, partition=partition),
    )
    made = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name="line",
        step_key="features",
        event_specific_data=StepMaterializationData(dg.AssetMaterialization(KEY, partition=partition)),
    )
    return entry(run_id, planned, 2 * number), entry(run_id, made, 2 * number + 1)


def store_batches(storage: PooledSqliteEventLogStorage) -> PooledSqliteEventLogStorage:
    """The same, as a run hands them over: all that it plans, then all that it made."""
    run_id = make_new_run_id()
    pairs = [pair(run_id, number) for number in range(PAIRS)]
    for together in zip(*pairs, strict=True):
        storage.store_event_batch(together)
    return storage


def store_pairs(storage: EventLogStorage) -> EventLogStorage:
    run_id = make_new_run_id()
    for number in range(PAIRS):
        for event in pair(run_id, number):
            storage.store_event(event)
    return storage


@pytest.mark.benchmark(group=f"{PAIRS} pairs of events")
@pytest.mark.parametrize(
    "kind", [SqliteEventLogStorage, PooledSqliteEventLogStorage], ids=["stock", "pooled"]
)
def test_event_pairs(benchmark: BenchmarkFixture, tmp_path: Path, kind: type[SqliteEventLogStorage]) -> None:
    storage = kind(str(tmp_path))
    benchmark.pedantic(store_pairs, args=(storage,), rounds=1)
    benchmark.extra_info["pairs_a_second"] = round(PAIRS / benchmark.stats["min"], 1)
    assert len(storage.get_materialized_partitions(KEY)) == PAIRS
    storage.dispose()


@pytest.mark.benchmark(group=f"{PAIRS} pairs of events")
def test_event_pairs_in_batches(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    benchmark.pedantic(store_batches, args=(storage,), rounds=1)
    benchmark.extra_info["pairs_a_second"] = round(PAIRS / benchmark.stats["min"], 1)
    assert len(storage.get_materialized_partitions(KEY)) == PAIRS
    storage.dispose()
