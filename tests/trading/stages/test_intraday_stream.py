"""A stream says at each bar what the evening's run says of it, to the byte."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from models.forecasters.ar1 import PooledAR1
from models.forecasters.random_walk import RandomWalk
from trading import calendar
from trading.errors import UsageError
from trading.history import History
from trading.interfaces import Floats, Forecast, Forecaster, Window
from trading.stages.intraday_stream import IntradayStream
from trading.stages.training import View
from trading.stages.windows import INTRADAY_BARS, INTRADAY_SESSIONS, intraday_windows
from trading.testing.intraday_history import bars_of, intraday_history
from trading.universe import SYMBOLS

DAY = calendar.session_of("2024-07-05")  # the session before ended early
VIEW = View(min_history=21)
# Channels of every kind, and what stands beside the names.
WIDE = View(("log_return", "rsi_14", "volume_ratio_21", "overnight_return"), context=True, min_history=64)
AR1 = replace(PooledAR1(), coefficients_=np.array([0.0004, -0.03]))


class Everything(RandomWalk):
    """Speaks of all that its window holds: other bytes anywhere in it are another forecast."""

    def predict(self, window: Window, **_given: object) -> Forecast:
        beside = 0.0 if window.context is None else np.nansum(window.context)
        said = np.nansum(window.panel, axis=(0, 2)) + beside + window.as_of.value
        quantiles = np.where(window.mask, said, np.nan)[:, None, None] * np.ones((1, 3, 7))
        return Forecast(window.symbols, (1, 5, 20), quantiles)


@dataclass
class Counting:
    """A stream that says how many bars it has read, and of how many at the open."""

    bars: int

    def step(self, window: Window) -> Forecast:
        self.bars += 1
        return Forecast(window.symbols, (1, 5, 20), np.full((10, 3, 7), float(self.bars)))


class Recurrent(RandomWalk):
    """Goes on from a state."""

    def streaming(self, window: Window) -> Counting:
        return Counting(len(window.panel))


def streamed(
    forecaster: Forecaster, view: View = VIEW, histories: dict[str, History] | None = None
) -> IntradayStream:
    return IntradayStream.prefill(forecaster, view, DAY, histories or intraday_history(DAY))


def pushed(stream: IntradayStream) -> list[Forecast]:
    bars = bars_of(intraday_history(DAY)["bars"], DAY, stream.symbols)
    return [stream.push(start, values) for start, values in bars.items()]


def windows(view: View, context: int) -> list[Window]:
    first = calendar.shift(DAY, 1 - INTRADAY_SESSIONS)
    rows = intraday_history(DAY)["features"].window(first, DAY, calendar.as_of(DAY))
    return [window for _, window in intraday_windows(rows, DAY, context, view).bars]


@pytest.mark.parametrize(
    ("forecaster", "view"),
    [(RandomWalk(), VIEW), (AR1, VIEW), (Everything(context_sessions=INTRADAY_BARS), WIDE)],
    ids=["random_walk", "ar1", "everything there is to see"],
)
def test_each_bar_says_the_bytes_of_the_evening(forecaster: Forecaster, view: View) -> None:
    live = pushed(streamed(forecaster, view))
    evening = [forecaster.predict(window) for window in windows(view, forecaster.context_sessions)]
    assert len(live) == len(evening) == 78
    assert [one.quantiles.tobytes() for one in live] == [one.quantiles.tobytes() for one in evening]


def test_a_model_with_a_state_takes_one_step_a_bar_from_the_window_before_the_open() -> None:
    forecasts = pushed(streamed(Recurrent()))
    assert [one.quantiles[0, 0, 0] for one in forecasts[:3]] == [64.0, 65.0, 66.0]


def test_what_the_future_holds_is_not_in_the_history_that_is_needed() -> None:
    before = calendar.shift(DAY, -1)
    cut = {
        name: History(rows.table, {n: v[rows.days <= before.value // 1000] for n, v in rows.values.items()})
        for name, rows in intraday_history(DAY).items()
    }
    live, whole = (pushed(streamed(RandomWalk(), histories=given)) for given in (cut, None))
    assert [one.quantiles.tobytes() for one in live] == [one.quantiles.tobytes() for one in whole]


def test_bars_that_were_left_out_count_as_absent() -> None:
    bars = list(bars_of(intraday_history(DAY)["bars"], DAY, SYMBOLS).items())
    skipping, telling = streamed(Everything(), WIDE), streamed(Everything(), WIDE)
    nothing = np.full((len(telling.symbols), 5), np.nan)
    wide = list(bars_of(intraday_history(DAY)["bars"], DAY, telling.symbols).items())
    assert len(bars) == len(wide)
    skipping.push(*wide[0])
    telling.push(*wide[0])
    telling.push(wide[1][0], nothing)
    assert skipping.push(*wide[2]).quantiles.tobytes() == telling.push(*wide[2]).quantiles.tobytes()


def test_a_name_without_bars_is_not_forecast() -> None:
    stream = streamed(RandomWalk())
    for start, values in list(bars_of(intraday_history(DAY)["bars"], DAY, SYMBOLS).items())[:5]:
        without: Floats = values.copy()
        without[SYMBOLS.index("ASML")] = np.nan
        forecast = stream.push(start, without)
    assert np.isnan(forecast.quantiles[SYMBOLS.index("ASML")]).all()
    assert np.isfinite(forecast.quantiles[SYMBOLS.index("NVDA")]).all()


@pytest.mark.parametrize(
    "start", ["2024-07-05 13:30", "2024-07-05 13:37", "2024-07-05 20:00", "2024-07-08 13:30"]
)
def test_a_bar_that_is_none_of_those_to_come_is_refused(start: str) -> None:
    stream = streamed(RandomWalk())
    bars = bars_of(intraday_history(DAY)["bars"], DAY, SYMBOLS)
    stream.push(*next(iter(bars.items())))
    with pytest.raises(UsageError, match="77 are still to come"):
        stream.push(pd.Timestamp(start, tz="UTC"), np.full((10, 5), np.nan))
