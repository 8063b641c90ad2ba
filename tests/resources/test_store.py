"""The home's store: both kinds of tables change together, and every read is on record."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from resources.delta_store import DeltaStore
from resources.sql_store import SqlStore
from resources.store import HomeStore, ReadRecord, store_at
from trading import frames
from trading.errors import HomeError, SourceUnavailableError, UsageError
from trading.testing.example_rows import example

FIRST, LAST = pd.Timestamp("2024-02-26"), pd.Timestamp("2024-03-08")
COMMIT = {"run_id": "run-1"}


class BrokenSql(SqlStore):
    """A database that fails in the moment of publication, when `broken` is set."""

    broken = False

    def publish(self, *args: object, **facts: object) -> None:
        if self.broken:
            raise SourceUnavailableError("the plug was pulled")
        super().publish(*args, **facts)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HomeStore]:
    opened = HomeStore(DeltaStore(tmp_path / "tables"), BrokenSql(tmp_path / "fabline.db"))
    yield opened
    opened.close()


def put(store: HomeStore, seed: int) -> dict[str, pd.DataFrame]:
    made = {name: example(name, FIRST, LAST, seed) for name in ("regimes", "features", "risk")}
    store.write(made, FIRST, LAST, commit=COMMIT)
    return {name: frames.validated(name, frame) for name, frame in made.items()}


def put_but_fail(store: HomeStore, seed: int) -> None:
    store.sql.broken = True
    with pytest.raises(SourceUnavailableError):
        put(store, seed)
    store.sql.broken = False


def holds(store: HomeStore, expected: dict[str, pd.DataFrame]) -> None:
    for name, frame in expected.items():
        pd.testing.assert_frame_equal(store.read(name), frame)


def test_a_write_that_fails_at_the_end_changes_no_table_of_either_kind(store: HomeStore) -> None:
    before = put(store, seed=1)
    put_but_fail(store, seed=2)
    holds(store, before)


def test_the_first_write_that_fails_leaves_nothing(store: HomeStore) -> None:
    put_but_fail(store, seed=1)
    holds(store, {name: frames.empty(name) for name in ("regimes", "features", "risk")})
    assert store.tables().empty


def test_what_an_unpublished_write_left_does_not_slip_into_the_next_one(store: HomeStore) -> None:
    before = put(store, seed=1)
    put_but_fail(store, seed=2)
    day = example("regimes", LAST, LAST, seed=3)
    store.write({"regimes": day}, LAST, LAST, commit=COMMIT)
    kept = before["regimes"].query("session < @LAST")
    pd.testing.assert_frame_equal(store.read("regimes"), frames.validated("regimes", pd.concat([kept, day])))


def test_what_a_failed_first_write_left_does_not_slip_into_the_next_one(store: HomeStore) -> None:
    put_but_fail(store, seed=2)
    day = example("regimes", LAST, LAST, seed=3)
    store.write({"regimes": day}, LAST, LAST, commit=COMMIT)
    pd.testing.assert_frame_equal(store.read("regimes"), frames.validated("regimes", day))


def test_versions_of_computed_tables_can_be_read_again(store: HomeStore) -> None:
    before = put(store, seed=1)
    version = int(store.tables().set_index("table").loc["regimes", "version"])
    put(store, seed=2)
    pd.testing.assert_frame_equal(store.read("regimes", version=version), before["regimes"])


@pytest.mark.parametrize(
    ("table", "version", "words"),
    [
        ("bars", 1, "is recorded and keeps no versions; ask with an as_of"),
        ("regimes", 99, "table regimes has no version 99; its versions go from 0 to"),
        ("signals", 0, "table signals has no version 0; it was not made yet"),
    ],
)
def test_a_version_that_cannot_be_read_is_wrong_use(
    store: HomeStore, table: str, version: int, words: str
) -> None:
    put(store, seed=1)
    with pytest.raises(UsageError, match=words):
        store.read(table, version=version)


def test_every_read_is_on_record_with_its_version(store: HomeStore) -> None:
    put(store, seed=1)
    moment = pd.Timestamp("2024-03-01", tz="UTC")
    store.read("regimes", FIRST, LAST)
    store.read("risk", as_of=moment)
    version = int(store.tables().set_index("table").loc["regimes", "version"])
    assert store.take_reads() == [
        ReadRecord("regimes", FIRST, LAST, None, version),
        ReadRecord("risk", None, None, moment, None),
    ]
    assert store.take_reads() == []


def test_the_list_shows_both_kinds_and_the_commits_say_who_wrote_them(store: HomeStore) -> None:
    put(store, seed=1)
    assert store.tables()["table"].tolist() == ["features", "regimes", "risk"]
    assert store.tables()["rows"].tolist() == [100, 10, 10]
    assert set(store.commits()["run_id"]) == {"run-1"}


def test_a_store_is_found_again_by_its_addresses(tmp_path: Path, store: HomeStore) -> None:
    before = put(store, seed=1)
    again = store_at(tmp_path / "tables", tmp_path / "fabline.db", create=False)
    holds(again, before)
    again.close()


def test_a_table_that_was_written_and_is_gone_is_no_empty_table(store: HomeStore, tmp_path: Path) -> None:
    put(store, seed=1)
    shutil.rmtree(tmp_path / "tables" / "features")

    for action in (lambda: store.read("features"), store.tables, lambda: put(store, seed=2)):
        with pytest.raises(HomeError, match=r"table features was written, but is not at .*features; restore"):
            action()
    assert len(store.read("regimes"))
    assert not len(store.read("signals"))  # never written


def test_two_homes_never_share_a_database(tmp_path: Path) -> None:
    shared = tmp_path / "shared.db"
    one, other = (store_at(tmp_path / home, shared, home=home) for home in ("aaa", "bbb"))
    put(one, seed=1)

    for reader in (other, store_at(tmp_path / "bbb", shared, create=False, home="bbb")):
        with pytest.raises(HomeError, match="holds the tables of the home aaa, and this is the home bbb"):
            reader.read("risk")
    with pytest.raises(HomeError, match="home aaa"):
        put(other, seed=2)
    holds(store_at(tmp_path / "aaa", shared, create=False, home="aaa"), {"risk": one.read("risk")})


def test_a_database_from_before_homes_had_ids_is_taken_by_the_first_writer(tmp_path: Path) -> None:
    put(store_at(tmp_path, tmp_path / "a.db"), seed=1)

    assert len(store_at(tmp_path, tmp_path / "a.db", create=False, home="aaa").read("risk"))
    assert len(store_at(tmp_path, tmp_path / "a.db", home="aaa").read("risk"))
    with pytest.raises(HomeError, match="home aaa"):
        store_at(tmp_path, tmp_path / "a.db", home="bbb").read("risk")
