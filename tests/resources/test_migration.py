"""The move from SQLite to PostgreSQL: everything arrives, a killed move changes nothing, and nobody else's tables are touched."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from resources.home import Home
from resources.migration import DRAFT, EMBEDDED, KEPT, migrate, moved_to
from resources.postgres import EmbeddedPostgres
from resources.proofs import Proof
from resources.sql_store import SqlStore
from resources.sql_tables import RECORDED
from resources.store import store_at
from trading import frames
from trading.errors import HomeError, SourceUnavailableError
from trading.testing.example_rows import example

FIRST, LAST = pd.Timestamp("2024-02-26").as_unit("us"), pd.Timestamp("2024-03-08").as_unit("us")
LATER = pd.Timestamp("2024-03-11").as_unit("us")
TABLES = (*RECORDED, "features")


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home with rows in every recorded table, revised bars, and a computed table of two versions."""
    made = Home.open_or_create(tmp_path / "home")
    store = store_at(made.tables, made.database, home=made.facts.id)
    store.write({name: example(name, FIRST, LAST) for name in TABLES}, FIRST, LAST, commit={"run_id": "it's"})
    revised = example("bars", FIRST, LAST).assign(close=12.5)
    store.write({"bars": revised, "features": example("features", FIRST, FIRST)}, FIRST, LAST, commit={})
    store.close()
    return made


def content(home: Home, address: str | Path) -> dict[str, pd.DataFrame]:
    store = store_at(home.tables, address, create=False, home=home.facts.id)
    read = {name: store.read(name, revisions=True) for name in TABLES} | {"commits": store.commits()}
    store.close()
    return read


def same(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> None:
    assert left.keys() == right.keys()
    for name, frame in left.items():
        pd.testing.assert_frame_equal(frame, right[name], check_exact=True)


def die_at(table: str) -> Callable[[Proof], None]:
    def tell(proof: Proof) -> None:
        if proof.table == table:
            raise KilledError

    return tell


def die_before_the_pointer(home: Home, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr("resources.migration.write_atomically", die)
        with pytest.raises(KilledError):
            migrate(home, url, ignore)


def ignore(_proof: Proof) -> None:
    """Take no notice."""


def test_every_row_and_commit_arrives_and_is_proved(home: Home, postgres_url: str) -> None:
    before, proofs = content(home, home.database), list[Proof]()
    where = migrate(home, postgres_url, proofs.append)
    same(content(home, postgres_url), before)
    assert {proof.table: proof.rows for proof in proofs} == {
        **{name: len(before[name]) for name in RECORDED},
        "commits": len(before["commits"]),
    }
    assert moved_to(home.path) == where
    assert (home.path / KEPT).exists()
    assert not home.database.exists()


def test_the_line_goes_on_in_the_new_database(home: Home, postgres_url: str) -> None:
    migrate(home, postgres_url, ignore)
    store = store_at(home.tables, postgres_url, home=home.facts.id)
    store.write({name: example(name, LATER, LATER) for name in TABLES}, LATER, LATER, commit={})
    listed = store.tables().set_index("table")
    store.close()
    assert set(listed.index) == set(TABLES)
    assert (listed["last_session"] == LATER).all()
    assert listed.loc["bars", "version"] == 3


@pytest.mark.parametrize("table", ["bars", "risk", "commits"])
def test_a_move_that_is_killed_leaves_the_home_as_it_was_and_the_next_completes(
    home: Home, postgres_url: str, table: str
) -> None:
    before = content(home, home.database)
    with pytest.raises(KilledError):
        migrate(home, postgres_url, die_at(table))
    assert moved_to(home.path) is None
    same(content(home, home.database), before)
    migrate(home, postgres_url, ignore)
    same(content(home, postgres_url), before)


def test_a_move_that_was_killed_after_the_copy_proves_it_again_and_ends(
    home: Home, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(home, home.database)
    die_before_the_pointer(home, postgres_url, monkeypatch)
    same(content(home, home.database), before)
    again = list[Proof]()
    migrate(home, postgres_url, again.append)
    assert len(again) == len(RECORDED) + 1
    same(content(home, postgres_url), before)


def test_a_home_that_went_on_after_a_killed_move_is_not_mixed_with_the_older_copy(
    home: Home, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    die_before_the_pointer(home, postgres_url, monkeypatch)
    store = SqlStore(home.database, home=home.facts.id)
    store.write({"risk": example("risk", LATER, LATER)}, LATER, LATER, commit={})
    store.close()
    with pytest.raises(HomeError, match=r"table risk is not the same .* Empty the other"):
        migrate(home, postgres_url, ignore)
    assert home.database.exists()


def test_a_row_that_does_not_arrive_as_it_was_stops_the_move(
    home: Home, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = SqlStore._append
    monkeypatch.setattr(SqlStore, "_append", lambda store, name, rows: honest(store, name, rows.slice(1)))
    with pytest.raises(HomeError, match="is not the same in both databases"):
        migrate(home, postgres_url, ignore)
    assert moved_to(home.path) is None
    monkeypatch.undo()
    assert not len(SqlStore(postgres_url, home=home.facts.id).commits())


def test_the_database_of_another_home_is_refused_and_left_alone(home: Home, postgres_url: str) -> None:
    other = SqlStore(postgres_url, home="other")
    other.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})
    with pytest.raises(HomeError, match="holds the tables of the home other"):
        migrate(home, postgres_url, ignore)
    assert len(other.commits()) == 1
    other.close()


def test_tables_of_nobody_knows_which_home_are_refused(home: Home, postgres_url: str) -> None:
    other = SqlStore(postgres_url)
    other.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})
    other.close()
    with pytest.raises(HomeError, match="holds the tables of another home"):
        migrate(home, postgres_url, ignore)


def test_a_server_that_does_not_answer_changes_nothing(home: Home) -> None:
    with pytest.raises(SourceUnavailableError, match="is the server up"):
        migrate(home, "postgresql://nobody@127.0.0.1:1/absent", ignore)
    assert home.database.exists()


def test_a_home_that_has_moved_or_has_no_tables_has_nothing_to_move(
    home: Home, tmp_path: Path, postgres_url: str
) -> None:
    migrate(home, postgres_url, ignore)
    with pytest.raises(HomeError, match=r"are in postgresql://.* already; there is nothing to move"):
        migrate(home, postgres_url, ignore)
    with pytest.raises(HomeError, match="has no tables yet"):
        migrate(Home.open_or_create(tmp_path / "new"), postgres_url, ignore)


def test_no_password_is_written_into_the_home(home: Home, postgres_url: str) -> None:
    with_password = postgres_url.replace("postgres:@", "postgres:secret@")
    assert with_password != postgres_url
    where = migrate(home, with_password, ignore)
    assert "secret" not in where
    assert all("secret" not in file.read_text() for file in home.path.glob("*.json"))


KILL = """
import os, signal, sys
from resources.home import Home
from resources.migration import migrate
def tell(proof):
    if proof.table == "risk":
        os.kill(os.getpid(), signal.SIGKILL)
migrate(Home.open(sys.argv[1]), None, tell)
"""


def test_a_killed_move_to_the_homes_own_server_leaves_sqlite_and_the_next_completes(home: Home) -> None:
    before = content(home, home.database)
    killed = subprocess.run([sys.executable, "-c", KILL, str(home.path)], check=False, timeout=60)
    left = int((home.path / DRAFT / "postmaster.pid").read_text().split()[0])
    assert killed.returncode == -signal.SIGKILL
    assert not EmbeddedPostgres(home.path).exists()
    same(content(home, home.database), before)

    assert migrate(home, None, ignore) == EMBEDDED
    server = EmbeddedPostgres(home.path)
    same(content(home, server.start()), before)
    server.stop()
    assert not (home.path / DRAFT).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(left, 0)


def test_a_recorded_table_is_proved_by_its_rows_whatever_pieces_they_are_in() -> None:
    import pyarrow as pa

    from resources.arrow_frames import to_arrow

    whole = to_arrow("bars", frames.validated("bars", example("bars", FIRST, LAST)))
    pieces = pa.concat_tables([whole.slice(0, 7), whole.slice(7)])
    assert Proof.of("bars", whole, pieces).rows == whole.num_rows
    with pytest.raises(HomeError, match="table bars is not the same"):
        Proof.of("bars", whole, whole.slice(1))
