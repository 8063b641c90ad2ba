"""Gaps are filled flat, at most three bars, within the session, and never from what comes later."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames, market_hours
from trading.digest import generator
from trading.features.filling import count_filled, filled

DAY = pd.Timestamp("2024-07-02")
HALF_DAY = pd.Timestamp("2024-07-03")
DELAY = pd.Timedelta(minutes=10)


def bars(places: list[int], session: pd.Timestamp = DAY, symbol: str = "NVDA") -> pd.DataFrame:
    """Five-minute bars at these places of the session's grid, with made-up prices."""
    ts = market_hours.grid(session)[places]
    close = 100.0 + generator("test/filling", session).standard_normal(78)[places]
    frame = pd.DataFrame({"session": session, "timeframe": "5min", "ts": ts, "symbol": symbol})
    frame = frame.assign(known_at=ts + market_hours.FIVE_MINUTES + DELAY, open=close, high=close + 1)
    frame = frame.assign(low=close - 1, close=close, volume=500.0, basis="raw", source="test")
    return frame.astype(frames.table_of("bars").dtypes)


def places(view: pd.DataFrame) -> list[int]:
    return market_hours.slot_of(view["session"], view["ts"]).tolist()


def test_a_gap_repeats_the_close_before_it_without_volume() -> None:
    observed = bars([*range(10), *range(12, 78)])

    view = filled(observed)

    made = view[view["filled"]]
    assert places(made) == [10, 11]
    close = observed["close"].iloc[9]
    assert (made[["open", "high", "low", "close"]] == close).all(axis=None)
    assert (made["volume"] == 0).all()
    assert (made["known_at"] == made["ts"] + market_hours.FIVE_MINUTES + DELAY).all()


def test_of_a_long_gap_the_first_three_bars_are_filled_and_no_more() -> None:
    view = filled(bars([0, 1, *range(20, 78)]))

    assert places(view[view["filled"]]) == [2, 3, 4]
    assert places(filled(bars([0, 1, *range(20, 78)]), most=1).query("filled")) == [2]


def test_nothing_is_filled_before_the_first_bar_of_a_session_or_past_its_close() -> None:
    half = [*range(5, 41)]  # a half day has 42 bars: the last one is absent, and the first five

    view = filled(pd.concat([bars([*range(78)]), bars(half, HALF_DAY)]))

    made = view[view["filled"]]
    assert made["session"].tolist() == [HALF_DAY]
    assert places(made) == [41]
    assert made["ts"].iloc[0] + market_hours.FIVE_MINUTES == calendar.session_close(HALF_DAY)


def test_each_symbol_is_filled_from_its_own_bars() -> None:
    both = pd.concat([bars([*range(5), *range(6, 78)]), bars([*range(78)], symbol="AMD")])

    view = filled(both)

    assert view.loc[view["filled"], "symbol"].tolist() == ["NVDA"]
    assert count_filled(both).set_index("symbol")["filled"].to_dict() == {"NVDA": 1, "AMD": 0}


def test_daily_bars_have_no_gaps() -> None:
    daily = bars([0]).assign(timeframe="1D")

    view = filled(daily)

    assert view["filled"].tolist() == [False]
    assert count_filled(daily).empty


def test_no_bars_are_filled_into_no_bars() -> None:
    view = filled(frames.empty("bars"))

    assert list(view.columns) == [*frames.columns("bars"), "filled"]
    assert view.empty


present = st.sets(st.integers(0, 77), min_size=1).map(sorted)


@settings(max_examples=50)
@given(places_held=present, cut=st.integers(0, 77))
def test_a_view_as_of_a_moment_is_the_beginning_of_every_later_view(places_held: list[int], cut: int) -> None:
    observed = bars(places_held)
    moment = market_hours.grid(DAY)[cut] + market_hours.FIVE_MINUTES + DELAY

    then = filled(observed[(observed["known_at"] <= moment).to_numpy()])
    later = filled(observed)

    known = [view[(view["known_at"] <= moment).to_numpy()].reset_index(drop=True) for view in (then, later)]
    pd.testing.assert_frame_equal(*known)


@settings(max_examples=50)
@given(places_held=present, most=st.integers(0, 5))
def test_filling_agrees_with_pandas_forward_fill_on_the_grid(places_held: list[int], most: int) -> None:
    observed = bars(places_held)
    on_grid = observed.set_index(pd.Index(places_held))["close"].reindex(range(78))
    expected = on_grid.ffill(limit=most).dropna() if most else on_grid.dropna()

    view = filled(observed, most)

    assert places(view) == expected.index.tolist()
    np.testing.assert_array_equal(view["close"], expected)
    assert count_filled(observed, most)["filled"].sum() == len(expected) - len(observed)
    pd.testing.assert_frame_equal(
        view[~view["filled"].to_numpy()].drop(columns="filled").reset_index(drop=True), observed
    )
