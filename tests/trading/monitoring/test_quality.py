"""Figures of completeness, timeliness and accuracy, worked by hand."""

import pandas as pd
import pytest

from trading import calendar, frames, market_hours
from trading.monitoring.bar_rules import separate_bars
from trading.monitoring.quality import data_quality
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import bars_frame

FRIDAY, MONDAY = pd.Timestamp("2024-11-29"), pd.Timestamp("2024-12-02")  # the first is a half day
BOTH = calendar.sessions_between(FRIDAY, MONDAY)
FIVE = SimulatedMarket().bars(("NVDA", "AMD"), FRIDAY, MONDAY, "5min")


def of(rows: pd.DataFrame, symbol: str = "NVDA", session: pd.Timestamp = MONDAY) -> pd.Series:
    return rows[(rows["symbol"] == symbol) & (rows["session"] == session)].iloc[0]


def places(*at: int) -> pd.Index:
    """Index of those bars of NVDA on Monday."""
    return FIVE[(FIVE["symbol"] == "NVDA") & (FIVE["session"] == MONDAY)].index[list(at)]


def test_complete_sessions_have_all_bars_that_the_calendar_asks_for() -> None:
    rows = data_quality(FIVE, BOTH, "5min", ("NVDA", "AMD"))

    assert rows["expected"].tolist() == [42, 42, 78, 78]
    assert (rows["present"] == rows["expected"]).all()
    assert (rows["completeness"] == 1.0).all()
    assert rows["accuracy"].isna().all()


def test_missing_bars_lower_completeness_and_short_gaps_would_be_filled() -> None:
    rows = data_quality(FIVE.drop(index=places(3, 4, 20, 21, 22, 23, 24)), BOTH, "5min", ("NVDA",))

    assert of(rows)[["present", "filled"]].tolist() == [71, 5]
    assert of(rows)["completeness"] == 71 / 78


def test_a_symbol_without_a_bar_is_there_with_nothing_and_one_that_is_not_listed_is_not() -> None:
    early = calendar.sessions_between(pd.Timestamp("2023-09-13"), pd.Timestamp("2023-09-14"))

    rows = data_quality(frames.empty("bars"), early, "1D", ("ARM",))

    assert rows["session"].tolist() == [early[1]]
    assert rows[["expected", "present", "completeness"]].to_numpy().tolist() == [[1, 0, 0.0]]
    assert rows["known_at"].tolist() == [calendar.session_close(early[1])]


def test_timeliness_is_the_median_wait_for_a_bar_after_its_end_when_it_first_came() -> None:
    late = FIVE["ts"] + market_hours.FIVE_MINUTES + pd.to_timedelta([2.0] * len(FIVE), unit="s")
    rows = FIVE.assign(known_at=late.astype("datetime64[us, UTC]"))
    again = rows.loc[places(5)].assign(close=rows["close"], known_at=rows["known_at"] + pd.Timedelta(hours=9))

    quality = of(data_quality(pd.concat([rows, again]), BOTH, "5min", ("NVDA",)))

    assert quality["timeliness_seconds"] == 2.0
    assert quality["known_at"] == again["known_at"].iloc[0]


def test_a_bar_that_says_something_else_is_revised_and_one_that_repeats_itself_is_not() -> None:
    later = FIVE["known_at"] + pd.Timedelta(days=1)
    other = FIVE.loc[places(5, 6)].assign(volume=7.0, known_at=later)
    same = FIVE.loc[places(9)].assign(known_at=later)

    assert of(data_quality(pd.concat([FIVE, other, same]), BOTH, "5min", ("NVDA",)))["revised"] == 2


def test_rows_in_quarantine_are_counted_and_duplicates_apart() -> None:
    bad = FIVE.loc[places(0, 1)].assign(high=1.0)
    separated = separate_bars(pd.concat([FIVE.drop(index=bad.index), bad, FIVE.loc[places(7)]]))

    rows = data_quality(separated.accepted, BOTH, "5min", ("NVDA",), quarantined=separated.quarantined)

    assert of(rows)[["present", "quarantined", "duplicates"]].tolist() == [76, 2, 1]
    assert of(rows, session=FRIDAY)[["quarantined", "duplicates"]].tolist() == [0, 0]


def test_accuracy_is_the_share_of_compared_values_that_agree() -> None:
    row = {
        "session": MONDAY, "timeframe": "1D", "symbol": "NVDA", "field": "close", "left": "a", "right": "b",
        "known_at": calendar.as_of(MONDAY), "left_value": 1.0, "right_value": 1.0, "relative_difference": 0.0,
        "tolerance": 0.0, "agrees": True, "reason": "",
    }  # fmt: skip
    compared = pd.DataFrame(
        [row | {"field": name, "agrees": name != "volume"} for name in ("open", "close", "low", "volume")]
    )
    daily = bars_frame({"NVDA": [1.0, 2.0], "AMD": [3.0, 4.0]}, MONDAY)

    rows = data_quality(
        daily,
        BOTH,
        "1D",
        ("NVDA", "AMD"),
        reconciliation=compared.astype(frames.table_of("reconciliation").dtypes),
    )

    assert of(rows)["accuracy"] == 0.75
    assert pd.isna(of(rows, "AMD")["accuracy"])


@pytest.mark.parametrize(("session", "count"), [("2024-11-29", 1), ("2024-11-27", 0)])
def test_weekly_bars_are_expected_at_the_end_of_their_week(session: str, count: int) -> None:
    one = pd.DatetimeIndex([session]).as_unit("us")

    rows = data_quality(frames.empty("bars"), one, "1W", ("NVDA",))

    assert rows["expected"].tolist() == [1] * count


def test_bars_of_other_timeframes_do_not_count() -> None:
    rows = data_quality(FIVE, BOTH, "1D", ("NVDA",))

    assert rows["present"].tolist() == [0, 0]
