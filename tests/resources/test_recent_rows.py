"""What is kept of a table in memory is what the table holds, whatever is read and written in whatever order."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources import recent_rows
from resources.recent_rows import Range, RecentRows, between
from resources.store import store_at
from trading import calendar, frames
from trading.revisions import narrowed
from trading.testing.example_rows import example

FIRST, LAST = pd.Timestamp("2024-02-26"), pd.Timestamp("2024-03-08")
SESSIONS = calendar.sessions_between(FIRST, LAST)
TABLE = "forecasts"
RANGES = st.tuples(st.sampled_from(range(len(SESSIONS))), st.integers(0, 4)).map(
    lambda pair: (SESSIONS[pair[0]], SESSIONS[min(pair[0] + pair[1], len(SESSIONS) - 1)])
)
STEP = st.tuples(st.sampled_from(["write", "read"]), RANGES, st.sampled_from([None, "NVDA"]))
STEPS = st.lists(STEP, min_size=12, max_size=20)


def rows_of(seed: int, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    return frames.validated(TABLE, example(TABLE, first, last, seed))


EXAMPLES = {
    (first, last): rows_of(3, first, last) for first in SESSIONS for last in SESSIONS if first <= last
}


class Folder:
    """A table as a store holds it: a version for each write."""

    def __init__(self) -> None:
        self.version = 0
        self.rows = rows_of(1, SESSIONS[0], SESSIONS[-1])

    def write(self, first: pd.Timestamp, last: pd.Timestamp, rows: pd.DataFrame) -> None:
        days = self.rows["session"]
        others = self.rows[((days < first) | (days > last)).to_numpy()]
        self.rows = frames.validated(TABLE, pd.concat([others, rows], ignore_index=True))
        self.version += 1

    def read(self, wanted: Range) -> pd.DataFrame:
        return narrowed(
            between(self.rows, wanted.first, wanted.last), timeframe=wanted.timeframe, symbol=wanted.symbol
        )


def read_through(recent: RecentRows, folder: Folder, wanted: Range) -> pd.DataFrame:
    found = recent.find(folder.version, wanted)
    if found is not None:
        return found
    more = recent.worth_reading(folder.version, wanted)
    recent.keep(folder.version, more, folder.read(more))
    return between(folder.read(more), wanted.first, wanted.last)


@settings(max_examples=15)
@given(STEPS)
def test_what_is_kept_is_what_the_table_holds(steps: list) -> None:
    folder, recent = Folder(), RecentRows()
    for what, (first, last), symbol in steps:
        wanted = Range(TABLE, first, last, None, symbol)
        if what == "write":
            folder.write(first, last, EXAMPLES[first, last])
            recent.replace(folder.version - 1, folder.version, wanted, EXAMPLES[first, last])
        else:
            seen = read_through(recent, folder, wanted).reset_index(drop=True)
            pd.testing.assert_frame_equal(seen, folder.read(wanted).reset_index(drop=True))


def test_the_next_session_is_there_without_a_look_at_the_files() -> None:
    recent, folder = RecentRows(), Folder()
    recent.keep(0, Range(TABLE, SESSIONS[0], SESSIONS[4]), folder.rows)
    following = rows_of(2, SESSIONS[5], SESSIONS[5])

    recent.replace(0, 1, Range(TABLE, SESSIONS[5], SESSIONS[5]), following)

    found = recent.find(1, Range(TABLE, SESSIONS[1], SESSIONS[5]))
    assert found is not None
    assert found["session"].nunique() == 5


def test_nothing_is_found_of_a_version_that_somebody_else_has_written() -> None:
    recent = RecentRows()
    kept = Range(TABLE, SESSIONS[0], SESSIONS[4])
    recent.keep(0, kept, Folder().rows)

    recent.replace(1, 2, kept, EXAMPLES[SESSIONS[0], SESSIONS[4]])

    assert recent.find(0, kept) is None
    assert recent.find(2, kept) is None


def test_much_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_rows, "MOST_ROWS", 3)
    recent, kept = RecentRows(), Range(TABLE, SESSIONS[0], SESSIONS[4])

    recent.keep(0, kept, Folder().rows)

    assert recent.find(0, kept) is None


def test_ranges_far_apart_are_not_read_together() -> None:
    recent = RecentRows()
    recent.keep(0, Range(TABLE, SESSIONS[0], SESSIONS[4]), Folder().rows)
    far = Range(TABLE, SESSIONS[0] + pd.Timedelta(days=700), SESSIONS[4] + pd.Timedelta(days=700))

    assert recent.worth_reading(0, far) == far


def test_a_store_sees_what_another_one_has_written_meanwhile(tmp_path: Path) -> None:
    one, other = (store_at(tmp_path / "tables", tmp_path / "fabline.db") for _ in range(2))
    for seed, store in ((1, one), (2, other), (3, one)):
        written = rows_of(seed, SESSIONS[0], SESSIONS[4])
        store.write({TABLE: written}, SESSIONS[0], SESSIONS[4], commit={})
        for reader in (one, other):
            pd.testing.assert_frame_equal(reader.read(TABLE, SESSIONS[0], SESSIONS[4]), written)
    for store in (one, other):
        store.close()
