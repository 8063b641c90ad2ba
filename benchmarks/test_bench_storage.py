"""Computed tables: 504 sessions x ten symbols of features written and read in Delta.

`pytest benchmarks/test_bench_storage.py`; recorded tables are in test_bench_bars.py.
"""

from pathlib import Path

import pandas as pd
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from resources.delta_store import DeltaStore
from trading import calendar
from trading.testing.example_rows import example

FIRST = pd.Timestamp("2022-01-03").as_unit("us")
LAST = calendar.shift(FIRST, 503)
ROUNDS = 3


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
