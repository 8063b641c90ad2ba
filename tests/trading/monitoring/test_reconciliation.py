"""What two timeframes or two sources say of one bar is compared field by field, each with its tolerance."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trading import frames
from trading.monitoring.reconciliation import (
    FIELDS,
    MADE_OF_FIVE_MINUTES,
    between_sources,
    between_timeframes,
    reconciled,
    span,
)
from trading.testing.market import SimulatedMarket

FIRST, LAST = pd.Timestamp("2024-07-01"), pd.Timestamp("2024-07-05")
DATA = Path(__file__).parents[4] / "shared" / "data"
MARKET = SimulatedMarket()
NOTHING = frames.empty("bars")


@pytest.fixture(scope="module")
def five() -> pd.DataFrame:
    return MARKET.bars(("AMD", "NVDA"), FIRST, LAST, "5min")


@pytest.fixture(scope="module")
def daily() -> pd.DataFrame:
    return MARKET.bars(("AMD", "NVDA"), FIRST, LAST)


def of(rows: pd.DataFrame, field: str, symbol: str = "AMD", session: pd.Timestamp = FIRST) -> pd.Series:
    mine = rows[(rows["field"] == field) & (rows["symbol"] == symbol) & (rows["session"] == session)]
    assert len(mine) == 1
    return mine.iloc[0]


def test_five_minute_bars_that_make_the_daily_bar_agree_in_every_field(
    five: pd.DataFrame, daily: pd.DataFrame
) -> None:
    rows = reconciled(five, daily)

    assert len(rows) == 4 * 2 * len(FIELDS)
    assert rows["agrees"].all()
    assert (rows["relative_difference"] == 0).all()
    assert set(zip(rows["left"], rows["right"], strict=True)) == {("1D", "5min")}
    assert (rows["known_at"] == rows["session"].map(daily.set_index("session")["known_at"].to_dict())).all()


@pytest.mark.parametrize("order", ["daily first", "five minutes first"])
def test_it_does_not_matter_which_timeframe_came_first(
    order: str, five: pd.DataFrame, daily: pd.DataFrame
) -> None:
    accepted, stored = (five, daily) if order == "daily first" else (daily, five)

    pd.testing.assert_frame_equal(reconciled(accepted, stored), reconciled(five, daily))


def test_summed_volume_is_less_than_the_daily_one_and_that_is_no_disagreement(
    five: pd.DataFrame, daily: pd.DataFrame
) -> None:
    less = reconciled(five.assign(volume=np.floor(five["volume"] * 0.5)), daily)
    more = reconciled(five.assign(volume=five["volume"] * 1.1), daily)
    nearly_none = reconciled(five.assign(volume=np.floor(five["volume"] * 0.1)), daily)

    assert of(less, "volume")["agrees"]
    assert of(less, "volume")["relative_difference"] == pytest.approx(-0.5, abs=1e-4)  # whole shares
    assert not of(more, "volume")["agrees"]
    assert not of(nearly_none, "volume")["agrees"]


@pytest.mark.parametrize("field", ["open", "high", "low", "close"])
def test_a_daily_price_beyond_its_tolerance_disagrees_and_one_within_does_not(
    field: str, five: pd.DataFrame, daily: pd.DataFrame
) -> None:
    most = MADE_OF_FIVE_MINUTES[field].most
    within, beyond = (
        of(
            between_timeframes(pd.concat([daily.assign(**{field: daily[field] / by}), five]), "1D", "5min"),
            field,
        )
        for by in (1 + 0.9 * most, 1 + 1.1 * most)
    )

    assert within["agrees"]
    assert not beyond["agrees"]
    assert beyond["relative_difference"] == pytest.approx(1.1 * most)
    assert beyond["reason"] == MADE_OF_FIVE_MINUTES[field].reason


def test_of_a_session_with_holes_only_what_can_be_known_is_compared(
    five: pd.DataFrame, daily: pd.DataFrame
) -> None:
    one = five[(five["symbol"] == "AMD") & (five["session"] == FIRST)]

    without_last = reconciled(one.iloc[:-1], daily)
    without_first = reconciled(one.iloc[1:], daily)

    assert without_last["field"].tolist() == ["open"]
    assert without_first["field"].tolist() == ["close"]


def week_of_amd() -> pd.DataFrame:
    """A week as a vendor might give it: its close is that of its last session, its volume is made up."""
    monday = pd.Timestamp("2024-07-01 13:30", tz="UTC")
    return MARKET.bars(("AMD",), LAST, LAST).assign(timeframe="1W", ts=monday, volume=1e9)


def test_a_given_week_stands_beside_that_of_its_sessions(daily: pd.DataFrame) -> None:
    basis = {"basis": "fully_adjusted"}

    rows = reconciled(week_of_amd().assign(**basis), daily.assign(**basis))

    assert set(rows["left"]) == {"1W"}
    assert of(rows, "close", session=LAST)["agrees"]
    assert not of(rows, "volume", session=LAST)["agrees"]
    assert span(pd.Timestamp("2024-07-02"), pd.Timestamp("2024-07-02")) == (FIRST, LAST)


def test_of_a_raw_week_which_may_hold_a_split_only_the_close_is_compared(daily: pd.DataFrame) -> None:
    rows = reconciled(week_of_amd(), daily)

    assert rows["field"].tolist() == ["close"]
    assert rows["agrees"].all()


def test_two_sources_of_one_bar_are_named_in_one_order_whoever_came_first(daily: pd.DataFrame) -> None:
    other = daily.assign(source="vendor", close=daily["close"] * 1.001)

    rows = between_sources(daily, other)

    assert set(rows["left"]) == {"simulated"}
    assert set(rows["right"]) == {"vendor"}
    assert of(rows, "close")["relative_difference"] == pytest.approx(0.001)
    assert not of(rows, "close")["agrees"]
    assert of(rows, "open")["agrees"]
    pd.testing.assert_frame_equal(rows, between_sources(other, daily))


def test_bars_that_two_vendors_adjusted_as_of_different_days_are_compared_by_their_shape(
    daily: pd.DataFrame,
) -> None:
    one = daily.assign(basis="fully_adjusted")
    scaled = {name: one[name] * 0.9963 for name in ("open", "high", "low", "close")}
    other = one.assign(**scaled, source="vendor")

    same, higher = between_sources(one, other), between_sources(one, other.assign(high=one["high"] * 1.01))

    assert set(same["field"]) == {"open", "high", "low", "volume"}
    assert same["agrees"].all()
    assert not higher.loc[higher["field"] == "high", "agrees"].any()


def test_the_same_source_again_is_no_comparison(daily: pd.DataFrame) -> None:
    revised = daily.assign(close=daily["close"] * 1.001)

    assert between_sources(daily, revised).empty
    assert reconciled(revised, daily).empty


def test_of_five_minute_bars_the_one_furthest_apart_stands_for_its_session(five: pd.DataFrame) -> None:
    one = five[(five["symbol"] == "AMD") & (five["session"] == FIRST)].reset_index(drop=True)
    close = one["close"].copy()
    close.iloc[[3, 40]] *= np.array([1.001, 1.01])

    rows = between_sources(one, one.assign(close=close, source="vendor"))

    worst = of(rows, "close")
    assert (worst["left_value"], worst["right_value"]) == (one["close"].iloc[40], close.iloc[40])
    assert not worst["agrees"]
    assert len(rows) == len(FIELDS)
    assert (rows["known_at"] == one["known_at"].iloc[-1]).all()


def test_a_value_beside_zero_disagrees_and_two_zeros_agree(daily: pd.DataFrame) -> None:
    none = daily.assign(volume=0.0)

    beside = between_sources(none, daily.assign(source="vendor"))
    both = between_sources(none, none.assign(source="vendor"))

    assert not of(beside, "volume")["agrees"]
    assert np.isnan(of(beside, "volume")["relative_difference"])
    assert of(both, "volume")["agrees"]


def test_on_another_basis_only_the_shape_of_the_bar_is_compared(
    five: pd.DataFrame, daily: pd.DataFrame
) -> None:
    halved = {name: daily[name] / 2 for name in ("open", "high", "low", "close")}
    adjusted = daily.assign(**halved, volume=daily["volume"] * 2, basis="split_adjusted")
    tall = adjusted.assign(high=adjusted["high"] * 1.05)

    same, higher = reconciled(five, adjusted), reconciled(five, tall)

    assert set(same["field"]) == {"open", "high", "low"}
    assert same["agrees"].all()
    assert not higher.loc[higher["field"] == "high", "agrees"].any()
    assert higher.loc[higher["field"] != "high", "agrees"].all()


def test_a_load_beside_nothing_compares_nothing(daily: pd.DataFrame) -> None:
    assert reconciled(daily, NOTHING).empty
    assert reconciled(NOTHING, daily).empty


def test_only_sessions_of_the_load_get_rows(five: pd.DataFrame, daily: pd.DataFrame) -> None:
    rows = reconciled(five[five["session"] == FIRST], daily)

    assert set(rows["session"]) == {FIRST}


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_real_daily_bars_agree_with_their_five_minute_bars() -> None:
    from resources.sources import FilesSource

    source = FilesSource(DATA, basis="raw")
    symbols, first, last = ("NVDA", "AMD", "SPY"), pd.Timestamp("2025-05-12"), pd.Timestamp("2025-06-30")

    rows = reconciled(source.bars(symbols, first, last, "5min"), source.bars(symbols, first, last))

    assert len(rows) == 3 * 34 * len(FIELDS)
    assert rows["agrees"].all()
    assert (rows.loc[rows["field"] == "volume", "relative_difference"] < 0).all()  # never the whole tape
