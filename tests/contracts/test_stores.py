"""What every store must do, whether in memory, in Delta, in SQLite or in PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.delta_store import DeltaStore
from resources.sql_store import SqlStore
from resources.store import store_at
from trading import frames
from trading.calendar import sessions_between
from trading.errors import SchemaError
from trading.interfaces import Store
from trading.testing.example_rows import example
from trading.testing.memory_store import MemoryStore

FIRST, LAST = pd.Timestamp("2024-02-26"), pd.Timestamp("2024-03-08")
DAYS = sessions_between(FIRST, LAST)
COMMIT = {"run_id": "run-1", "config": "abc"}
COMPUTED = [name.replace("<model>", "ar1") for name in frames.names("computed")]
KINDS = {
    "memory": (*COMPUTED, *frames.names("recorded")),
    "delta": tuple(COMPUTED),
    "sqlite": frames.names("recorded"),
    "postgres": frames.names("recorded"),
    "home": (*COMPUTED, *frames.names("recorded")),
}
REPLACED = [
    *(("memory", "features"), ("memory", "positions"), ("delta", "features"), ("sqlite", "positions")),
    *(("postgres", "positions"), ("home", "features"), ("home", "positions")),
]
RECORDING = ("memory", "sqlite", "postgres", "home")
RESTARTING = ("delta", "sqlite", "postgres", "home")


class Wall:
    """A clock that stands where it is put."""

    def __init__(self) -> None:
        self.moment = pd.Timestamp("2024-06-03 12:00", tz="UTC")

    def __call__(self) -> pd.Timestamp:
        return self.moment


@pytest.fixture
def wall() -> Wall:
    return Wall()


Opener = Callable[[], Store]


@pytest.fixture
def opener(kind: str, tmp_path: Path, wall: Wall, request: pytest.FixtureRequest) -> Iterator[Opener]:
    """Opens the store of `kind`, each time the same one."""
    url = request.getfixturevalue("postgres_url") if kind == "postgres" else ""
    makers: dict[str, Opener] = {
        "memory": lambda: MemoryStore(clock=wall),
        "delta": lambda: DeltaStore(tmp_path),
        "sqlite": lambda: SqlStore(tmp_path / "a.db", clock=wall),
        "postgres": lambda: SqlStore(url, clock=wall),
        "home": lambda: store_at(tmp_path, tmp_path / "a.db", clock=wall),
    }
    opened: list[Store] = []
    yield lambda: opened.append(makers[kind]()) or opened[-1]
    for store in opened:
        getattr(store, "close", lambda: None)()


@pytest.fixture
def store(opener: Opener) -> Store:
    return opener()


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right, check_exact=True)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_table_comes_back_exactly_as_it_was_written(store: Store, kind: str) -> None:
    written = {name: example(name, FIRST, LAST) for name in KINDS[kind]}
    store.write(written, FIRST, LAST, commit=COMMIT)
    for name, frame in written.items():
        same(store.read(name), frames.validated(name, frame))


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_table_that_was_never_written_is_empty_and_typed(store: Store, kind: str) -> None:
    for name in KINDS[kind]:
        same(store.read(name, FIRST, LAST), frames.empty(name))
    assert not len(store.tables())


@pytest.mark.parametrize("kind", RESTARTING)
def test_rows_outlive_the_store_that_wrote_them(opener: Opener, kind: str) -> None:
    name = KINDS[kind][-1]
    opener().write({name: example(name, FIRST, LAST)}, FIRST, LAST, commit=COMMIT)
    same(opener().read(name), frames.validated(name, example(name, FIRST, LAST)))


@pytest.mark.parametrize(("kind", "table"), REPLACED)
class TestReplacedTables:
    def test_exactly_the_sessions_of_the_write_are_replaced(self, store: Store, table: str) -> None:
        store.write({table: example(table, FIRST, LAST)}, FIRST, LAST, commit=COMMIT)
        store.write({table: example(table, DAYS[3], DAYS[5], seed=1)}, DAYS[3], DAYS[5], commit=COMMIT)
        parts = [example(table, FIRST, LAST), example(table, DAYS[3], DAYS[5], seed=1)]
        kept = parts[0][~parts[0]["session"].between(DAYS[3], DAYS[5])]
        same(store.read(table), frames.validated(table, pd.concat([kept, parts[1]])))

    def test_a_write_of_no_rows_deletes_its_sessions(self, store: Store, table: str) -> None:
        store.write({table: example(table, FIRST, LAST)}, FIRST, LAST, commit=COMMIT)
        store.write({table: frames.empty(table)}, DAYS[0], DAYS[2], commit=COMMIT)
        assert store.read(table)["session"].min() == DAYS[3]

    def test_an_empty_write_to_a_new_table_leaves_it_empty(self, store: Store, table: str) -> None:
        store.write({table: frames.empty(table)}, FIRST, LAST, commit=COMMIT)
        same(store.read(table), frames.empty(table))

    def test_the_same_write_twice_changes_no_row(self, store: Store, table: str) -> None:
        for _ in range(2):
            store.write({table: example(table, FIRST, LAST)}, FIRST, LAST, commit=COMMIT)
        same(store.read(table), frames.validated(table, example(table, FIRST, LAST)))

    @pytest.mark.parametrize(("start", "stop"), [(0, 0), (2, 5), (9, 9), (0, 9)])
    def test_a_range_holds_its_ends_and_nothing_else(
        self, store: Store, table: str, start: int, stop: int
    ) -> None:
        store.write({table: example(table, FIRST, LAST)}, FIRST, LAST, commit=COMMIT)
        read = store.read(table, DAYS[start], DAYS[stop])
        assert sorted(read["session"].unique()) == list(DAYS[start : stop + 1])

    def test_a_reader_sees_only_what_was_known(self, store: Store, table: str) -> None:
        frame = example(table, FIRST, LAST)
        store.write({table: frame}, FIRST, LAST, commit=COMMIT)
        moment = frame["known_at"].iloc[len(frame) // 2]
        assert store.read(table, as_of=moment)["known_at"].max() == moment

    def test_shuffled_rows_are_read_in_the_order_of_the_key(self, store: Store, table: str) -> None:
        frame = example(table, FIRST, LAST)
        store.write({table: frame.sample(frac=1, random_state=3)}, FIRST, LAST, commit=COMMIT)
        same(store.read(table), frames.validated(table, frame))

    def test_rows_outside_the_range_are_refused(self, store: Store, table: str) -> None:
        with pytest.raises(SchemaError, match="outside the range 2024-02-26 to 2024-02-27"):
            store.write({table: example(table, FIRST, LAST)}, DAYS[0], DAYS[1], commit=COMMIT)
        assert store.read(table).empty

    def test_a_wrong_type_is_refused_and_nothing_is_written(self, store: Store, table: str) -> None:
        frame = example(table, FIRST, LAST).astype({"known_at": "datetime64[ns, UTC]"})
        with pytest.raises(SchemaError, match="known_at is"):
            store.write({table: frame}, FIRST, LAST, commit=COMMIT)
        assert store.read(table).empty

    def test_the_list_of_tables_counts_rows_and_moves_its_version(self, store: Store, table: str) -> None:
        store.write({table: example(table, FIRST, LAST)}, FIRST, LAST, commit=COMMIT)
        before = store.tables().set_index("table").loc[table]
        store.write({table: frames.empty(table)}, LAST, LAST, commit=COMMIT)
        after = store.tables().set_index("table").loc[table]
        assert (before["first_session"], before["last_session"]) == (FIRST, LAST)
        assert (before["rows"], after["last_session"]) == (len(example(table, FIRST, LAST)), DAYS[-2])
        assert after["version"] > before["version"]


def bar(session: pd.Timestamp, known: pd.Timestamp, close: float, symbol: str = "NVDA") -> pd.DataFrame:
    row = example("bars", session, session).iloc[:1]
    return row.assign(symbol=symbol, close=close, known_at=known).astype(frames.table_of("bars").dtypes)


def at(minute: int) -> pd.Timestamp:
    return pd.Timestamp("2024-03-01 21:15", tz="UTC") + pd.Timedelta(minutes=minute)


def record(store: Store, *rows: pd.DataFrame) -> None:
    store.write({"bars": pd.concat(rows)}, FIRST, LAST, commit=COMMIT)


def closes(store: Store, **how: object) -> list[float]:
    return store.read("bars", **how)["close"].tolist()


@pytest.mark.parametrize("kind", RECORDING)
class TestRecordedBars:
    def test_an_equal_row_is_recorded_once_whenever_it_comes_again(self, store: Store) -> None:
        for minute in (0, 5):
            record(store, bar(FIRST, at(minute), 10.0))
        assert store.read("bars", revisions=True)["known_at"].tolist() == [at(0)]

    def test_a_changed_row_is_a_revision_and_the_older_one_stays_readable(self, store: Store) -> None:
        record(store, bar(FIRST, at(0), 10.0))
        record(store, bar(FIRST, at(5), 11.0))
        assert closes(store) == [11.0]
        assert closes(store, as_of=at(4)) == [10.0]
        assert closes(store, revisions=True) == [10.0, 11.0]
        assert closes(store, as_of=at(4), revisions=True) == [10.0]
        assert closes(store, as_of=at(-1)) == []

    def test_a_value_that_returns_is_a_revision_too(self, store: Store) -> None:
        for minute, close in ((0, 10.0), (5, 11.0), (9, 10.0)):
            record(store, bar(FIRST, at(minute), close))
        assert closes(store, revisions=True) == [10.0, 11.0, 10.0]

    def test_several_revisions_of_one_write_are_all_kept(self, store: Store) -> None:
        record(store, bar(FIRST, at(0), 10.0), bar(FIRST, at(1), 10.0), bar(FIRST, at(2), 11.0))
        assert closes(store, revisions=True) == [10.0, 11.0]

    def test_a_change_that_claims_to_be_old_is_known_from_when_it_came_in(
        self, store: Store, wall: Wall
    ) -> None:
        record(store, bar(FIRST, at(0), 10.0))
        record(store, bar(FIRST, at(0), 11.0))
        assert store.read("bars")["known_at"].tolist() == [wall.moment]
        assert closes(store, as_of=wall.moment - pd.Timedelta("1us")) == [10.0]

    def test_an_old_file_read_again_does_not_undo_a_revision(self, store: Store) -> None:
        record(store, bar(FIRST, at(0), 10.0))
        record(store, bar(FIRST, at(5), 11.0))
        record(store, bar(FIRST, at(0), 10.0))
        assert closes(store, revisions=True) == [10.0, 11.0]

    def test_a_write_never_deletes_bars_of_its_sessions(self, store: Store) -> None:
        record(store, bar(FIRST, at(0), 10.0, "AMD"))
        record(store, bar(LAST, at(0), 11.0, "NVDA"))
        store.write({"bars": frames.empty("bars")}, FIRST, LAST, commit=COMMIT)
        assert closes(store) == [10.0, 11.0]

    def test_a_read_of_one_timeframe_and_symbol_gives_their_rows_alone(self, store: Store) -> None:
        daily = bar(FIRST, at(0), 10.0).assign(timeframe="1D")
        fine = bar(FIRST, at(0), 11.0).assign(timeframe="5min")
        other = bar(FIRST, at(0), 12.0, "AMD").assign(timeframe="1D")
        record(store, daily, fine, other)
        assert closes(store, timeframe="5min") == [11.0]
        assert closes(store, timeframe="1D") == [12.0, 10.0]
        assert closes(store, timeframe="1D", symbol="AMD") == [12.0]
        assert closes(store, symbol="NVDA", first=FIRST, last=FIRST) == [10.0, 11.0]

    def test_a_table_without_a_timeframe_is_read_whole_whatever_timeframe_is_asked(
        self, store: Store
    ) -> None:
        frame = example("quarantine", FIRST, LAST)
        store.write({"quarantine": frame}, FIRST, LAST, commit=COMMIT)
        same(store.read("quarantine", timeframe="1D"), store.read("quarantine"))

    def test_the_same_bad_row_is_in_quarantine_once(self, store: Store) -> None:
        frame = example("quarantine", FIRST, LAST)
        store.write({"quarantine": frame.iloc[:7]}, FIRST, LAST, commit=COMMIT)
        store.write({"quarantine": frame.assign(source="again")}, FIRST, LAST, commit=COMMIT)
        read = store.read("quarantine")
        assert (len(read), int((read["source"] != "again").sum())) == (len(frame), 7)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.tuples(st.booleans(), st.integers(1, 3)), max_size=5))
def test_what_was_known_at_a_moment_is_unaffected_by_anything_known_later(
    store: Store, wall: Wall, events: list[tuple[bool, int]]
) -> None:
    """A row arrives every minute: live, or from an old file that claims the bar's first moment."""
    symbol = f"S{len(store.read('bars'))}"
    wall.moment = at(0)
    record(store, bar(FIRST, at(0), 1.0, symbol))
    seen = {}
    for arrival, (live, value) in enumerate(events, start=1):
        wall.moment = at(arrival)
        record(store, bar(FIRST, at(arrival) if live else at(0), float(value), symbol))
        seen[arrival] = closes_of(store, symbol, at(arrival))
    assert {moment: closes_of(store, symbol, at(moment)) for moment in seen} == seen
    assert closes_of(store, symbol, at(99)) == expected(events)


def closes_of(store: Store, symbol: str, moment: pd.Timestamp) -> list[float]:
    rows = store.read("bars", FIRST, FIRST, as_of=moment, revisions=True)
    return rows[rows["symbol"] == symbol]["close"].tolist()


def expected(events: list[tuple[bool, int]]) -> list[float]:
    """All closes by the rule itself: what says nothing new is skipped, an old file cannot undo."""
    history = [1]
    for live, value in events:
        if value != history[-1] and (live or value != history[0]):
            history.append(value)
    return [float(value) for value in history]


@pytest.mark.parametrize("kind", RECORDING)
def test_a_failing_table_keeps_the_others_of_the_write_out(store: Store, kind: str) -> None:
    del kind
    bad = example("risk", FIRST, LAST).assign(drawdown=2.0)
    with pytest.raises(SchemaError, match="drawdown"):
        store.write({"positions": example("positions", FIRST, LAST), "risk": bad}, FIRST, LAST, commit=COMMIT)
    assert store.read("positions").empty


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres", "home"])
def test_recorded_numbers_know_one_zero(store: Store, kind: str) -> None:
    del kind
    frame = example("performance", FIRST, LAST).assign(log_return=-0.0)
    store.write({"performance": frame}, FIRST, LAST, commit=COMMIT)
    assert not np.signbit(store.read("performance")["log_return"]).any()
