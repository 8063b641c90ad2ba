"""Homes with a few tables of made-up rows."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipelines import environment
from resources.store import store_at
from trading.testing.example_rows import example

Homes = Callable[..., Path]


@pytest.fixture
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    """Makes homes with four sessions of the named tables, by default two in SQL and two in Delta."""
    monkeypatch.delenv("FABLINE_DATABASE_URL", raising=False)

    def make(name: str, *tables: str, last: str = "2024-01-05") -> Path:
        home = environment.open_or_create(tmp_path / name)
        first, end = pd.Timestamp("2024-01-02"), pd.Timestamp(last)
        home.fix_inception(first)
        store = store_at(home.tables, home.database)
        names = tables or ("bars", "features", "fills", "ensemble_weights")
        store.write({table: example(table, first, end) for table in names}, first, end, commit={})
        store.close()
        return home.path

    return make


@pytest.fixture
def home(new_home: Homes) -> Path:
    """One of them."""
    return new_home("home")
