"""Features of five-minute bars: causal, without the night, started anew at each open, gaps filled and flagged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar, frames, market_hours
from trading.errors import DataError
from trading.features.daily import COLUMNS
from trading.features.filling import filled
from trading.features.five_minute import WINDOW_SESSIONS, five_minute_features
from trading.features.intraday import IntradayBars, filled_bars, grid_of, intraday_bars
from trading.history import History
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import actions_frame

DAY = calendar.session_of("2024-07-05")  # the session before ended early
SESSIONS = calendar.sessions_between(calendar.shift(DAY, 1 - WINDOW_SESSIONS), DAY)
NAMES = ("NVDA", "AMD")
OPEN, CLOSE, VOLUME = 0, 3, 4
NO_ACTIONS = actions_frame()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return SimulatedMarket().bars(NAMES, SESSIONS[0], DAY, "5min")


def bars_of(frame: pd.DataFrame, actions: pd.DataFrame = NO_ACTIONS) -> IntradayBars:
    moment = calendar.as_of(DAY)
    rows = History.from_frame("bars", frame).window(SESSIONS[0], DAY, moment)
    known = History.from_frame("corporate_actions", actions).window(SESSIONS[0], DAY, moment)
    return intraday_bars(rows, known, NAMES)


def features(bars: IntradayBars) -> dict[str, np.ndarray]:
    return five_minute_features(bars, bars.grid.last.start, bars.grid.last.stop)


def without(frame: pd.DataFrame, session: pd.Timestamp, *slots: int) -> pd.DataFrame:
    starts = market_hours.grid(session)[list(slots)]
    return frame[~(frame["ts"].isin(starts) & frame["symbol"].eq("NVDA")).to_numpy()].reset_index(drop=True)


def chained(bars: IntradayBars) -> pd.Series:
    """The closes of NVDA, each session scaled so that it begins where the one before it ended."""
    level, path = 1.0, []
    for begin, end in zip(bars.grid.begins[:-1], bars.grid.begins[1:], strict=True):
        day = bars.values[begin:end, 0]
        path += list(level * day[:, CLOSE] / day[0, OPEN])
        level = path[-1]
    return pd.Series(path)


def test_features_are_those_of_the_closes_without_the_nights(frame: pd.DataFrame) -> None:
    bars = bars_of(frame)
    path, today = chained(bars), bars.grid.last
    found = {name: values[:, 0] for name, values in features(bars).items()}
    volume = pd.Series(bars.values[:, 0, VOLUME])
    steps = np.log(path).diff()  # the first of a session is from its open, by the chain
    wanted = {
        "log_return": steps,
        "volatility_21": steps.rolling(21).std() * np.sqrt(252 * 78),
        "momentum_63": np.log(path).diff(63),
        "bollinger_20": (path - path.rolling(20).mean()) / (2 * path.rolling(20).std(ddof=0)),
        "volume_ratio_21": volume / volume.rolling(21).mean(),
    }
    for name, series in wanted.items():
        told = np.isfinite(series.to_numpy()[today])
        assert (
            np.isfinite(found[name]).tolist() == told.tolist()
        )  # pandas knows no width where prices are equal
        assert told.sum() > 40
        # pandas' rolling sums drift in the last digits
        np.testing.assert_allclose(found[name][told], series.to_numpy()[today][told], rtol=1e-6, atol=1e-9)


def test_wilder_starts_from_the_126_bars_before_the_open(frame: pd.DataFrame) -> None:
    bars = bars_of(frame)
    seeded = chained(bars).to_numpy()[bars.grid.last.start - 126 :]
    rsi = features(bars)["rsi_14"][:, 0]
    np.testing.assert_allclose(rsi, talib.RSI(seeded, 14)[126:], rtol=1e-9)  # the chains differ in scale
    values = bars.values.copy()
    values[: bars.grid.last.start - 300] *= np.linspace(1, 3, bars.grid.last.start - 300)[:, None, None]
    other = features(replace(bars, values=values))
    assert other["rsi_14"].tobytes() == features(bars)["rsi_14"].tobytes()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 78))
def test_a_bar_says_the_same_whatever_comes_after_it(seen: int) -> None:
    bars = bars_of(MARKET)
    first = bars.grid.last.start
    early = five_minute_features(bars.until(first + seen), first, first + seen)
    whole = features(bars)
    assert all(early[name].tobytes() == whole[name][:seen].tobytes() for name in COLUMNS)


MARKET = SimulatedMarket().bars(NAMES, SESSIONS[0], DAY, "5min")


def test_the_night_is_in_the_overnight_and_the_holder_s_return_and_nowhere_else(frame: pd.DataFrame) -> None:
    prices = ["open", "high", "low", "close"]
    jumped = frame.copy()
    jumped.loc[jumped["session"].eq(DAY), prices] *= 1.05
    before, after = features(bars_of(frame)), features(bars_of(jumped))
    for name in set(COLUMNS) - {"adx_14"}:  # ties of prices in cents break either way on another scale
        jump = (
            np.where(np.arange(78) == 0, np.log(1.05), 0.0)
            if name in ("overnight_return", "held_return")
            else 0.0
        )
        np.testing.assert_allclose(after[name][:, 0], before[name][:, 0] + jump, rtol=1e-7, atol=1e-9)
    assert np.isfinite(before["overnight_return"]).sum(axis=0).tolist() == [1, 1]


def test_a_split_over_night_is_no_loss_to_a_holder_and_no_burst_of_volume(frame: pd.DataFrame) -> None:
    split = frame.copy()
    today = split["session"].eq(DAY) & split["symbol"].eq("NVDA")
    split.loc[today, ["open", "high", "low", "close"]] /= 10
    split.loc[today, "volume"] *= 10
    actions = actions_frame((f"{DAY:%Y-%m-%d}", "NVDA", "split", 10.0))
    before, after = features(bars_of(frame)), features(bars_of(split, actions))
    for name in ("held_return", "overnight_return", "volume_ratio_21", "rsi_14"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-9, atol=1e-12)


def test_gaps_are_filled_as_the_view_fills_them(frame: pd.DataFrame) -> None:
    holed = without(without(frame, DAY, 0, 5, 6, 20, 21, 22, 23, 24, 76, 77), SESSIONS[-2], 40, 41)
    bars, oracle = bars_of(holed), filled(holed)
    mine = oracle[oracle["symbol"].eq("NVDA").to_numpy()]
    place = np.searchsorted(bars.grid.starts, mine["ts"].dt.tz_localize(None).to_numpy())
    for column, name in enumerate(("open", "high", "low", "close", "volume")):
        wanted = np.full(len(bars.grid.starts), np.nan)
        wanted[place] = mine[name]
        np.testing.assert_array_equal(bars.values[:, 0, column], wanted)
    assert bars.filled[place, 0].tolist() == mine["filled"].tolist()
    assert not bars.filled[:, 1].any()


def test_after_a_long_gap_no_one_bar_return_is_told_but_the_holder_s_is(frame: pd.DataFrame) -> None:
    found = features(bars_of(without(frame, DAY, 20, 21, 22, 23, 24)))
    closes = bars_of(frame).values[-78:, 0, CLOSE]
    assert found["log_return"][20:23, 0].tolist() == [0.0, 0.0, 0.0]  # filled
    assert np.isnan([found["log_return"][23:26, 0], found["momentum_21"][23:26, 0]])[0].all()
    assert found["held_return"][25, 0] == pytest.approx(np.log(closes[25] / closes[19]))


def test_a_session_that_begins_late_has_no_overnight_return(frame: pd.DataFrame) -> None:
    found = features(bars_of(without(frame, DAY, 0)))
    assert np.isnan(found["overnight_return"][:, 0]).all()
    assert np.isnan(found["log_return"][:2, 0]).all()
    assert np.isfinite(found["held_return"][1, 0])


def test_without_enough_bars_a_feature_is_unknown(frame: pd.DataFrame) -> None:
    late = frame[(frame["session"] >= SESSIONS[-2]).to_numpy()].reset_index(drop=True)  # 42 bars and today's
    found = features(bars_of(late))
    assert np.isnan(found["rsi_14"]).all()
    assert np.isnan(found["momentum_63"][:21, 0]).all()
    assert np.isfinite(found["momentum_63"][21:, 0]).all()


def test_nothing_is_filled_into_another_session() -> None:
    grid = grid_of(SESSIONS[-2:])
    values = np.full((len(grid.starts), 1, 5), np.nan)
    values[grid.begins[1] - 1] = 7.0  # the last bar of the first session
    ones = np.ones((2, 1))
    bars = IntradayBars(grid, ("NVDA",), values, np.zeros(values.shape[:2], dtype=bool), ones, ones)
    assert not filled_bars(bars).filled.any()


def test_mixed_bases_are_refused(frame: pd.DataFrame) -> None:
    mixed = frame.assign(basis=frame["basis"].mask(frame["session"].eq(DAY), "fully_adjusted"))
    with pytest.raises(DataError, match="NVDA changes from raw to fully_adjusted bars at 2024-07-05"):
        bars_of(frames.validated("bars", mixed.astype(frames.table_of("bars").dtypes)))
