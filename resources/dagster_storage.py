"""Where Dagster keeps its runs and events: SQLite with pooled engines, or PostgreSQL.

Dagster's own SQLite storage opens an engine for every event, and each partition of each asset
costs two events. Here an engine a shard is kept (a shard is the events of one run, or the index of
all), of which the least recently used is closed first; what Dagster asks of the index's layout at every
event is remembered; and the events of a batch are written together.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

from dagster import DagsterEventType, Field, StringSource
from dagster._config.config_schema import UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.base_storage import DagsterStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage, _event_logs_directory
from dagster._serdes import ConfigurableClassData
from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.pool import QueuePool

ENGINES = 16
CONNECTIONS, BURST = 4, 32
BUSY_SECONDS = 60
BATCH_SIZE, BATCH_VARIABLE = 500, "DAGSTER_EVENT_BATCH_SIZE"
_TOGETHER = {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED}


def batch_events() -> None:
    """Have Dagster hand over the events of a run's sessions in batches, unless the environment says otherwise."""
    os.environ.setdefault(BATCH_VARIABLE, str(BATCH_SIZE))


class PooledSqliteEventLogStorage(SqliteEventLogStorage):
    """Dagster's SQLite event log over engines that stay open."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: OrderedDict[str, Engine] = OrderedDict()
        self._engines_lock = threading.RLock()
        self._tables: set[str] = set()
        self._columns: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> Self:
        """The storage that a configuration describes."""
        return cls(inst_data=inst_data, **config_value)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store what a run plans or makes of many sessions in one transaction a shard.

        The asset's summary is written once, from the last event of the batch.
        """
        for entry in events:
            if entry.dagster_event_type not in _TOGETHER:
                self.store_event(entry)
        batch = [entry for entry in events if entry.dagster_event_type in _TOGETHER]
        if batch:
            self._store_together(batch)

    def _store_together(self, entries: Sequence[EventLogEntry]) -> None:
        rows = [self._event_to_row(entry) for entry in entries]
        insert = SqlEventLogStorageTable.insert()
        with self.run_connection(entries[0].run_id) as connection:
            connection.execute(insert, rows)
        with self.index_transaction() as connection:
            in_order = insert.returning(SqlEventLogStorageTable.c.id, sort_by_parameter_order=True)
            ids = list(connection.execute(in_order, rows).scalars())
            self._store_asset_event_tags(connection, entries, ids)
            for entry, place in _last_of_each_asset(entries, ids):
                self._store_asset_event(connection, entry, place)

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; a table that was there once stays."""
        if table_name not in self._tables:
            with self.index_connection() as connection:
                if not inspect(connection).has_table(table_name):
                    return False
            self._tables.add(table_name)
        return True

    def _has_asset_key_col_on_connection(self, conn: Connection, column_name: str) -> bool:
        if column_name not in self._columns:
            if not super()._has_asset_key_col_on_connection(conn, column_name):
                return False
            self._columns.add(column_name)
        return True

    def wipe(self) -> None:
        """Delete all events."""
        self._close_engines()
        super().wipe()

    def dispose(self) -> None:
        """Close every engine."""
        super().dispose()
        self._close_engines()

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._engine(shard).connect() as connection, connection.begin():
            yield connection

    def _engine(self, shard: str) -> Engine:
        """The shard's engine, its database made if need be; only this is done by one thread at a time."""
        with self._engines_lock:
            engine = self._engines.pop(shard, None) or self._new_engine(shard)
            self._engines[shard] = engine
            while len(self._engines) > ENGINES:
                self._engines.popitem(last=False)[1].dispose()
            return engine

    def _new_engine(self, shard: str) -> Engine:
        engine = create_engine(
            self.conn_string_for_shard(shard),
            poolclass=QueuePool,
            pool_size=CONNECTIONS,
            max_overflow=BURST,
            pool_timeout=BUSY_SECONDS,
            connect_args={"timeout": BUSY_SECONDS},
        )
        event.listen(engine, "connect", _relax)
        if shard not in self._initialized_dbs:
            self._initdb(engine)
            self._initialized_dbs.add(shard)
        return engine

    def _close_engines(self) -> None:
        with self._engines_lock:
            while self._engines:
                self._engines.popitem()[1].dispose()
            self._initialized_dbs.clear()


class PooledSqliteStorage(DagsterSqliteStorage):
    """Dagster's SQLite storage with the pooled event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = PooledSqliteEventLogStorage(_event_logs_directory(base_dir))

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage:
        """The storage that a configuration describes."""
        return cls.from_local(inst_data=inst_data, **config_value)


class FablineStorage(PooledSqliteStorage):
    """PostgreSQL where an environment variable gives its address, pooled SQLite where it does not.

    Configuration: `base_dir` of the SQLite files; `postgres_variable`, the variable's name. The
    variable is read here because Dagster makes its storage in every process before any code of ours.
    """

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """What dagster.yaml may say."""
        return {"base_dir": StringSource, "postgres_variable": Field(StringSource, is_required=False)}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> DagsterStorage:
        """One of the two storages."""
        address = os.environ.get(config_value.get("postgres_variable", ""), "")
        if not address:
            return cls.from_local(config_value["base_dir"], inst_data)
        from dagster_postgres import DagsterPostgresStorage

        return DagsterPostgresStorage(with_driver(address), inst_data=inst_data)


def with_driver(address: str) -> str:
    """The address with psycopg2 named: to SQLAlchemy 2.1 a bare `postgresql://` is psycopg 3."""
    _, _, rest = address.partition("://")
    return f"postgresql+psycopg2://{rest}"


def _last_of_each_asset(
    entries: Sequence[EventLogEntry], ids: Sequence[int]
) -> Iterable[tuple[EventLogEntry, int]]:
    named = zip(entries, ids, strict=True)
    return {entry.get_dagster_event().asset_key: (entry, place) for entry, place in named}.values()


def _relax(connection: Any, _: object) -> None:
    """Sync at checkpoints only: a lost event after a power cut is made again with its run."""
    connection.execute("PRAGMA synchronous=NORMAL")
