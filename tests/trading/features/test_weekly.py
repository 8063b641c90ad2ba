"""Weekly features: the bars are those that a vendor would make of the daily ones, the features those of daily bars."""

import numpy as np
import pandas as pd
import pytest

from trading import calendar, market_hours
from trading.features.adjustment import AdjustedBars, adjusted_bars
from trading.features.aggregation import aggregated
from trading.features.daily import WINDOW_SESSIONS, daily_features
from trading.features.weekly import WEEKS, ends_week, weekly_bars, weekly_features
from trading.history import History
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import bars_frame
from trading.universe import SYMBOLS

FRIDAY = calendar.session_of("2024-06-28")
CUBES = ("open", "high", "low", "close", "volume")


def adjusted(frame: pd.DataFrame, last: pd.Timestamp, symbols: tuple[str, ...]) -> AdjustedBars:
    first = calendar.shift(last, 1 - WINDOW_SESSIONS)
    rows = History.from_frame("bars", frame).window(first, last, calendar.as_of(last))
    empty = History.from_frame("corporate_actions", pd.DataFrame(SimulatedMarket().actions((), last, last)))
    return adjusted_bars(rows, empty.window(first, last, calendar.as_of(last)), symbols=symbols)


def walk(last: pd.Timestamp = FRIDAY, absent: tuple[str, ...] = ()) -> AdjustedBars:
    steps = np.random.default_rng(1).normal(0, 0.02, WINDOW_SESSIONS)
    frame = bars_frame({"NVDA": 100 * np.exp(np.cumsum(steps))}, last)
    gone = frame["session"].isin(pd.DatetimeIndex(absent))
    return adjusted(frame[~gone].reset_index(drop=True), last, ("NVDA",))


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    return SimulatedMarket().bars(SYMBOLS, calendar.shift(FRIDAY, 1 - WINDOW_SESSIONS), FRIDAY)


def test_weekly_bars_are_those_of_the_view_that_aggregates_frames(market: pd.DataFrame) -> None:
    weeks = weekly_bars(adjusted(market, FRIDAY, SYMBOLS))
    oracle = aggregated(market, "1W")
    for cube in CUBES:
        wanted = oracle.pivot_table(cube, "session", "symbol").reindex(index=weeks.sessions, columns=SYMBOLS)
        np.testing.assert_array_equal(getattr(weeks, cube), wanted.to_numpy())
    assert len(weeks.sessions) == WEEKS


@pytest.mark.parametrize(
    ("day", "ends"),
    [("2024-03-28", True), ("2024-07-03", False), ("2024-07-05", True), ("2024-06-27", False)],
    ids=["Thursday before Good Friday", "half day", "Friday", "Thursday"],
)
def test_a_week_ends_with_its_last_session(day: str, ends: int) -> None:
    assert ends_week(calendar.session_of(day)) == ends


def test_the_window_of_daily_bars_always_holds_that_many_whole_weeks() -> None:
    week = market_hours.week_of(calendar.all_sessions())
    first = week[: -WINDOW_SESSIONS + 1]
    whole = [len(np.unique(week[k : k + WINDOW_SESSIONS])) - 1 for k in range(0, len(first), 7)]
    assert min(whole) >= WEEKS


def test_a_week_s_return_is_that_of_its_sessions() -> None:
    bars = walk()
    found = weekly_features(bars)
    steps = np.diff(np.log(bars.close[:, 0]))
    assert found["log_return"][0] == pytest.approx(steps[-5:].sum(), abs=1e-12)  # of adding logarithms
    assert found["overnight_return"][0] == pytest.approx(np.log(bars.open[-5, 0] / bars.close[-6, 0]))


def test_a_feature_is_that_of_daily_bars_if_the_weeks_were_days() -> None:
    weeks = weekly_bars(walk())
    returns = np.diff(np.log(weeks.close[:, 0]))
    found = weekly_features(walk())
    assert found["volatility_21"][0] == pytest.approx(returns[-21:].std(ddof=1) * np.sqrt(52))
    assert found["momentum_21"][0] == pytest.approx(returns[-21:].sum())
    assert found["volume_ratio_21"][0] == pytest.approx(weeks.volume[-1, 0] / weeks.volume[-21:, 0].mean())


def test_what_needs_more_weeks_than_there_are_is_unknown() -> None:
    known = {name for name, values in weekly_features(walk()).items() if np.isfinite(values[0])}
    longer = {"volatility_63", "momentum_63", "momentum_252", "rsi_14", "adx_14", "atr_14"}
    assert set(daily_features(walk())) - known == longer | {"log_volume_zscore_63"}


def test_a_week_without_its_last_session_has_no_close_and_tells_no_return() -> None:
    bars = walk(absent=("2024-06-21",))
    assert np.isnan(weekly_bars(bars).close[-2, 0])
    found = weekly_features(bars)
    assert np.isnan(found["log_return"][0])
    assert found["held_return"][0] == pytest.approx(
        np.log(bars.close[-1, 0] / bars.close[-10, 0])
    )  # the week before had four sessions
