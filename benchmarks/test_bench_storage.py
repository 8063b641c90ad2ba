"""Storage: 393,120 five-minute bars written and read, beside the driver alone in the same run.

`pytest benchmarks/test_bench_storage.py`. The floor is one raw `adbc_ingest` of the same Arrow rows
into a table without key or index; ours validates, keeps revisions and two indexes, and commits.
"""

import itertools
from collections.abc import Callable
from pathlib import Path

import adbc_driver_sqlite.dbapi as driver
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from resources.arrow_frames import to_arrow
from resources.delta_store import DeltaStore
from resources.sql_store import SqlStore
from trading import calendar, frames
from trading.digest import generator
from trading.testing.example_rows import example
from trading.universe import SYMBOLS

FIRST = pd.Timestamp("2022-01-03").as_unit("us")
LAST = calendar.shift(FIRST, 503)
BARS_A_SESSION, ROWS = 78, 393_120
ROUNDS = 3


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """SIMULATED five-minute bars of 504 sessions and ten symbols (504 x 78 x 10 rows)."""
    sessions = calendar.sessions_between(FIRST, LAST)
    opens = pd.DatetimeIndex([calendar.session_open(session) for session in sessions])
    times = opens.repeat(BARS_A_SESSION * 10) + pd.to_timedelta(
        np.tile(np.repeat(np.arange(BARS_A_SESSION), 10), 504) * 5, unit="min"
    )
    close = 100 + generator("bars").normal(0, 1, ROWS).cumsum() / 100
    columns = {
        "session": sessions.repeat(BARS_A_SESSION * 10),
        "timeframe": "5min",
        "ts": times,
        "symbol": np.tile(np.asarray(SYMBOLS, dtype=object), 504 * BARS_A_SESSION),
        "known_at": times + pd.Timedelta(minutes=5),
        "open": close,
        "high": close + 0.1,
        "low": close - 0.1,
        "close": close,
        "volume": 1e5,
        "basis": "raw",
        "source": "simulated",
    }
    return pd.DataFrame(columns).astype(frames.table_of("bars").dtypes)


@pytest.fixture
def new_path(tmp_path: Path) -> Callable[[], Path]:
    numbers = itertools.count()
    return lambda: tmp_path / f"{next(numbers)}.db"


@pytest.mark.benchmark(group="write 393,120 bars")
def test_floor_raw_ingest(
    benchmark: BenchmarkFixture, bars: pd.DataFrame, new_path: Callable[[], Path]
) -> None:
    rows = SqlStore("unused").dialect.outgoing("bars", to_arrow("bars", bars))

    def ingest(path: Path, table: pa.Table) -> int:
        with driver.connect(str(path)) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest("bars", table, mode="create")
            connection.commit()
        return table.num_rows

    written = benchmark.pedantic(ingest, setup=lambda: ((new_path(), rows), {}), rounds=ROUNDS)
    assert written == ROWS


@pytest.mark.benchmark(group="write 393,120 bars")
@pytest.mark.parametrize("writes_before", [0, 1], ids=["first load", "the same again"])
def test_store_write(
    benchmark: BenchmarkFixture, bars: pd.DataFrame, new_path: Callable[[], Path], writes_before: int
) -> None:
    def opened() -> tuple[tuple[SqlStore], dict[str, object]]:
        store = SqlStore(new_path())
        store.read("bars", FIRST, FIRST)
        for _ in range(writes_before):
            store.write({"bars": bars}, FIRST, LAST, commit={})
        return (store,), {}

    def write(store: SqlStore) -> SqlStore:
        store.write({"bars": bars}, FIRST, LAST, commit={})
        return store

    store = benchmark.pedantic(write, setup=opened, rounds=ROUNDS)
    assert store.tables()["rows"].tolist() == [ROWS]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, bars: pd.DataFrame) -> SqlStore:
    store = SqlStore(tmp_path_factory.mktemp("full") / "bars.db")
    store.write({"bars": bars}, FIRST, LAST, commit={})
    return store


@pytest.mark.benchmark(group="read bars")
@pytest.mark.parametrize("sessions", [1, 20, 504])
def test_store_read(benchmark: BenchmarkFixture, full: SqlStore, sessions: int) -> None:
    first = calendar.shift(LAST, 1 - sessions)
    frame = benchmark.pedantic(full.read, args=("bars", first, LAST), rounds=ROUNDS)
    assert len(frame) == sessions * BARS_A_SESSION * 10


@pytest.mark.benchmark(group="Delta, 504 sessions x 10 symbols of features")
@pytest.mark.parametrize("sessions", [1, 504])
def test_delta_write(benchmark: BenchmarkFixture, tmp_path: Path, sessions: int) -> None:
    store = DeltaStore(tmp_path)
    store.write({"features": example("features", FIRST, LAST)}, FIRST, LAST, commit={})
    first = calendar.shift(LAST, 1 - sessions)
    tables = {"features": example("features", first, LAST, seed=1)}
    benchmark.pedantic(store.write, args=(tables, first, LAST), kwargs={"commit": {}}, rounds=ROUNDS)
    assert len(store.read("features")) == 5040


@pytest.mark.benchmark(group="Delta, 504 sessions x 10 symbols of features")
@pytest.mark.parametrize("sessions", [1, 504])
def test_delta_read(benchmark: BenchmarkFixture, tmp_path: Path, sessions: int) -> None:
    store = DeltaStore(tmp_path)
    store.write({"features": example("features", FIRST, LAST)}, FIRST, LAST, commit={})
    first = calendar.shift(LAST, 1 - sessions)
    frame = benchmark.pedantic(store.read, args=("features", first, LAST), rounds=ROUNDS)
    assert len(frame) == sessions * 10
