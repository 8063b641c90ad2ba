"""Versions that learn from weeks or five minutes, and the daily one that is carried over where they cannot."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from models.forecasters.catalogue import ModelSpec, train_book
from trading import calendar, market_hours
from trading.errors import ShortHistoryError
from trading.features.intraday import grid_of
from trading.history import History
from trading.stages.models_book import MemoryModelBook
from trading.stages.timeframe_training import (
    dues_of,
    timeframe_window,
    training_span,
    weekly_look_back,
)
from trading.stages.training import CHAMPION_AGE_SESSIONS, made_of
from trading.stages.windows import week_labels
from trading.testing.feature_history import feature_history
from trading.universe import SYMBOLS

THROUGH = calendar.session_of("2024-06-28")
LIVE = calendar.session_of("2024-07-01")
BARS = {"1W": 104, "5min": 780}
SPEC = ModelSpec(
    "ar1", PooledAR1, "quarterly", enabled=True, min_history=22, training_sessions=70, training_bars=BARS
)


def autoregressive(slope: float, count: int) -> np.ndarray:
    rng = np.random.default_rng(3)
    out = rng.normal(0, 0.02, (count, len(SYMBOLS)))
    for row in range(1, count):
        out[row] += slope * out[row - 1]
    return out


def rows_of(returns: np.ndarray, timeframe: str, sessions: pd.DatetimeIndex, ts: np.ndarray) -> History:
    """Feature rows of bars that are not daily; (n, s) returns, and session and start of each bar."""
    count = len(sessions)
    known = calendar.as_of_each(sessions).tz_localize(None).to_numpy().astype("datetime64[us]")
    values = {
        "session": sessions.to_numpy().astype("datetime64[us]"),
        "known_at": known,
        "ts": ts.astype("datetime64[us]"),
    }
    values = {name: np.repeat(column, len(SYMBOLS)) for name, column in values.items()}
    values |= {
        "symbol": np.tile(np.array(SYMBOLS, dtype=object), count),
        "timeframe": np.full(count * len(SYMBOLS), timeframe, dtype=object),
        "log_return": returns.ravel(),
        "volatility_21": np.full(returns.size, 0.3),
        "filled": np.zeros(returns.size, dtype=bool),
    }
    return History("features", values)


def weekly(count: int, slope: float = 0.4) -> History:
    labels = week_labels(THROUGH, count)
    starts = market_hours.bar_starts(labels, "1W").tz_localize(None).to_numpy()
    return rows_of(autoregressive(slope, count), "1W", labels, starts)


def fine(sessions: int, slope: float = -0.3) -> History:
    days = calendar.sessions_between(calendar.shift(THROUGH, 1 - sessions), THROUGH)
    starts = grid_of(days).starts
    owner = days[np.searchsorted(days.to_numpy(), starts.astype("datetime64[D]"))]
    return rows_of(autoregressive(slope, len(starts)), "5min", owner, starts)


def book(others: Mapping[str, History]) -> MemoryModelBook:
    daily = feature_history(autoregressive(0.1, 210), "2024-06-28")
    return train_book((SPEC,), {"1D": daily, **others}, LIVE, LIVE)


def slope_of(held: MemoryModelBook, timeframe: str) -> float:
    """What the version trained through the end of June believes of bars of `timeframe`."""
    live = held.live("ar1", LIVE, timeframe)
    forecaster = next(by for version, by in live if version.trained_through == THROUGH)
    return float(forecaster.coefficients_[1])


def test_each_timeframe_s_version_learns_from_its_own_bars() -> None:
    held = book({"1W": weekly(104), "5min": fine(14)})

    slopes = [slope_of(held, timeframe) for timeframe in ("1D", "1W", "5min")]

    # Some hundreds of pairs and more: a standard error below 0.04 each.
    assert slopes == pytest.approx([0.1, 0.4, -0.3], abs=0.1)


def test_where_a_timeframe_has_too_little_history_the_daily_version_speaks() -> None:
    held = book({"1W": weekly(40)})

    daily = held.records("ar1", LIVE)
    assert held.records("ar1", LIVE, "1W") == held.records("ar1", LIVE, "5min") == daily
    assert {version.timeframe for version in daily} == {"1D"}


def test_daily_versions_are_the_same_whatever_else_is_learned() -> None:
    with_weeks, without = book({"1W": weekly(104)}), book({})

    assert with_weeks.records("ar1", LIVE) == without.records("ar1", LIVE)
    assert slope_of(with_weeks, "1D") == slope_of(without, "1D")


def test_bars_that_end_after_the_session_trained_through_are_not_learned_from() -> None:
    early = calendar.session_of("2024-05-31")

    window = timeframe_window(weekly(130), SPEC, early, "1W")

    assert len(window.sessions) == BARS["1W"]
    assert pd.Timestamp(window.sessions[-1]) <= early
    assert window.as_of == calendar.as_of(early)


def test_a_window_of_five_minutes_is_as_long_whatever_sessions_ended_early() -> None:
    after_thanksgiving = calendar.session_of("2024-12-02")

    assert len(timeframe_window(fine(20), SPEC, THROUGH, "5min").sessions) == BARS["5min"]
    span = training_span(SPEC, "5min")
    days = calendar.sessions_between(calendar.shift(after_thanksgiving, 1 - span), after_thanksgiving)
    assert len(grid_of(days).starts) >= BARS["5min"]


def test_half_of_the_window_must_be_known_of_one_name() -> None:
    assert timeframe_window(fine(6), SPEC, THROUGH, "5min").mask.all()
    with pytest.raises(
        ShortHistoryError, match=r"ar1 cannot learn from 5min bars through 2024-06-28.*carried over"
    ):
        timeframe_window(fine(4), SPEC, THROUGH, "5min")


def test_the_calendar_asks_for_each_timeframe_that_is_learned_from() -> None:
    zero_shot = replace(SPEC, cadence="zero_shot", training_bars={})
    dues = list(dues_of(SPEC, ("1D", "1W"), LIVE, LIVE))

    assert [due.timeframe for due in dues] == ["1D"] * 3 + ["1W"] * 3
    assert [due.trained_through for due in dues[:3]] == [due.trained_through for due in dues[3:]]
    assert len(list(dues_of(zero_shot, ("1D", "1W"), LIVE, LIVE))) == 1


def test_weekly_features_reach_as_far_back_as_a_champion_learned() -> None:
    assert weekly_look_back(SPEC) == CHAMPION_AGE_SESSIONS["quarterly"] + 105 * 5 - 1
    assert weekly_look_back(replace(SPEC, training_bars={})) == 0


def test_the_number_of_bars_is_part_of_what_a_version_is_made_of() -> None:
    fewer = replace(SPEC, training_bars={"1W": 52})

    assert made_of(SPEC, "1W") != made_of(fewer, "1W")
    assert made_of(SPEC) == made_of(fewer) == made_of(replace(SPEC, training_bars={}))
