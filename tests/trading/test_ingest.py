"""When a row of a load was known: as declared on the first load of its session, later when it came in."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames
from trading.history import History
from trading.ingest import ANY, dated_by_arrival
from trading.revisions import additions, as_known
from trading.testing.market_frames import actions_frame, bars_frame

MONDAY, TUESDAY, WEDNESDAY = (pd.Timestamp(f"2024-06-{day:02d}") for day in (3, 4, 5))
NIGHT = calendar.as_of(MONDAY) + pd.Timedelta(hours=3)
YEARS_LATER = pd.Timestamp("2026-01-05 22:00", tz="UTC")
BOTH = bars_frame({"NVDA": [100.0], "AMD": [50.0]}, MONDAY)
NVDA, AMD = (BOTH[(BOTH["symbol"] == symbol).to_numpy()] for symbol in ("NVDA", "AMD"))
SPLIT = actions_frame(("2024-06-03", "NVDA", "split", 10.0))


def ranges(*pairs: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
    """Loads of daily bars of all symbols."""
    at = pd.DataFrame(pairs, columns=["first", "last"]).astype("datetime64[us]")
    return at.assign(timeframe="1D", symbol=ANY, written_at=NIGHT)


LOADED = ranges((MONDAY, MONDAY))


def loaded(
    stored: pd.DataFrame, rows: pd.DataFrame, ingested: pd.DataFrame, now: pd.Timestamp, table: str = "bars"
) -> pd.DataFrame:
    """What a store holds after a load of `rows` at `now`."""
    dated = dated_by_arrival(table, rows, as_known(table, stored), ingested, now)
    fresh = additions(table, stored, frames.validated(table, dated), lambda: now)
    return frames.validated(table, pd.concat([stored, fresh]))


def seen(table: str, stored: pd.DataFrame, session: pd.Timestamp) -> list[str]:
    """Symbols of Monday's rows that `session` may see."""
    rows = History.from_frame(table, stored).window(MONDAY, session, calendar.as_of(session))
    return list(rows.at(MONDAY)["symbol"])


def test_the_first_load_counts_as_declared_whenever_it_runs() -> None:
    history = bars_frame({"NVDA": [1.0, 2.0, 3.0]}, WEDNESDAY)

    stored = loaded(frames.empty("bars"), history, ranges(), YEARS_LATER)

    pd.testing.assert_series_equal(stored["known_at"], history["known_at"], check_names=False)


def test_a_bar_withheld_one_evening_is_seen_only_by_later_sessions() -> None:
    evening = loaded(frames.empty("bars"), AMD, ranges(), calendar.as_of(MONDAY))

    stored = loaded(evening, BOTH, LOADED, NIGHT)

    assert seen("bars", stored, MONDAY) == ["AMD"]
    assert seen("bars", stored, TUESDAY) == ["AMD", "NVDA"]
    assert list(stored.loc[stored["symbol"] == "NVDA", "known_at"]) == [NIGHT]


def test_a_corporate_action_that_comes_late_is_seen_only_by_later_sessions() -> None:
    stored = loaded(frames.empty("corporate_actions"), SPLIT, LOADED, NIGHT, "corporate_actions")

    assert seen("corporate_actions", stored, MONDAY) == []
    assert seen("corporate_actions", stored, TUESDAY) == ["NVDA"]


def test_a_revision_is_known_from_when_it_came_in_though_its_source_dates_it_back() -> None:
    declared = calendar.as_of(TUESDAY)
    revised = pd.concat([NVDA, NVDA.assign(close=100.5, known_at=declared)])

    stored = loaded(NVDA, revised, LOADED, YEARS_LATER)

    assert list(stored["close"]) == [100.0, 100.5]
    assert list(stored["known_at"]) == [NVDA["known_at"].iloc[0], YEARS_LATER]


def test_nothing_is_known_before_its_source_declares_it() -> None:
    tomorrow = calendar.as_of(TUESDAY)

    stored = loaded(AMD, NVDA.assign(known_at=tomorrow), LOADED, NIGHT)

    assert stored.loc[stored["symbol"] == "NVDA", "known_at"].item() == tomorrow


@pytest.mark.parametrize("ingested", [ranges(), ranges((TUESDAY, WEDNESDAY))])
def test_loads_of_other_sessions_date_nothing(ingested: pd.DataFrame) -> None:
    assert dated_by_arrival("bars", BOTH, frames.empty("bars"), ingested, NIGHT) is BOTH


closes = st.sampled_from([99.0, 100.0, 101.0])
loads = st.lists(
    st.dictionaries(st.sampled_from(["NVDA", "AMD", "TSM"]), closes, min_size=1), min_size=1, max_size=3
)


@given(loads)
@settings(max_examples=12, deadline=None)  # each load validates frames three times
def test_no_load_changes_what_was_seen_before_it_and_the_same_load_again_adds_nothing(
    said: list[dict[str, float]],
) -> None:
    stored, ingested = frames.empty("bars"), ranges()
    for hours, load in enumerate(said):
        rows = bars_frame({symbol: [close] for symbol, close in load.items()}, MONDAY)
        now = calendar.as_of(MONDAY) + pd.Timedelta(hours=hours)
        before = as_known("bars", stored, now - pd.Timedelta(minutes=1))

        stored = loaded(stored, rows, ingested, now)
        ingested = LOADED

        if hours:
            pd.testing.assert_frame_equal(as_known("bars", stored, now - pd.Timedelta(minutes=1)), before)
        again = loaded(stored, rows, ingested, now + pd.Timedelta(minutes=30))
        pd.testing.assert_frame_equal(again, stored)
        newest = as_known("bars", stored).set_index("symbol")["close"]
        assert newest[list(load)].to_dict() == load
