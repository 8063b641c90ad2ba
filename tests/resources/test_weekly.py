"""Weeks of a source that has days: on one scale, whole, and no earlier than their last session."""

import pandas as pd

from resources.sources import SimulatedSource
from trading import calendar
from trading.monitoring.bar_rules import separate_bars

SOURCE = SimulatedSource()
FIRST, LAST = pd.Timestamp("2023-09-25"), pd.Timestamp("2023-09-29")  # SPY splits 4:1 on Thursday


def test_a_raw_week_with_a_split_inside_is_on_the_scale_of_its_last_session() -> None:
    days = SOURCE.bars(("SPY",), FIRST, LAST)

    week = SOURCE.bars(("SPY",), FIRST, LAST, "1W").iloc[0]

    assert week["open"] == days["open"].iloc[0] / 4
    assert week["high"] < days["high"].iloc[0] / 2
    assert week["close"] == days["close"].iloc[-1]
    assert week["volume"] == (days["volume"] * [4, 4, 4, 1, 1]).sum()


def test_weeks_keep_the_rules_of_bars_and_are_known_after_their_last_session() -> None:
    weeks = SOURCE.bars(("SPY", "AMD"), FIRST, pd.Timestamp("2023-10-31"), "1W")

    assert separate_bars(weeks).quarantined.empty
    assert weeks["session"].nunique() == 5  # the week of the 31st has not ended
    assert (weeks["known_at"] == weeks["session"].map(calendar.session_close) + SOURCE.delay).all()
