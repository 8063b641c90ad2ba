"""Random histories of revisions, given to every store in random pieces: what was known stays what was known.

A history is a list of rows, each known after the rows of its own key; rows of different keys come in any
order. It is delivered in batches, and any row that has come may come again in any later batch.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.sql_store import SqlStore
from trading import frames
from trading.interfaces import Store
from trading.testing.example_rows import example
from trading.testing.memory_store import MemoryStore

SESSION = pd.Timestamp("2024-03-01").as_unit("us")
CLOSE = pd.Timestamp("2024-03-01 21:15", tz="UTC")
TIMEFRAMES = ("5min", "1D")
ROW = example("bars", SESSION, SESSION).iloc[[0]]
_sessions = iter(pd.bdate_range("2000-01-03", "2024-02-01", unit="us"))  # one a history


class Arrival(NamedTuple):
    """One row: of which key, how many minutes after the last of its key it was known, and its close.

    `is_last` of its batch, and how many rows back is one that comes again with it (0: none).
    """

    timeframe: str
    name: str
    gap: int
    close: int
    is_last: bool
    again: int


histories = st.lists(
    st.builds(
        Arrival,
        timeframe=st.sampled_from(TIMEFRAMES),
        name=st.sampled_from("AB"),
        gap=st.integers(1, 3),
        close=st.integers(1, 3),
        is_last=st.booleans(),
        again=st.integers(0, 4),
    ),
    min_size=1,
    max_size=10,
)
Row = tuple[str, str, int, int]


def rows_of(history: list[Arrival]) -> list[Row]:
    """(timeframe, name, minute, close) of each arrival."""
    minutes: dict[tuple[str, str], int] = {}
    rows = []
    for arrival in history:
        key = (arrival.timeframe, arrival.name)
        minutes[key] = minutes.get(key, 0) + arrival.gap
        rows.append((*key, minutes[key], arrival.close))
    return rows


def batches_of(history: list[Arrival]) -> list[list[Row]]:
    """The rows in the batches in which they come, with those that come again."""
    rows, batches, batch = rows_of(history), [], []
    for place, arrival in enumerate(history):
        batch.append(rows[place])
        if 0 < arrival.again <= place:
            batch.append(rows[place - arrival.again])
        if arrival.is_last:
            batches.append(batch)
            batch = []
    return [*batches, batch] if batch else batches


def told_by_hand(history: list[Arrival], minute: int) -> list[Row]:
    """What is to be seen at `minute`, row by row: what says nothing new about its key is no revision."""
    kept: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(history):
        mine = kept.setdefault(row[:2], [])
        if row[2] <= minute and not (mine and mine[-1][3] == row[3]):
            mine.append(row)
    return sorted(row for mine in kept.values() for row in mine)


def frame_of(batch: list[Row], session: pd.Timestamp) -> pd.DataFrame:
    rows = sorted(set(batch))
    frame = ROW.loc[ROW.index.repeat(len(rows))].reset_index(drop=True)
    frame["timeframe"], frame["symbol"], minutes, closes = zip(*rows, strict=True)
    known = pd.Series(CLOSE + pd.to_timedelta(minutes, unit="min"))
    frame = frame.assign(session=session, known_at=known, close=closes)
    return frame.astype(frames.table_of("bars").dtypes)


def seen(store: Store, session: pd.Timestamp, minute: int) -> list[Row]:
    """Every revision that `store` shows at `minute`."""
    moment = CLOSE + pd.Timedelta(minutes=minute)
    read = store.read("bars", session, session, as_of=moment, revisions=True)
    minutes = (read["known_at"] - CLOSE) // pd.Timedelta(minutes=1)
    columns = (read["timeframe"], read["symbol"], minutes.astype(int), read["close"].astype(int))
    return sorted(zip(*columns, strict=True))


@pytest.fixture(scope="module")
def stores(postgres_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Store]]:
    """Three stores that must agree; a row that one of them dated anew would be known years later."""
    import adbc_driver_postgresql.dbapi as driver

    with driver.connect(postgres_server, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA histories")
    path: Path = tmp_path_factory.mktemp("histories") / "a.db"
    recorded = [SqlStore(path), SqlStore(f"{postgres_server}&options=-csearch_path%3Dhistories")]
    yield [MemoryStore(), *recorded]
    for store in recorded:
        store.close()


def check(stores: list[Store], history: list[Arrival]) -> None:
    """Deliver a history to every store; nothing that comes later may change what was known before."""
    session = next(_sessions)
    batches, seen_before = batches_of(history), []
    for place, batch in enumerate(batches):
        for store in stores:
            store.write({"bars": frame_of(batch, session)}, session, session, commit={})
        later = [row[2] for rest in batches[place + 1 :] for row in rest]
        if later:
            minute = min(later) - 1
            seen_before += [(minute, seen(store, session, minute)) for store in stores]
    last = max(row[2] for row in rows_of(history))
    expected = {minute: told_by_hand(history, minute) for minute in (*(m for m, _ in seen_before), last)}
    assert all(expected[minute] == before for minute, before in seen_before)
    for store in stores:
        assert {minute: seen(store, session, minute) for minute in expected} == expected


@settings(max_examples=8)
@given(history=histories)
def test_what_was_known_stays_so_however_the_rows_came(stores: list[Store], history: list[Arrival]) -> None:
    check(stores, history)


@pytest.mark.nightly  # the same, a dozen times as often
@settings(max_examples=100)
@given(history=histories)
def test_what_was_known_stays_so_over_many_histories(stores: list[Store], history: list[Arrival]) -> None:
    check(stores, history)


@settings(max_examples=25)
@given(history=histories)
def test_a_history_in_one_piece_is_the_history_in_many(history: list[Arrival]) -> None:
    whole, pieces = MemoryStore(), MemoryStore()
    whole.write({"bars": frame_of(rows_of(history), SESSION)}, SESSION, SESSION, commit={})
    for batch in batches_of(history):
        pieces.write({"bars": frame_of(batch, SESSION)}, SESSION, SESSION, commit={})
    read = [store.read("bars", revisions=True) for store in (whole, pieces)]
    pd.testing.assert_frame_equal(*read, check_exact=True)
