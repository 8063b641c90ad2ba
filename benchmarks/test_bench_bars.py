"""Five-minute bars in a database: what the store takes, beside the driver alone in the same rounds.

`pytest benchmarks/test_bench_bars.py -s`. 393,120 SIMULATED rows (504 sessions x 78 bars x ten symbols).
The floor is the driver by itself, on a database as it opens it: `adbc_ingest` of the same Arrow rows
into a table with the same primary key; for rows that come again, `adbc_ingest` into a stage table and
one `INSERT … ON CONFLICT … WHERE different`. The store also validates every value, sorts, keeps
revisions and commits. Floor and store take turns, so that a busy machine is busy for both.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from resources import sql_tables
from resources.arrow_frames import to_arrow
from resources.sql_dialects import Dialect, PostgresDialect, dialect_of
from resources.sql_store import SqlStore
from trading import calendar, frames
from trading.digest import generator
from trading.universe import SYMBOLS

FIRST = pd.Timestamp("2022-01-03").as_unit("us")
LAST = calendar.shift(FIRST, 503)
BARS_A_SESSION, ROWS = 78, 393_120
ROUNDS, MOST = 7, 1.3
MILLISECONDS = 50
MONTH = calendar.shift(LAST, -20)
KEY = ", ".join(frames.table_of("bars").key)
VALUES = [column for column in frames.columns("bars") if column not in frames.table_of("bars").key]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """SIMULATED five-minute bars of 504 sessions and ten symbols, in the order of the key."""
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
        "symbol": np.tile(np.asarray(sorted(SYMBOLS), dtype=object), 504 * BARS_A_SESSION),
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


@pytest.fixture(scope="module")
def revised(bars: pd.DataFrame) -> pd.DataFrame:
    """The same rows again, one in a hundred with another close that was known a day later."""
    changed = np.arange(ROWS) % 100 == 0
    later = bars["known_at"].where(~changed, bars["known_at"] + pd.Timedelta(days=1))
    return bars.assign(close=bars["close"] + 0.01 * changed, known_at=later)


@pytest.fixture(params=["sqlite", "postgres"])
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes addresses of empty databases."""
    if request.param == "postgres":
        made: Callable[[], str] = request.getfixturevalue("new_postgres_url")
        return made
    numbers = itertools.count()
    return lambda: str(tmp_path / f"{next(numbers)}.db")


@contextmanager
def plain(address: str) -> Iterator[Any]:
    """A cursor of the driver on a database as it opens it, within one transaction."""
    if address.startswith("postgresql"):
        import adbc_driver_postgresql.dbapi as driver
    else:
        import adbc_driver_sqlite.dbapi as driver
    with driver.connect(address) as connection, connection.cursor() as cursor:
        yield cursor
        connection.commit()


def floor_ingest(address: str, rows: pa.Table) -> float:
    """Seconds of one plain ingest into a table with our primary key."""
    with plain(address) as cursor:
        cursor.execute(sql_tables.definitions(dialect_of(address))["bars"])
    with plain(address) as cursor:
        started = time.perf_counter()
        cursor.adbc_ingest("bars", rows, mode="append")
    return time.perf_counter() - started


def floor_upsert(address: str, rows: pa.Table, again: pa.Table) -> float:
    """Seconds of one plain upsert into the table that holds `rows`."""
    floor_ingest(address, rows)
    with plain(address) as cursor:
        started = time.perf_counter()
        cursor.execute(upsert(dialect_of(address), again, cursor))
    return time.perf_counter() - started


def upsert(dialect: Dialect, again: pa.Table, cursor: Any) -> str:
    """Fill a stage table; the statement that takes over what is new or different."""
    unequal = "IS DISTINCT FROM" if isinstance(dialect, PostgresDialect) else "IS NOT"
    different = " OR ".join(f"bars.{column} {unequal} excluded.{column}" for column in VALUES)
    taken = ", ".join(f"{column} = excluded.{column}" for column in VALUES)
    names = ", ".join(f'"{name}"' for name in again.column_names)
    cursor.adbc_ingest("stage", again, mode="create", temporary=True)
    into = f"INSERT INTO bars ({names}) SELECT {names} FROM stage WHERE true"
    return f"{into} ON CONFLICT ({KEY}) DO UPDATE SET {taken} WHERE {different}"


def opened(address: str, *before: pd.DataFrame) -> SqlStore:
    """A store whose tables are there, and in which `before` is written."""
    store = SqlStore(address)
    store.read("bars", FIRST, FIRST)
    for frame in before:
        store.write({"bars": frame}, FIRST, LAST, commit={})
    return store


def write(store: SqlStore, frame: pd.DataFrame) -> SqlStore:
    store.write({"bars": frame}, FIRST, LAST, commit={})
    return store


def beside(benchmark: BenchmarkFixture, floors: list[float]) -> None:
    """Print and keep the floor, and hold the store to 1.3 times of it: the quickest round of each."""
    ours, floor = benchmark.stats.stats.min, min(floors)
    benchmark.extra_info |= {"floor_seconds": round(floor, 3), "ratio": round(ours / floor, 2)}
    print(f"\n{benchmark.name}: store {ours:.2f} s, driver {floor:.2f} s, ratio {ours / floor:.2f}")
    assert ours <= MOST * floor


@pytest.mark.benchmark(group="393,120 bars, first load")
def test_ingest(benchmark: BenchmarkFixture, bars: pd.DataFrame, new_address: Callable[[], str]) -> None:
    floors: list[float] = []

    def floor_then_empty() -> tuple[tuple[SqlStore, pd.DataFrame], dict[str, object]]:
        address = new_address()
        floors.append(floor_ingest(address, dialect_of(address).outgoing("bars", to_arrow("bars", bars))))
        return (opened(new_address()), bars), {}

    store = benchmark.pedantic(write, setup=floor_then_empty, rounds=ROUNDS)
    assert store.tables()["rows"].tolist() == [ROWS]
    beside(benchmark, floors)


@pytest.mark.benchmark(group="393,120 bars, the same again with one in a hundred revised")
def test_upsert(
    benchmark: BenchmarkFixture, bars: pd.DataFrame, revised: pd.DataFrame, new_address: Callable[[], str]
) -> None:
    floors: list[float] = []

    def floor_then_full() -> tuple[tuple[SqlStore, pd.DataFrame], dict[str, object]]:
        address = new_address()
        rows = (dialect_of(address).outgoing("bars", to_arrow("bars", frame)) for frame in (bars, revised))
        floors.append(floor_upsert(address, *rows))
        return (opened(new_address(), bars), revised), {}

    store = benchmark.pedantic(write, setup=floor_then_full, rounds=ROUNDS)
    assert len(store.read("bars", revisions=True)) == ROWS + -(-ROWS // 100)
    beside(benchmark, floors)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def full(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, bars: pd.DataFrame
) -> Iterator[SqlStore]:
    """A store with all five-minute bars, and the daily ones beside them."""
    daily = bars.groupby(["session", "symbol"], sort=False).head(1).assign(timeframe="1D")
    address = str(tmp_path_factory.mktemp("full") / "bars.db")
    if request.param == "postgres":
        address = request.getfixturevalue("new_postgres_url")()
    store = opened(address, bars, daily.astype({"timeframe": "str"}))
    yield store
    store.close()


@pytest.mark.benchmark(group="ranges of 398,160 bars")
@pytest.mark.parametrize(
    ("first", "narrow", "rows"),
    [
        (LAST, {"timeframe": "5min"}, 780),
        (MONTH, {"timeframe": "5min", "symbol": "NVDA"}, 1638),
        (FIRST, {"timeframe": "1D"}, 5040),
        (FIRST, {"timeframe": "1D", "symbol": "NVDA"}, 504),
        (FIRST, {}, ROWS + 5040),
    ],
    ids=["one session", "one symbol, 21 sessions", "all days", "all days of one symbol", "everything"],
)
def test_read(
    benchmark: BenchmarkFixture,
    full: SqlStore,
    first: pd.Timestamp,
    narrow: dict[str, Any],
    rows: int,
) -> None:
    found = benchmark.pedantic(full.read, args=("bars", first, LAST), kwargs=narrow, rounds=ROUNDS)
    assert len(found) == rows
    assert not narrow or benchmark.stats.stats.min < MILLISECONDS / 1000
