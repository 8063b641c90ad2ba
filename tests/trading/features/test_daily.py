"""Daily features against pandas and TA-Lib, their windows, and what they do where bars are missing."""

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames
from trading.digest import generator
from trading.features.adjustment import AdjustedBars
from trading.features.daily import (
    ANNUAL_SESSIONS,
    COLUMNS,
    LONGEST_BARS,
    WILDER_BARS,
    WINDOW_SESSIONS,
    daily_features,
)

LAST = calendar.session_of("2024-06-28")
NEED = {
    "log_return": 2, "held_return": 2, "overnight_return": 2, "volatility_21": 22, "volatility_63": 64, "rsi_14": WILDER_BARS,
    "adx_14": WILDER_BARS, "atr_14": WILDER_BARS, "momentum_21": 22, "momentum_63": 64,
    "momentum_252": LONGEST_BARS, "bollinger_20": 20, "volume_ratio_21": 21, "log_volume_zscore_63": 63,
}  # fmt: skip


def walk(sessions: int = WINDOW_SESSIONS, symbols: int = 3, seed: int = 0) -> AdjustedBars:
    """Bars of random walks that end at the same session."""
    source = generator("walk", seed=seed)
    steps = source.normal(0, 0.02, (sessions, symbols, 4))
    close = 100 * np.exp(np.cumsum(steps[..., 0], axis=0))
    opened = close * np.exp(steps[..., 1])
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    high, low = high * np.exp(np.abs(steps[..., 2])), low * np.exp(-np.abs(steps[..., 3]))
    volume = np.round(1e6 * np.exp(source.normal(0, 0.3, (sessions, symbols))))
    labels = calendar.sessions_between(calendar.shift(LAST, 1 - sessions), LAST)
    names = ("NVDA", "AMD", "ASML", "TSM")[:symbols]
    return AdjustedBars(labels, names, opened, high, low, close, volume)


def cut(bars: AdjustedBars, rows: slice | np.ndarray) -> AdjustedBars:
    values = (getattr(bars, name)[rows] for name in ("open", "high", "low", "close", "volume"))
    return AdjustedBars(bars.sessions[rows], bars.symbols, *values)


def without(bars: AdjustedBars, rows: slice, symbol: int) -> AdjustedBars:
    values = [getattr(bars, name).copy() for name in ("open", "high", "low", "close", "volume")]
    for value in values:
        value[rows, symbol] = np.nan
    return AdjustedBars(bars.sessions, bars.symbols, *values)


def test_columns_are_those_of_the_table() -> None:
    declared = set(frames.columns("features")) - {
        "session",
        "symbol",
        "timeframe",
        "known_at",
        "ts",
        "filled",
    }

    assert set(daily_features(walk())) == set(COLUMNS) == declared == set(NEED)


@pytest.mark.parametrize("symbol", [0, 1, 2])
def test_rolling_features_equal_pandas(symbol: int) -> None:
    bars = walk()
    close, volume, opened = (pd.Series(v[:, symbol]) for v in (bars.close, bars.volume, bars.open))
    steps = np.log(close).diff()
    logs = np.log(volume)
    expected = {
        "log_return": steps,
        "held_return": steps,
        "overnight_return": np.log(opened / close.shift()),
        "volatility_21": steps.rolling(21).std() * np.sqrt(ANNUAL_SESSIONS),
        "volatility_63": steps.rolling(63).std() * np.sqrt(ANNUAL_SESSIONS),
        "momentum_21": np.log(close / close.shift(21)),
        "momentum_63": np.log(close / close.shift(63)),
        "momentum_252": np.log(close / close.shift(252)),
        "bollinger_20": (close - close.rolling(20).mean()) / (2 * close.rolling(20).std(ddof=0)),
        "volume_ratio_21": volume / volume.rolling(21).mean(),
        "log_volume_zscore_63": (logs - logs.rolling(63).mean()) / logs.rolling(63).std(),
    }

    made = daily_features(bars)

    for name, series in expected.items():
        # pandas' rolling sums carry rounding along the whole series, about 1e-12 here.
        assert made[name][symbol] == pytest.approx(series.iloc[-1], rel=1e-9, abs=1e-12), name


def test_wilders_indicators_equal_talib_on_the_fixed_window() -> None:
    bars = walk()
    high, low, close = (v[-WILDER_BARS:, 1].copy() for v in (bars.high, bars.low, bars.close))

    made = daily_features(bars)

    assert made["rsi_14"][1] == talib.RSI(close, 14)[-1]
    assert made["adx_14"][1] == talib.ADX(high, low, close, 14)[-1]
    assert made["atr_14"][1] == talib.ATR(high, low, close, 14)[-1] / close[-1]


def test_wilders_indicators_have_forgotten_what_came_before_their_window() -> None:
    """What was 126 bars back weighs (13/14)^112 = 0.0002 in RSI and ATR, and a little more in ADX."""
    bars = walk(sessions=1000)
    high, low, close = (v[:, 0].copy() for v in (bars.high, bars.low, bars.close))

    made = daily_features(cut(bars, slice(-WINDOW_SESSIONS, None)))

    assert made["rsi_14"][0] == pytest.approx(talib.RSI(close, 14)[-1], abs=0.05)
    assert made["adx_14"][0] == pytest.approx(talib.ADX(high, low, close, 14)[-1], abs=0.2)


def test_rsi_of_a_steady_rise_is_a_hundred_and_volatility_of_it_zero() -> None:
    bars = walk(symbols=1)
    close = np.geomspace(100.0, 200.0, WINDOW_SESSIONS)[:, None]

    made = daily_features(AdjustedBars(bars.sessions, bars.symbols, close, close, close, close, bars.volume))

    assert made["rsi_14"][0] == 100.0
    assert made["volatility_21"][0] == pytest.approx(0.0, abs=1e-13)
    assert made["momentum_252"][0] == pytest.approx(252 / 272 * np.log(2), rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), older=st.integers(1, 200))
def test_no_feature_changes_when_older_history_comes_before_the_longest_window(seed: int, older: int) -> None:
    bars = walk(sessions=LONGEST_BARS + older, seed=seed)

    long, short = daily_features(bars), daily_features(cut(bars, slice(older, None)))

    for name in COLUMNS:
        assert long[name].tobytes() == short[name].tobytes(), name


@pytest.mark.parametrize("name", COLUMNS)
def test_a_feature_is_nan_until_its_window_is_full(name: str) -> None:
    need = NEED[name]
    bars = walk(symbols=2)

    full = daily_features(without(bars, slice(0, WINDOW_SESSIONS - need), 1))
    short = daily_features(without(bars, slice(0, WINDOW_SESSIONS - need + 1), 1))

    assert np.isfinite(full[name][1])
    assert np.isnan(short[name][1])
    assert np.isfinite(short[name][0])


def test_a_late_listing_of_one_symbol_does_not_change_another() -> None:
    bars = walk(symbols=3)

    alone, beside = daily_features(bars), daily_features(without(bars, slice(0, 200), 2))

    for name in COLUMNS:
        # The other layout in memory may add in another order.
        np.testing.assert_allclose(alone[name][:2], beside[name][:2], rtol=1e-12, err_msg=name)


def test_the_first_bar_after_a_gap_has_no_return_and_the_gap_counts_in_no_volatility() -> None:
    bars = walk(symbols=2)
    jumped = without(bars, slice(-15, -1), 1)
    jumped.close[-1, 1] *= 3.0

    made = daily_features(jumped)

    assert np.isnan(made["log_return"][1])
    assert np.isnan(made["overnight_return"][1])
    before = np.diff(np.log(bars.close[: WINDOW_SESSIONS - 15, 1]))[-21:].std(ddof=1)
    assert made["volatility_21"][1] == pytest.approx(before * np.sqrt(ANNUAL_SESSIONS), rel=1e-12)


def test_a_holder_s_return_of_the_first_bar_after_a_gap_is_that_of_the_whole_gap() -> None:
    bars = walk(symbols=2)

    made = daily_features(without(bars, slice(-15, -1), 1))

    assert made["held_return"][1] == np.log(bars.close[-1, 1] / bars.close[-16, 1])
    assert made["held_return"][0] == pytest.approx(made["log_return"][0], rel=1e-12, abs=1e-15)


def test_a_gap_is_skipped_not_filled() -> None:
    bars = walk(symbols=2)
    gap = slice(-40, -26)

    made = daily_features(without(bars, gap, 1))

    there = np.r_[0 : WINDOW_SESSIONS - 40, WINDOW_SESSIONS - 26 : WINDOW_SESSIONS]
    close = bars.close[there, 1]
    assert made["momentum_63"][1] == pytest.approx(np.log(close[-1] / close[-64]), rel=1e-12)
    assert made["rsi_14"][1] == talib.RSI(close[-WILDER_BARS:].copy(), 14)[-1]
    # The return of the session after the gap is one of the missing ones; 26 bars follow it.
    assert made["volatility_21"][1] == daily_features(bars)["volatility_21"][1]


def test_a_window_that_lacks_as_many_sessions_as_it_can_spare_is_still_full() -> None:
    spare = WINDOW_SESSIONS - LONGEST_BARS
    bars = walk(symbols=2)

    made = daily_features(without(bars, slice(100, 100 + spare), 1))

    assert all(np.isfinite(made[name][1]) for name in COLUMNS)


def test_a_symbol_without_a_bar_at_the_session_has_no_feature() -> None:
    made = daily_features(without(walk(symbols=2), slice(-1, None), 1))

    assert all(np.isnan(made[name][1]) for name in COLUMNS)


def test_without_volume_only_the_volume_features_are_nan() -> None:
    bars = walk(symbols=2)
    bars.volume[:, 1] = 0.0

    made = daily_features(bars)

    assert {name for name in COLUMNS if np.isnan(made[name][1])} == {
        "volume_ratio_21",
        "log_volume_zscore_63",
    }


@settings(max_examples=20, deadline=None)
@given(scale=st.sampled_from((0.01, 0.1, 10.0, 1e4)), seed=st.integers(0, 100))
def test_features_are_free_of_scale(scale: float, seed: int) -> None:
    bars = walk(seed=seed)
    larger = AdjustedBars(
        bars.sessions,
        bars.symbols,
        *(getattr(bars, n) * scale for n in ("open", "high", "low", "close", "volume")),
    )

    made, scaled = daily_features(bars), daily_features(larger)

    for name in COLUMNS:
        # Differences of prices near each other lose a few digits.
        np.testing.assert_allclose(made[name], scaled[name], rtol=1e-9, atol=1e-11, err_msg=name)
