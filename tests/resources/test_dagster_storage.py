"""Dagster's storage: the same events as the stock one, from many threads, in SQLite or PostgreSQL."""

import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from resources.dagster_storage import (
    ENGINES,
    PooledSqliteEventLogStorage,
    PooledSqliteStorage,
    with_driver,
)

REPOSITORY = Path(__file__).parents[2]
VARIABLE = "FABLINE_DATABASE_URL"


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["a", "b", "c"]))
def bars() -> int:
    return 1


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance that the committed dagster.yaml describes."""
    shutil.copy(REPOSITORY / "dagster.yaml", tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    with dg.DagsterInstance.get() as opened:
        yield opened


def partitions(instance: dg.DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey("bars"))


def test_the_committed_configuration_keeps_events_in_the_home(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    dg.materialize([bars], partition_key="a", instance=instance)
    assert isinstance(instance.event_log_storage, PooledSqliteEventLogStorage)
    assert (tmp_path / "history" / "runs" / "index.db").exists()


def test_the_committed_configuration_sends_nothing_home_and_runs_one_at_a_time(
    instance: dg.DagsterInstance,
) -> None:
    assert instance.get_settings("telemetry") == {"enabled": False}
    concurrency = instance.get_concurrency_config()
    assert concurrency.run_queue_config is not None
    assert concurrency.run_queue_config.max_concurrent_runs == 1
    assert concurrency.pool_config.default_pool_limit == 1
    assert instance.run_monitoring_max_runtime_seconds == 14400


def test_a_run_is_recorded_as_by_dagsters_own_storage(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    mine = dg.materialize([bars], partition_key="a", instance=instance)
    stock_events = SqliteEventLogStorage(str(tmp_path / "history" / "runs"))
    own = [record.event_type_value for record in mine.all_events]
    read = [
        entry.dagster_event.event_type_value
        for entry in stock_events.get_logs_for_run(mine.run_id)
        if entry.dagster_event
    ]
    assert read[-len(own) :] == own
    assert partitions(instance) == {"a"}


def test_events_are_there_for_the_next_process(instance: dg.DagsterInstance) -> None:
    dg.materialize([bars], partition_key="b", instance=instance)
    with dg.DagsterInstance.get() as again:
        assert partitions(again) == {"b"}


def test_many_threads_write_at_once_and_nothing_is_lost(instance: dg.DagsterInstance) -> None:
    def report(worker: int) -> None:
        for number in range(10):
            event = dg.AssetMaterialization("bars", partition=f"{worker}-{number}")
            instance.report_runless_asset_event(event)

    threads = [threading.Thread(target=report, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(partitions(instance)) == 60


def test_only_so_many_engines_stay_open(tmp_path: Path) -> None:
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    for number in range(ENGINES + 5):
        with storage.run_connection(f"run-{number}"):
            pass
    assert list(storage._engines)[-1] == f"run-{ENGINES + 4}"
    assert len(storage._engines) == ENGINES
    with storage.run_connection("run-0") as connection:
        assert connection is not None
    storage.dispose()
    assert not storage._engines


def test_an_engine_is_kept_from_event_to_event(tmp_path: Path) -> None:
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    assert storage._engine("run") is storage._engine("run")
    storage.dispose()


def test_wiping_deletes_events_and_the_storage_goes_on(instance: dg.DagsterInstance) -> None:
    dg.materialize([bars], partition_key="a", instance=instance)
    instance.event_log_storage.wipe()
    assert partitions(instance) == set()
    dg.materialize([bars], partition_key="c", instance=instance)
    assert partitions(instance) == {"c"}


def test_the_pooled_storage_can_be_configured_by_itself(tmp_path: Path) -> None:
    made = PooledSqliteStorage.from_config_value(None, {"base_dir": str(tmp_path)})
    assert isinstance(made.event_log_storage, PooledSqliteEventLogStorage)
    made.dispose()
    alone = PooledSqliteEventLogStorage.from_config_value(None, {"base_dir": str(tmp_path)})
    assert type(alone) is PooledSqliteEventLogStorage
    alone.dispose()


def test_an_address_names_the_driver_that_is_installed() -> None:
    for scheme in ("postgresql", "postgres", "postgresql+psycopg2"):
        assert with_driver(f"{scheme}://u:p@h/d?x=y") == "postgresql+psycopg2://u:p@h/d?x=y"


def test_one_variable_moves_everything_to_postgres(
    instance: dg.DagsterInstance, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgres_url)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's own, about SQLAlchemy
        with dg.DagsterInstance.get() as moved:
            dg.materialize([bars], partition_key="c", instance=moved)
            assert type(moved.event_log_storage).__name__ == "PostgresEventLogStorage"
            assert partitions(moved) == {"c"}
    assert partitions(instance) == set()
