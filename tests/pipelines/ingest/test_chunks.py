"""What is asked for: exactly the sessions that no load has seen whole, in pieces that fit in memory."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ingest.chunks import MOST_ROWS, Wanted, cut, missing, spans_of
from trading import calendar
from trading.ingest import loads_of

FIRST = calendar.session_of("2024-01-02")
DELAY = pd.Timedelta(minutes=10)
SESSIONS = calendar.sessions_between(FIRST, calendar.shift(FIRST, 59))
LATER = pd.Timestamp("2026-01-05", tz="UTC")


def commit(
    first: int, last: int, symbols: str = "NVDA", timeframe: str = "1D", at: pd.Timestamp = LATER
) -> dict[str, object]:
    facts = json.dumps({"timeframe": timeframe, "symbols": symbols})
    return {
        "table": "bars",
        "first": SESSIONS[first],
        "last": SESSIONS[last],
        "written_at": at,
        "facts": facts,
    }


def asked(
    *commits: dict[str, object], symbol: str = "NVDA", timeframe: str = "1D", tail: int | None = -1
) -> list[pd.Timestamp]:
    """Sessions of the sixty that a symbol is asked for, the newest stored one being `tail`."""
    known = pd.DataFrame(commits, columns=["table", "first", "last", "written_at", "facts"])
    wanted = Wanted(timeframe, {symbol: (SESSIONS[0], SESSIONS[-1])}, SESSIONS[-1])
    newest = {} if tail is None else {symbol: SESSIONS[tail]}
    loads = loads_of("bars", known, SESSIONS[0], SESSIONS[-1])
    return list(missing(wanted, "bars", loads, newest, DELAY)[symbol])


def test_a_fresh_home_asks_for_all_of_it() -> None:
    assert asked(tail=None) == list(SESSIONS)


def test_what_was_loaded_is_not_asked_for_again() -> None:
    assert asked(commit(0, 9), commit(20, 59)) == list(SESSIONS[10:20])


@pytest.mark.parametrize("other", [commit(0, 59, "AMD"), commit(0, 59, timeframe="5min")])
def test_a_load_of_another_symbol_or_timeframe_is_no_load(other: dict[str, object]) -> None:
    assert asked(other) == list(SESSIONS)


def test_a_load_that_tells_nothing_was_one_of_daily_bars_of_all() -> None:
    old = {**commit(0, 59), "facts": "{}"}

    assert asked(old) == []
    assert asked(old, timeframe="5min") == list(SESSIONS)


def test_a_load_before_a_session_had_closed_has_not_seen_it() -> None:
    noon = calendar.session_open(SESSIONS[59]) + pd.Timedelta(hours=2)

    assert asked(commit(0, 59, at=noon)) == [SESSIONS[59]]
    published = calendar.session_close(SESSIONS[59]) + DELAY
    assert asked(commit(0, 59, at=published)) == []


def test_the_last_sessions_are_asked_for_until_they_bring_a_bar() -> None:
    assert asked(commit(0, 59), tail=56) == list(SESSIONS[57:])
    assert asked(commit(0, 59), tail=None) == list(SESSIONS[-5:]), "and no further back than five"


def test_a_symbol_is_asked_for_from_its_listing_on_and_only_where_files_hold_it() -> None:
    listed = calendar.session_of("2023-09-14")

    assert spans_of(("ARM", "NVDA"), calendar.shift(listed, -9), FIRST)["ARM"] == (listed, FIRST)
    held = {"NVDA": (SESSIONS[3], SESSIONS[7])}
    assert spans_of(("ARM", "NVDA"), FIRST, SESSIONS[-1], held) == {"NVDA": (SESSIONS[3], SESSIONS[7])}


places = st.lists(st.integers(0, 59), unique=True).map(sorted)


@given(nvda=places, amd=places, together=st.booleans())
def test_the_pieces_hold_every_session_once_and_no_other(
    nvda: list[int],
    amd: list[int],
    together: bool,  # noqa: FBT001  # drawn
) -> None:
    wanted = {"NVDA": SESSIONS[nvda], "AMD": SESSIONS[amd]}

    loads = cut(wanted, "bars", "5min", "vendor", together=together)

    got = [(symbol, day) for load in loads for symbol in load.symbols for day in load.sessions()]
    assert sorted(got) == sorted((symbol, day) for symbol, days in wanted.items() for day in days)
    assert all(len(load.symbols) * len(load.sessions()) * 78 <= MOST_ROWS for load in loads)
    assert [load.first for load in loads] == sorted(load.first for load in loads)


def test_a_symbol_of_files_whose_dates_are_all_wrong_is_asked_for_beside_a_session() -> None:
    monday, friday = pd.Timestamp("2024-06-03"), pd.Timestamp("2024-06-07")
    sunday, long_ago = pd.Timestamp("2024-06-02"), pd.Timestamp("2015-06-03")
    held = {"NVDA": (pd.Timestamp("2024-06-08"),) * 2, "AMD": (sunday, sunday), "ARM": (long_ago, monday)}
    holiday = pd.Timestamp("2024-06-19")

    spans = spans_of(("NVDA", "AMD", "ARM"), sunday, pd.Timestamp("2024-06-09"), held)

    assert spans["NVDA"] == (friday, friday)
    assert spans["AMD"] == (monday, monday)
    assert spans["ARM"] == (sunday, monday)
    thursday = pd.Timestamp("2024-06-20")
    assert spans_of(("NVDA",), monday, thursday, {"NVDA": (holiday, holiday)}) == {
        "NVDA": (thursday, thursday)
    }
    before_it_listed = {"ARM": (long_ago, pd.Timestamp("2015-06-05"))}
    assert spans_of(("ARM",), long_ago, monday, before_it_listed) == before_it_listed


def test_actions_are_asked_for_whole_so_that_neighbours_are_judged_together() -> None:
    years = calendar.sessions_between(calendar.session_of("2000-01-03"), FIRST)

    loads = cut({"NVDA": years}, "corporate_actions", "5min", "vendor", together=False)

    assert [(load.first, load.last, load.timeframe) for load in loads] == [(years[0], FIRST, "")]
