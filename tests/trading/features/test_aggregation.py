"""Bars made of finer ones: the sums are right, and holes are said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames, market_hours
from trading.errors import DataError, UsageError
from trading.features.aggregation import aggregated
from trading.testing.market import SimulatedMarket

FIRST, LAST = pd.Timestamp("2023-09-05"), pd.Timestamp("2023-09-29")
SYMBOLS = ("AMD", "ARM", "NVDA")
MARKET = SimulatedMarket()


@pytest.fixture(scope="module")
def five() -> pd.DataFrame:
    return MARKET.bars(SYMBOLS, FIRST, LAST, "5min")


@pytest.fixture(scope="module")
def daily() -> pd.DataFrame:
    return MARKET.bars(SYMBOLS, FIRST, LAST)


def by_key(bars: pd.DataFrame) -> pd.DataFrame:
    key = list(frames.table_of("bars").key)
    return bars[frames.columns("bars")].sort_values(key, ignore_index=True)


def test_five_minute_bars_of_a_simulated_session_make_its_daily_bar(
    five: pd.DataFrame, daily: pd.DataFrame
) -> None:
    made = aggregated(five, "1D")

    pd.testing.assert_frame_equal(by_key(made), by_key(daily))
    assert made["complete"].all()
    assert set(made["expected"]) == {78}


def test_a_week_is_the_same_made_of_days_or_of_five_minutes(five: pd.DataFrame, daily: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(by_key(aggregated(five, "1W")), by_key(aggregated(daily, "1W")))


def test_a_week_by_hand(daily: pd.DataFrame) -> None:
    labor_day = daily[(daily["symbol"] == "AMD") & (daily["session"] <= "2023-09-08")]

    week = aggregated(labor_day, "1W").iloc[0]

    assert week["session"] == pd.Timestamp("2023-09-08")
    assert week["ts"] == pd.Timestamp("2023-09-05 13:30", tz="UTC")
    assert week["known_at"] == labor_day["known_at"].iloc[-1]
    assert (week["parts"], week["expected"], week["complete"]) == (4, 4, True)
    assert (week["open"], week["close"]) == (labor_day["open"].iloc[0], labor_day["close"].iloc[-1])
    assert (week["high"], week["low"]) == (labor_day["high"].max(), labor_day["low"].min())
    assert week["volume"] == labor_day["volume"].sum()


def test_the_week_of_a_listing_is_whole_with_the_sessions_since(daily: pd.DataFrame) -> None:
    made = aggregated(daily, "1W")

    arm = made[made["symbol"] == "ARM"].iloc[0]
    assert (arm["session"], arm["parts"], arm["expected"]) == (pd.Timestamp("2023-09-15"), 2, 2)
    assert arm["complete"]
    assert arm["has_open"]


def test_a_bar_with_holes_says_of_how_many_parts_it_is_made(five: pd.DataFrame) -> None:
    one = five[(five["symbol"] == "AMD") & (five["session"] == FIRST)]

    made = aggregated(one.iloc[1:-1], "1D").iloc[0]

    assert (made["parts"], made["expected"]) == (76, 78)
    assert not made["complete"]
    assert not made["has_open"]
    assert not made["has_close"]


def test_a_part_that_is_itself_not_whole_is_a_hole_in_the_week(daily: pd.DataFrame) -> None:
    amd = daily[(daily["symbol"] == "AMD") & (daily["session"] <= "2023-09-08")]

    made = aggregated(amd.assign(complete=[True, False, True, True]), "1W").iloc[0]

    assert (made["parts"], made["expected"], made["complete"]) == (3, 4, False)


def test_a_half_day_is_whole_with_its_42_bars() -> None:
    half = pd.Timestamp("2023-11-24")

    made = aggregated(MARKET.bars(("AMD",), half, half, "5min"), "1D").iloc[0]

    assert (made["parts"], made["expected"], made["complete"]) == (42, 42, True)


def test_bases_are_never_mixed_in_a_bar(daily: pd.DataFrame) -> None:
    mixed = daily[daily["symbol"] == "AMD"].copy()
    mixed.loc[mixed["session"] == pd.Timestamp("2023-09-07"), "basis"] = "fully_adjusted"

    with pytest.raises(DataError, match="AMD in session 2023-09-07 changes from raw to fully_adjusted"):
        aggregated(mixed, "1W")


@pytest.mark.parametrize(("timeframe", "of"), [("1D", "1D"), ("5min", "1D"), ("1D", "1W")])
def test_only_finer_bars_make_a_bar(timeframe: str, of: str, daily: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match=f"bars of {timeframe} are made of"):
        aggregated(daily.assign(timeframe=of), timeframe)


def test_two_timeframes_at_once_make_nothing(five: pd.DataFrame, daily: pd.DataFrame) -> None:
    with pytest.raises(UsageError, match="one at a time"):
        aggregated(pd.concat([five, daily]), "1W")


def test_no_bars_make_no_bars() -> None:
    made = aggregated(frames.empty("bars"), "1W")

    assert made.empty
    assert set(frames.columns("bars")) < set(made.columns)


def test_a_symbol_outside_the_universe_expects_every_session_of_its_week(daily: pd.DataFrame) -> None:
    other = daily[(daily["symbol"] == "AMD") & (daily["session"] == FIRST)].assign(symbol="XLK")

    assert aggregated(other, "1W")["expected"].tolist() == [4]


@settings(max_examples=30, deadline=None)
@given(kept=st.sets(st.integers(0, 233), min_size=1))
def test_any_part_of_the_bars_is_grouped_as_pandas_does(kept: set[int]) -> None:
    bars = MARKET.bars(("AMD", "NVDA"), FIRST, FIRST + pd.Timedelta(days=1), "5min").iloc[sorted(kept)]
    grouped = bars.sort_values("ts").groupby(["session", "symbol"], as_index=False)
    expected = grouped.agg(
        open=("open", "first"), high=("high", "max"), low=("low", "min"), close=("close", "last"),
        volume=("volume", "sum"), known_at=("known_at", "max"), parts=("open", "size"),
    )  # fmt: skip

    made = aggregated(bars.sample(frac=1, random_state=7), "1D")

    assert np.array_equal(made["complete"], made["parts"] == 78)
    np.testing.assert_array_equal(made["ts"], calendar.open_each(pd.DatetimeIndex(made["session"])))
    pd.testing.assert_frame_equal(made[list(expected.columns)], expected, check_dtype=False)


def test_the_weekly_label_is_that_of_market_hours(daily: pd.DataFrame) -> None:
    made = aggregated(daily, "1W")

    assert set(made["session"]) == set(pd.DatetimeIndex(market_hours.week_of(daily["session"])))
