"""Rows as if what is known at one moment had been known in time: by hand, and as a rule over random histories."""

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar, frames
from trading.restatement import as_if_known
from trading.testing.market_frames import actions_frame

DAYS = calendar.sessions_between(pd.Timestamp("2024-03-04"), pd.Timestamp("2024-03-08"))
DELAY, HOUR = pd.Timedelta(minutes=10), pd.Timedelta(hours=1)
FOREVER = pd.Timestamp("2030-01-01", tz="UTC")


def bar(
    day: int, close: float, late_hours: float = 0.0, symbol: str = "NVDA", timeframe: str = "1D"
) -> dict[str, object]:
    """A bar that is known ten minutes after its end, or some hours later."""
    session, opened = DAYS[day], calendar.session_open(DAYS[day])
    end = opened + pd.Timedelta(minutes=5) if timeframe == "5min" else calendar.session_close(session)
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    facts = {"timeframe": timeframe, "basis": "raw", "source": "test", "volume": 1.0}
    known = end + DELAY + late_hours * HOUR
    return {"session": session, "ts": opened, "symbol": symbol, "known_at": known, **prices, **facts}


def history(*rows: dict[str, object]) -> pd.DataFrame:
    frame = pd.DataFrame(list(rows)).astype(frames.table_of("bars").dtypes)
    return frame.sort_values(list(frames.table_of("bars").key), ignore_index=True)[frames.columns("bars")]


def test_nothing_revised_and_nothing_late_stays_as_it_is() -> None:
    rows = history(*(bar(day, 10.0 + day) for day in range(5)), bar(2, 9.0, timeframe="5min"))
    pd.testing.assert_frame_equal(as_if_known("bars", rows, FOREVER), rows)


def test_a_revision_takes_the_place_of_the_first_word_and_its_moment() -> None:
    rows = history(bar(1, 10.0), bar(1, 11.0, late_hours=40))
    pd.testing.assert_frame_equal(as_if_known("bars", rows, FOREVER), history(bar(1, 11.0)))


def test_a_revision_that_is_known_later_than_the_moment_counts_for_nothing() -> None:
    rows = history(bar(1, 10.0), bar(1, 11.0, late_hours=40))
    restated = as_if_known("bars", rows, calendar.as_of(DAYS[1]))
    pd.testing.assert_frame_equal(restated, history(bar(1, 10.0)))


def test_a_late_bar_counts_as_published_with_the_usual_delay_of_its_timeframe() -> None:
    rows = history(bar(1, 10.0), bar(2, 11.0, late_hours=30), bar(2, 5.0, timeframe="5min"))
    punctual = history(bar(1, 10.0), bar(2, 11.0), bar(2, 5.0, timeframe="5min"))
    pd.testing.assert_frame_equal(as_if_known("bars", rows, FOREVER), punctual)


def test_an_action_that_was_heard_of_late_counts_as_known_at_the_open_of_its_session() -> None:
    actions = actions_frame((f"{DAYS[3]:%Y-%m-%d}", "MU", "dividend", 0.5))
    late = actions.assign(known_at=(actions["known_at"] + 90 * HOUR).dt.as_unit("us"))
    assert as_if_known("corporate_actions", late, FOREVER)["known_at"].item() == calendar.session_open(
        DAYS[3]
    )


def test_nothing_known_yet_is_an_empty_table() -> None:
    assert as_if_known("bars", history(bar(1, 10.0)), pd.Timestamp("2000-01-01", tz="UTC")).empty


ROWS = st.lists(
    st.tuples(st.integers(0, 4), st.integers(1, 9), st.sampled_from([0, 1, 20, 60]), st.sampled_from(["AMD", "NVDA"])),
    min_size=1,
    unique_by=lambda row: (row[0], row[2], row[3]),
)  # fmt: skip


# Up to a dozen opinions on five sessions of two symbols, and any hour of the week after.
@given(ROWS, st.integers(0, 24 * 7))
def test_every_key_that_is_known_has_one_row_the_last_word_and_in_time(
    opinions: list[tuple[int, int, int, str]], hours: int
) -> None:
    rows = history(*(bar(day, float(close), late, symbol) for day, close, late, symbol in opinions))
    as_of = calendar.as_of(DAYS[0]) + hours * HOUR
    restated = as_if_known("bars", rows, as_of)

    known = rows[rows["known_at"] <= as_of]
    last = known.drop_duplicates(["session", "symbol"], keep="last")
    assert list(restated["close"]) == list(last["close"])
    usual = (
        known["known_at"] - calendar.as_of_each(pd.DatetimeIndex(known["session"]), pd.Timedelta(0))
    ).min()
    decided = calendar.as_of_each(pd.DatetimeIndex(restated["session"]))
    assert (restated["known_at"] <= decided + max(usual - DELAY, pd.Timedelta(0))).all()
