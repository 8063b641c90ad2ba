"""What is particular to the database: indexes, transactions, locks, versions, and its complaints."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import psycopg2
import pytest

from resources import sql_tables
from resources.sql_dialects import SqliteDialect
from resources.sql_store import SqlStore
from resources.sql_tables import FORMAT
from trading import frames
from trading.errors import HomeError, SourceUnavailableError
from trading.testing.example_rows import example

FIRST, LAST = pd.Timestamp("2024-02-26"), pd.Timestamp("2024-03-08")
STATUS = Path("/proc/self/status")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fabline.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqlStore]:
    opened = SqlStore(path)
    yield opened
    opened.close()


def reserved_megabytes() -> float:
    size = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmSize"))
    return int(size.split()[1]) / 1024


def explained(url: str, statement: str) -> str:
    connection = psycopg2.connect(url)  # ADBC reads by COPY, which explains nothing
    with closing(connection), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}")
        return " / ".join(line for (line,) in cursor.fetchall())


def plan(store: SqlStore, statement: str) -> str:
    return " / ".join(store.query(f"EXPLAIN QUERY PLAN {statement}")["detail"].to_pylist())


@pytest.mark.parametrize("table", frames.names("recorded"))
def test_a_range_of_sessions_is_one_search_of_the_key_without_sorting(store: SqlStore, table: str) -> None:
    said = plan(store, store.select(table, FIRST, LAST))
    assert said == f"SEARCH {table} USING PRIMARY KEY (session>? AND session<?)"


@pytest.mark.parametrize("table", ["fills", "positions"])
def test_one_symbols_history_is_a_search_of_the_symbols_index(store: SqlStore, table: str) -> None:
    said = plan(store, f"SELECT * FROM {table} WHERE symbol = 'NVDA' AND session >= '2024-01-01'")
    assert said == f"SEARCH {table} USING INDEX {table}_by_symbol (symbol=? AND session>?)"


def test_daily_bars_are_one_search_of_an_index_that_holds_no_five_minute_bar(store: SqlStore) -> None:
    said = plan(store, store.select("bars", FIRST, LAST, timeframe="1D"))
    condition = "(timeframe=? AND session>? AND session<?)"
    assert said == f"SEARCH bars USING INDEX bars_coarse_by_timeframe {condition}"


def test_a_symbols_daily_bars_are_one_search_of_an_index(store: SqlStore) -> None:
    said = plan(store, store.select("bars", FIRST, LAST, timeframe="1D", symbol="NVDA"))
    assert "SEARCH bars USING INDEX bars_coarse_by_symbol (symbol=? AND timeframe=? AND session>?" in said


def test_five_minute_bars_are_one_search_of_the_key(store: SqlStore) -> None:
    said = plan(store, store.select("bars", FIRST, LAST, timeframe="5min", symbol="NVDA"))
    assert said == "SEARCH bars USING PRIMARY KEY (session>? AND session<?)"


def test_a_column_that_begins_with_thousands_of_nulls_keeps_its_type(store: SqlStore) -> None:
    sessions = pd.bdate_range("2000-01-03", periods=6000).astype("datetime64[us]")
    row = example("risk", FIRST, FIRST).head(1)
    rows = row.loc[row.index.repeat(len(sessions))].assign(session=sessions)
    rows["realized_volatility"] = [None] * (len(rows) - 1) + [0.5]
    store.write({"risk": rows}, sessions[0], sessions[-1], commit={})
    found = store.read("risk")["realized_volatility"]
    assert found.dtype == "float64"
    assert found.iloc[-1] == 0.5


@pytest.mark.skipif(not STATUS.exists(), reason="no /proc on this system")
def test_reading_asks_for_no_more_memory_than_the_rows_need(store: SqlStore) -> None:
    # a process that has reserved more than the machine has cannot start a program
    store.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})
    before = reserved_megabytes()
    tables = [store.read("risk") for _ in range(20)]
    assert len(tables) == 20
    assert reserved_megabytes() - before < 500


def test_a_commit_says_which_run_wrote_what_and_when(path: Path) -> None:
    moment = pd.Timestamp("2024-06-03 12:00:00.123456", tz="UTC")
    store = SqlStore(path, clock=lambda: moment)
    store.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={"run_id": "r'1", "config": "c"})
    row = store.commits().iloc[0]
    store.close()
    assert (row["table"], row["version"], row["rows"], row["run_id"]) == ("risk", 1, 10, "r'1")
    assert (row["first"], row["last"], row["written_at"]) == (FIRST, LAST, moment)
    assert row["facts"] == '{"config": "c", "run_id": "r\'1"}'


def test_another_writer_that_holds_the_database_is_named_as_the_cause(path: Path, store: SqlStore) -> None:
    store.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})
    hasty = SqlStore(path)
    hasty.dialect = SqliteDialect(path, busy_seconds=0.05)
    with (
        store._transaction(),
        pytest.raises(SourceUnavailableError, match="locked by another process; wait for its run"),
    ):
        hasty.write({"risk": frames.empty("risk")}, FIRST, LAST, commit={})
    assert len(hasty.read("risk")) == 10
    hasty.close()


def test_readers_go_on_while_a_writer_is_at_work(path: Path, store: SqlStore) -> None:
    store.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})
    reader = SqlStore(path)
    with store._transaction():
        store._execute("DELETE FROM risk")
        assert len(reader.read("risk")) == 10
    assert reader.read("risk").empty
    reader.close()


def test_an_error_half_way_leaves_no_table_changed(store: SqlStore) -> None:
    store.read("risk")
    store._execute("DROP TABLE performance")
    tables = {name: example(name, FIRST, LAST) for name in ("risk", "positions", "performance")}
    with pytest.raises(SourceUnavailableError, match="performance"):
        store.write(tables, FIRST, LAST, commit={})
    assert store.read("positions").empty
    assert store.read("risk").empty
    assert store.commits().empty


def test_a_column_that_begins_with_a_thousand_gaps_keeps_its_type(store: SqlStore) -> None:
    first, last = pd.Timestamp("2014-01-02"), pd.Timestamp("2023-12-29")
    risk = example("risk", first, last)
    risk.loc[: len(risk) - 2, "realized_volatility"] = float("nan")
    store.write({"risk": risk}, first, last, commit={})
    assert len(risk) > 2500
    assert store.read("risk")["realized_volatility"].tolist()[-1] == risk["realized_volatility"].tolist()[-1]


def test_a_database_of_a_newer_fabline_is_refused(path: Path, store: SqlStore) -> None:
    store.read("risk")
    store._execute(f"INSERT INTO fabline VALUES ({FORMAT + 1})")
    later = SqlStore(path)
    with pytest.raises(HomeError, match=r"newer Fabline \(format 2, this one knows 1\); install"):
        later.read("risk")


def make_old(address: str | Path) -> None:
    """Leave a database as the first version made it: fewer tables and indexes, and a full one by symbol."""
    store = SqlStore(address, home="aaa")
    store.write({"bars": example("bars", FIRST, LAST)}, FIRST, LAST, commit={"run_id": "old"})
    kept = {"bars", "risk", "commits", "fabline", "fabline_home"}
    made = sql_tables.definitions(store.dialect)
    store._execute('CREATE INDEX bars_by_symbol ON bars ("symbol", "session")')
    store._execute(*(f'DROP TABLE "{name}"' for name in frames.names("recorded") if name not in kept))
    store._execute(*(f'DROP INDEX IF EXISTS "{name}"' for name in made if name.startswith("bars_")))
    store.close()


@pytest.fixture(params=["sqlite", "postgres"])
def old_address(request: pytest.FixtureRequest, path: Path) -> str | Path:
    address = path if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    make_old(address)
    return address


@pytest.mark.parametrize("create", [True, False])
def test_a_database_with_fewer_tables_still_opens_and_gets_those_it_lacks(
    old_address: str | Path, *, create: bool
) -> None:
    store = SqlStore(old_address, create=create, home="aaa")
    assert len(store.read("bars")) == len(example("bars", FIRST, LAST))
    tables = {name: example(name, FIRST, LAST) for name in frames.names("recorded") if name != "bars"}
    store.write(tables, FIRST, LAST, commit={})
    assert {name: len(store.read(name)) for name in tables} == {n: len(rows) for n, rows in tables.items()}
    assert store.commits()["run_id"].tolist().count("old") == 1
    store.close()


def test_a_database_of_an_earlier_version_gets_todays_indexes(old_address: str | Path) -> None:
    store = SqlStore(old_address, home="aaa")
    found = set(store.query(store.dialect.existing())["name"].to_pylist())
    store.close()
    assert found >= {"bars_coarse_by_symbol", "bars_coarse_by_timeframe", "fills_by_symbol"}
    assert "bars_by_symbol" not in found


def test_a_reader_leaves_the_indexes_of_an_earlier_version_alone(store: SqlStore, path: Path) -> None:
    store.read("bars")
    store._execute("DROP INDEX bars_coarse_by_symbol")
    reader = SqlStore(path, create=False)
    assert reader.read("bars", timeframe="1D", symbol="NVDA").empty
    assert "bars_coarse_by_symbol" not in reader.query(reader.dialect.existing())["name"].to_pylist()
    reader.close()


def test_a_missing_database_is_refused_where_none_may_be_made(path: Path) -> None:
    with pytest.raises(HomeError, match="there is no database at"):
        SqlStore(path, create=False).read("risk")
    assert not path.exists()


def test_a_database_without_our_tables_is_refused_where_none_may_be_made(path: Path) -> None:
    path.touch()
    with pytest.raises(HomeError, match="holds no tables of Fabline"):
        SqlStore(path, create=False).read("risk")


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_text("a letter to the editor\n" * 100)
    with pytest.raises(HomeError, match="is no SQLite database"):
        SqlStore(path).read("risk")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="cannot be opened: is its folder there"):
        SqlStore(tmp_path / "absent" / "fabline.db").read("risk")


def test_a_database_that_may_not_be_written_is_named(store: SqlStore) -> None:
    store.read("risk")
    store.query("PRAGMA query_only = ON")
    with pytest.raises(HomeError, match="cannot be written; check its permissions"):
        store.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(SourceUnavailableError, match="is the server up and its address right"):
        SqlStore("postgresql://nobody@127.0.0.1:1/absent").read("risk")


def test_a_user_without_a_database_is_told_so(postgres_url: str) -> None:
    address = postgres_url.replace("/postgres?", "/absent?")
    with pytest.raises(SourceUnavailableError, match='database "absent" does not exist'):
        SqlStore(address).read("risk")


def test_postgres_reads_a_range_through_the_primary_key(postgres_url: str) -> None:
    store = SqlStore(postgres_url)
    store.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})
    indexes = store.query("SELECT indexdef::text AS d FROM pg_indexes WHERE schemaname = current_schema()")
    store.close()
    made = " ".join(indexes["d"].to_pylist())
    assert "ON " in made
    assert "(session, timeframe, ts, symbol, known_at)" in made
    assert "(symbol, session)" in made


@pytest.fixture
def postgres_with_fine_bars(postgres_url: str) -> Iterator[SqlStore]:
    """A year of days and, in twenty of them, some 16,000 five-minute bars, made by the server."""
    store = SqlStore(postgres_url)
    store.read("bars")
    values = "'AMD', s + interval '21 hours', 1, 1, 1, 1, 1, 'raw', 'made'"
    days = "generate_series(timestamptz '2023-03-08', '2024-03-07', '1 day') s"
    fine = "generate_series(timestamptz '2024-02-17', '2024-03-07', '1 day') s, generate_series(1, 800) n"
    store._execute(
        f"INSERT INTO bars SELECT s::date, '1D', s, {values} FROM {days}",
        f"INSERT INTO bars SELECT s::date, '5min', s + n * interval '1 minute', {values} FROM {fine}",
        "ANALYZE bars",
    )
    yield store
    store.close()


@pytest.mark.parametrize(
    ("narrow", "index"),
    [
        ({"timeframe": "1D"}, "bars_coarse_by_"),
        ({"timeframe": "1D", "symbol": "AMD"}, "bars_coarse_by_"),
        ({"timeframe": "5min"}, "bars_pkey"),
        ({"timeframe": "5min", "symbol": "AMD"}, "bars_pkey"),
        ({}, "bars_pkey"),
    ],
)
def test_postgres_searches_an_index_for_every_narrow_read(
    postgres_with_fine_bars: SqlStore, postgres_url: str, narrow: dict[str, str], index: str
) -> None:
    store = postgres_with_fine_bars
    statement = store.select("bars", LAST - pd.Timedelta(days=2), LAST, **narrow)
    said = explained(postgres_url, statement)
    assert index in said
    assert "Seq Scan" not in said


def test_two_postgres_writers_wait_for_each_other(postgres_url: str) -> None:
    one, two = SqlStore(postgres_url), SqlStore(postgres_url)
    one.write({"risk": example("risk", FIRST, LAST)}, FIRST, LAST, commit={})
    two.read("risk")
    two._execute("SET lock_timeout = '50ms'")
    with one._transaction(), pytest.raises(SourceUnavailableError, match="locked by another writer"):
        two.write({"risk": frames.empty("risk")}, FIRST, LAST, commit={})
    assert len(two.read("risk")) == 10
    one.close()
    two.close()


def test_a_postgres_of_another_home_is_refused(postgres_url: str) -> None:
    SqlStore(postgres_url, home="aaa").read("risk")
    with pytest.raises(HomeError, match="home aaa, and this is the home bbb"):
        SqlStore(postgres_url, home="bbb").read("risk")
    assert not len(SqlStore(postgres_url, create=False, home="aaa").read("risk"))
