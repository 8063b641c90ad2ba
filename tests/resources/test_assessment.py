"""Findings and figures are written with a load, and are the same whichever way its sessions came."""

from pathlib import Path

import pandas as pd
import pytest

from resources import arrivals
from resources.store import HomeStore, store_at
from trading import calendar, frames
from trading.ingest import Load
from trading.monitoring.bar_rules import separate_actions, separate_bars
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import actions_frame

LAST = pd.Timestamp("2024-06-28")
SESSIONS = calendar.sessions_between(calendar.shift(LAST, -89), LAST)
SYMBOLS = ("NVDA", "AMD", "VIX")
BARS = SimulatedMarket().bars(SYMBOLS, SESSIONS[0], LAST)


def faulty() -> pd.DataFrame:
    """The bars with a crash, a session that lacks a symbol, and a bar that cannot be."""
    rows = BARS.copy()
    crash = (rows["symbol"] == "AMD") & (rows["session"] >= SESSIONS[85])
    rows.loc[crash, ["open", "high", "low", "close"]] *= 0.6
    rows.loc[(rows["symbol"] == "NVDA") & (rows["session"] == SESSIONS[86]), "volume"] = -1.0
    return rows[~((rows["symbol"] == "VIX") & (rows["session"] == SESSIONS[84]))]


def loaded(store: HomeStore, rows: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp) -> None:
    separated = separate_bars(rows[rows["session"].between(first, last)])
    load = Load("bars", "1D", SYMBOLS, first, last, "test")
    arrivals.record(load, {"bars": separated.accepted}, separated.quarantined, store, {})


@pytest.fixture
def store(tmp_path: Path) -> HomeStore:
    return store_at(tmp_path / "tables", tmp_path / "fabline.db")


def test_what_is_odd_is_written_with_the_bars(store: HomeStore) -> None:
    loaded(store, faulty(), SESSIONS[0], LAST)

    found = store.read("findings")
    loud = found[found["severity"] != "info"]
    assert loud[["session", "symbol", "rule"]].to_numpy().tolist() == [
        [SESSIONS[84], "VIX", "missing_session"],
        [SESSIONS[85], "AMD", "extreme_move"],
    ]
    quality = store.read("data_quality", SESSIONS[86], SESSIONS[86]).set_index("symbol")
    assert quality["quarantined"].to_dict() == {"AMD": 0, "NVDA": 1, "VIX": 0}
    assert quality["completeness"].to_dict() == {"AMD": 1.0, "NVDA": 0.0, "VIX": 1.0}


def test_sessions_one_by_one_are_judged_as_in_one_load(store: HomeStore, tmp_path: Path) -> None:
    evenings = store_at(tmp_path / "other", tmp_path / "other.db")
    loaded(store, faulty(), SESSIONS[0], LAST)
    loaded(evenings, faulty(), SESSIONS[0], SESSIONS[-7])
    for session in SESSIONS[-6:]:
        loaded(evenings, faulty(), session, session)

    for table in ("findings", "data_quality"):
        pd.testing.assert_frame_equal(
            evenings.read(table, revisions=True), store.read(table, revisions=True), check_exact=True
        )


def test_the_same_load_again_adds_nothing(store: HomeStore) -> None:
    for _ in range(2):
        loaded(store, faulty(), SESSIONS[-10], LAST)

    for table in ("findings", "data_quality"):
        held = store.read(table, revisions=True)
        assert not held.duplicated([name for name in held.columns if name != "known_at"]).any()


def test_a_bar_that_comes_late_makes_its_session_complete_from_then_on(store: HomeStore) -> None:
    came = pd.Timestamp("2024-07-01 12:00", tz="UTC").as_unit("us")
    loaded(store, faulty(), SESSIONS[-10], LAST)
    late = BARS[(BARS["symbol"] == "VIX") & (BARS["session"] == SESSIONS[84])].assign(known_at=came)
    loaded(store, late, SESSIONS[84], SESSIONS[84])

    quality = store.read("data_quality", SESSIONS[84], SESSIONS[84], revisions=True)
    assert quality.loc[quality["symbol"] == "VIX", "completeness"].tolist() == [0.0, 1.0]
    assert quality["known_at"].max() == came
    before = store.read("data_quality", SESSIONS[84], SESSIONS[84], as_of=calendar.as_of(LAST))
    assert before.set_index("symbol")["completeness"]["VIX"] == 0.0


def test_actions_are_held_against_the_stored_bars(store: HomeStore) -> None:
    loaded(store, BARS, SESSIONS[-10], LAST)
    day = f"{SESSIONS[-3]:%Y-%m-%d}"
    listed = actions_frame((day, "AMD", "split", 10.0), (day, "NVDA", "dividend", 1e6))
    separated = separate_actions(listed)
    load = Load("corporate_actions", "", SYMBOLS, SESSIONS[-10], LAST, "test")

    accepted = {"corporate_actions": separated.accepted}
    arrivals.record(
        load, accepted, separated.quarantined, store, {}, now=pd.Timestamp("2024-07-01", tz="UTC")
    )

    found = store.read("findings")
    of_actions = found[found["table"] == "corporate_actions"]
    assert of_actions["rule"].tolist() == ["split_without_move", "large_dividend"]


def test_a_load_of_anything_else_is_not_judged(store: HomeStore) -> None:
    load = Load("earnings", "", SYMBOLS, SESSIONS[-1], LAST, "test")

    arrivals.record(load, {"earnings": frames.empty("earnings")}, frames.empty("quarantine"), store, {})

    assert store.read("findings").empty
    assert store.read("data_quality").empty
