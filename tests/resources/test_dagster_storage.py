"""Dagster's storage: the same events as the stock one, from many threads, in SQLite or PostgreSQL."""

import os
import shutil
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import AssetMaterializationPlannedData, DagsterEvent, DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from resources.dagster_storage import (
    BATCH_SIZE,
    BATCH_VARIABLE,
    ENGINES,
    PooledSqliteEventLogStorage,
    PooledSqliteStorage,
    batch_events,
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


SESSIONS = dg.DailyPartitionsDefinition("2024-01-01")
SINGLE_RUN = dg.BackfillPolicy.single_run()


@dg.multi_asset(
    specs=[dg.AssetSpec("fills"), dg.AssetSpec("positions", deps=["fills"])],
    partitions_def=SESSIONS,
    backfill_policy=SINGLE_RUN,
)
def trading() -> Iterator[dg.MaterializeResult[None]]:
    yield dg.MaterializeResult(asset_key="fills", metadata={"rows": 3})
    yield dg.MaterializeResult(asset_key="positions")


@dg.asset_check(asset="fills")
def any_rows() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def trade_a_week(instance: dg.DagsterInstance) -> str:
    """One run over seven sessions of two assets and a check."""
    definitions = dg.Definitions([trading], asset_checks=[any_rows], executor=dg.in_process_executor)
    tags = {
        "dagster/asset_partition_range_start": "2024-03-01",
        "dagster/asset_partition_range_end": "2024-03-07",
    }
    return (
        definitions.resolve_implicit_global_asset_job_def()
        .execute_in_process(instance=instance, tags=tags)
        .run_id
    )


def recorded(instance: dg.DagsterInstance, run_id: str) -> dict[str, object]:
    """What the UI shows of the run and its assets, without times."""
    keys = [dg.AssetKey("fills"), dg.AssetKey("positions")]
    events = [entry.dagster_event for entry in instance.all_logs(run_id) if entry.dagster_event]
    latest = {key: instance.get_latest_materialization_event(key) for key in keys}
    return {
        "events": sorted((e.event_type_value, str(e.asset_key), str(e.partition)) for e in events),
        "partitions": {key: instance.get_materialized_partitions(key) for key in keys},
        "latest": {key: event and event.dagster_event.partition for key, event in latest.items()},
        "rows": [m.asset_materialization.metadata for m in latest.values() if m],
        "assets": sorted(instance.all_asset_keys()),
    }


def test_events_in_batches_leave_the_same_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    shown = []
    for size in ("0", "4", "500"):
        monkeypatch.setenv(BATCH_VARIABLE, size)
        home = tmp_path / size
        home.mkdir()
        config = {
            "module": "resources.dagster_storage",
            "class": "PooledSqliteStorage",
            "config": {"base_dir": str(home)},
        }
        storage = {"storage": {"custom": config}, "telemetry": {"enabled": False}}
        with dg.instance_for_test(overrides=storage, temp_dir=str(home)) as instance:
            shown.append(recorded(instance, trade_a_week(instance)))
    assert shown[0] == shown[1] == shown[2]
    assert shown[0]["latest"][dg.AssetKey("fills")] == "2024-03-07"
    assert "Falling back" not in capfd.readouterr().err


def test_batches_are_wanted_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BATCH_VARIABLE, raising=False)
    batch_events()
    assert os.environ[BATCH_VARIABLE] == str(BATCH_SIZE)
    monkeypatch.setenv(BATCH_VARIABLE, "0")
    batch_events()
    assert os.environ[BATCH_VARIABLE] == "0"


def test_a_table_that_is_not_there_yet_is_asked_for_again(tmp_path: Path) -> None:
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    assert not storage.has_table("later")
    with storage.index_connection() as connection:
        connection.exec_driver_sql("CREATE TABLE later (a int)")
    assert storage.has_table("later")
    storage.dispose()


def planned(asset: str, partition: str) -> EventLogEntry:
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value,
        job_name="line",
        event_specific_data=AssetMaterializationPlannedData(dg.AssetKey(asset), partition=partition),
    )
    return EventLogEntry(
        error_info=None,
        level=20,
        user_message="",
        run_id="one-run",
        timestamp=1.0,
        dagster_event=event,
    )


def test_a_batch_of_several_assets_is_known_of_each(tmp_path: Path) -> None:
    storage = PooledSqliteEventLogStorage(str(tmp_path))
    storage.store_event_batch([planned(asset, day) for asset in ("fills", "positions") for day in ("a", "b")])
    assert {key.to_user_string() for key in storage.all_asset_keys()} == {"fills", "positions"}
    assert len(storage.get_logs_for_run("one-run")) == 4
    storage.dispose()
