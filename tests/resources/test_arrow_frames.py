"""Rows that an earlier release wrote: what can be completed is, and the rest says what to do."""

import pandas as pd
import pytest

from resources.arrow_frames import completed, from_arrow, to_arrow
from trading.errors import HomeError
from trading.testing.example_rows import example

DAY = pd.Timestamp("2024-01-02")


def test_a_table_without_a_column_of_today_names_it_and_says_what_to_do() -> None:
    rows = to_arrow("risk", example("risk", DAY, DAY)).drop_columns(["shortfall_95", "breaches"])

    with pytest.raises(HomeError, match=r"table risk lacks .*shortfall_95.*begin a new home"):
        from_arrow("risk", rows)


def test_what_older_rows_always_were_is_filled_in() -> None:
    frame = example("forecasts", DAY, DAY)
    rows = to_arrow("forecasts", frame).drop_columns(["fallback"])

    assert (from_arrow("forecasts", completed("forecasts", rows))["fallback"] == "").all()
