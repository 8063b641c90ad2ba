"""The scoreboard as an asset: what it reads of a home, and how it replaces itself."""

import pandas as pd
import pytest

from assets.evidence import replace_whole
from assets.scoreboard import _markdown, scored
from trading import frames
from trading.evaluation.roadmap import TARGETS
from trading.evaluation.scoreboard import TABLES, in_order
from trading.testing.finished_home import finished_home
from trading.testing.memory_store import MemoryStore


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    finished, made = finished_home(count=40), MemoryStore()
    for table in TABLES:
        rows = finished.get(table, frames.empty(table))
        if len(rows):
            made.write({table: rows}, rows["session"].min(), rows["session"].max(), commit={})
    return made


def test_it_is_dated_by_the_last_traded_session(store: MemoryStore) -> None:
    board = scored(store)

    assert board["session"].unique().tolist() == [store.read("performance")["session"].max()]
    assert in_order(board)["target"].tolist() == [each.name for each in TARGETS]


def test_what_was_before_inception_counts_for_nothing(store: MemoryStore) -> None:
    traded = store.read("performance")
    later = MemoryStore()
    for table in TABLES:
        rows = store.read(table)
        if len(rows):
            later.write({table: rows}, rows["session"].min(), rows["session"].max(), commit={})
    cut = traded["session"].iloc[20]
    later.write(
        {"performance": traded[traded["session"] >= cut]},
        traded["session"].min(),
        traded["session"].max(),
        commit={},
    )

    board = scored(later).set_index("target")

    issued = later.read("ensemble_intervals")
    known = issued[(issued["session"] >= cut) & (issued["horizon"] == 1) & issued["covered"].notna()]
    assert 0 < board.loc["coverage_one_session", "n"] <= len(known)


def test_a_home_that_never_traded_has_no_scoreboard() -> None:
    empty = MemoryStore()

    replace_whole(empty, "scoreboard", scored(empty), {})

    assert empty.tables().empty


def test_it_replaces_itself_whole(store: MemoryStore) -> None:
    board = scored(store)

    replace_whole(store, "scoreboard", board, {})
    replace_whole(store, "scoreboard", board.head(3), {})

    assert len(store.read("scoreboard")) == 3


def test_its_page_shows_a_dash_where_nothing_was_measured() -> None:
    page = _markdown(
        pd.DataFrame([("memory", "2.5: less than 8 GB", None, None, None, 0, None, "not measured")],
                     columns=["target", "roadmap", "value", "low", "high", "n", "naive", "verdict"]).astype({"value": float, "low": float, "high": float, "naive": float})
    )  # fmt: skip

    assert page.splitlines()[-1] == "| memory | 2.5: less than 8 GB | – | – | – | 0 | – | not measured |"
