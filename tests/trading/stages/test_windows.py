"""Windows of weeks and of five-minute bars: of fixed length, and nothing in them that ends later."""

import numpy as np
import pandas as pd
import pytest

from models.forecasters.random_walk import RandomWalk
from trading import calendar
from trading.interfaces import Forecaster, ModelVersion, Window
from trading.stages.features import features_stage
from trading.stages.forecast import forecast_stage
from trading.stages.stage import Moment
from trading.stages.training import View
from trading.stages.windows import INTRADAY_BARS, INTRADAY_SESSIONS, intraday_windows, weekly_window
from trading.testing.feature_history import feature_history
from trading.testing.intraday_history import intraday_history
from trading.testing.market import SimulatedMarket
from trading.testing.market_frames import make_at
from trading.testing.stage_rows import CalendarBook, history_of
from trading.universe import SYMBOLS

DAY = calendar.session_of("2024-07-05")  # the session before ended early
FRIDAY = calendar.session_of("2024-06-28")
VIEW = View(min_history=21)
ROWS = intraday_history(DAY)["features"].window(
    calendar.shift(DAY, 1 - INTRADAY_SESSIONS), DAY, calendar.as_of(DAY)
)


def bars(view: View = VIEW, length: int = INTRADAY_BARS) -> list[tuple[pd.Timestamp, Window]]:
    found = intraday_windows(ROWS, DAY, length, view)
    return [(pd.Timestamp(start), window) for start, window in found.bars]


def test_a_five_minute_window_ends_with_its_bar_and_is_as_of_its_end() -> None:
    for start, window in bars():
        assert window.sessions[-1] == start.to_datetime64()
        assert window.as_of == start.tz_localize("UTC") + pd.Timedelta("5min")
        assert window.panel.shape == (INTRADAY_BARS, len(SYMBOLS), 2)
        assert window.timeframe == "5min"


def test_its_bars_are_the_rows_of_the_features_one_after_another() -> None:
    _, window = bars()[3]
    frame = ROWS.frame
    nvda = frame[frame["symbol"].eq("NVDA").to_numpy()].set_index("ts")["log_return"]
    np.testing.assert_array_equal(window.channel("log_return")[:, 0], nvda.reindex(window.sessions))
    steps = np.diff(window.sessions) / np.timedelta64(5, "m")
    assert (np.sort(steps)[-6:] > 100).all()  # the nights of seven sessions and a half
    assert (np.sort(steps)[:-8] == 1).all()


def test_the_window_before_the_open_ends_with_the_last_session_s_last_bar() -> None:
    before = intraday_windows(ROWS, DAY, 64, VIEW).before
    assert pd.Timestamp(before.sessions[-1]) == pd.Timestamp("2024-07-03 16:55")
    assert before.mask.all()


def test_what_stands_beside_the_names_is_there_if_it_is_asked_for() -> None:
    _, window = bars(View(("log_return", "atr_14"), context=True))[0]
    frame = ROWS.frame
    fund = frame[frame["symbol"].eq("SMH").to_numpy()].set_index("ts")["atr_14"]
    np.testing.assert_array_equal(window.beside("SMH", "atr_14"), fund.reindex(window.sessions))


def test_a_name_with_too_few_returns_or_without_the_bar_is_masked() -> None:
    assert not bars(View(min_history=INTRADAY_BARS + 1))[0][1].mask.any()
    only = ROWS.frame
    only = only[~(only["symbol"].eq("MU") & (only["ts"] == bars()[9][0])).to_numpy()]
    gone = history_of(
        "features",
        only["session"],
        **{n: only[n].to_numpy() for n in only if n not in ("session", "known_at")},
    )
    found = intraday_windows(gone.window(ROWS.first, ROWS.last, calendar.as_of(DAY)), DAY, 64, VIEW)
    masked = [SYMBOLS[k] for k in np.flatnonzero(~found.bars[9][1].mask)]
    assert masked == ["MU"]
    assert found.bars[10][1].mask.all()


def test_a_weekly_window_holds_the_weeks_up_to_the_one_that_ends_now() -> None:
    labels = pd.DatetimeIndex(["2024-06-14", "2024-06-21", "2024-06-28"])
    rows = history_of("features", labels, timeframe="1W", symbol="NVDA", log_return=[0.01, np.nan, 0.03])
    window = weekly_window(
        rows.window(labels[0], FRIDAY, calendar.as_of(FRIDAY)), FRIDAY, 104, View(min_history=2)
    )
    assert window.panel.shape == (104, len(SYMBOLS), 2)
    np.testing.assert_array_equal(window.channel("log_return")[-3:, 0], [0.01, np.nan, 0.03])
    assert window.mask.tolist() == [True] + [False] * 9
    assert (window.as_of, window.timeframe) == (calendar.as_of(FRIDAY), "1W")


class OneVersion(CalendarBook):
    """A book in which a random walk speaks."""

    def live(
        self, model: str, _session: pd.Timestamp, _timeframe: str = "1D"
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        return ((ModelVersion(model, "v", None, None, None, None), RandomWalk()),)


def made_at(day: pd.Timestamp, inception: pd.Timestamp) -> pd.Series:
    """How many forecasts of each timeframe the stage makes at a session that has five-minute features."""
    stage = forecast_stage("random_walk", 63, VIEW, timeframes=("1D", "1W", "5min"))
    daily = feature_history(np.full((63, len(SYMBOLS)), 0.01), f"{day:%Y-%m-%d}")
    weekly = history_of("features", [day] * 2, timeframe="1W", symbol=["AMD", "NVDA"], log_return=0.01)
    first, moment = calendar.shift(day, -400), calendar.as_of(day)
    inputs = {
        "features": daily.window(first, day, moment),
        "features 1W": weekly.window(first, day, moment),
        "features 5min": ROWS,
    }
    now = Moment(day, moment, inception, is_first=False, models=OneVersion())
    made = stage.make(now, inputs)["forecast_random_walk"]
    assert len(pd.DataFrame(made).drop_duplicates(["timeframe", "ts", "horizon", "symbol"])) == len(
        made["ts"]
    )
    return pd.Series(made["timeframe"]).value_counts()


def test_five_minute_forecasts_begin_with_the_inception() -> None:
    assert made_at(DAY, inception=DAY).to_dict() == {"5min": 78 * 10 * 3, "1D": 30}
    assert made_at(DAY, inception=calendar.shift(DAY, 1)).to_dict() == {"1D": 30}


def test_the_stage_reads_no_timeframe_that_is_not_asked_for() -> None:
    plain, all_three = (forecast_stage("m", 512, VIEW, timeframes=t) for t in (("1D",), ("1D", "1W", "5min")))
    assert [read.name for read in plain.reads] == ["features"]
    assert {read.name: read.lookback for read in all_three.reads} == {
        "features": 511,
        "features 1W": 519,
        "features 5min": 8,
    }


@pytest.mark.parametrize(("day", "weekly"), [("2024-06-27", 0), ("2024-06-28", 14)])
def test_features_have_a_weekly_row_where_a_week_ends_and_a_row_a_five_minute_bar(
    day: str, weekly: int
) -> None:
    last, market = calendar.session_of(day), SimulatedMarket()
    names, first = (*SYMBOLS, "SPY", "QQQ", "SMH", "VIX"), calendar.shift(last, -280)
    five = market.bars(names, calendar.shift(last, -5), last, "5min")
    bars = pd.concat([market.bars(names, first, last), five], ignore_index=True).sort_values(
        ["session", "timeframe", "ts", "symbol"], ignore_index=True
    )
    tables = {"bars": bars, "corporate_actions": market.actions(names, first, last)}
    made = make_at(features_stage(("1D", "1W", "5min")), last, tables)["features"]
    counted = pd.Series(made["timeframe"]).value_counts().to_dict()
    assert counted == {"1D": 14, "5min": 14 * 78} | ({"1W": weekly} if weekly else {})
