"""What happened after weekly and five-minute forecasts, worked by hand."""

import numpy as np
import pandas as pd
import pytest

from trading import calendar, market_hours
from trading.frames import QUANTILES
from trading.history import History
from trading.stages.bar_outcomes import LOOKBACKS, intraday_outcomes, weekly_outcomes
from trading.stages.version_losses import version_losses_stage
from trading.stages.windows import week_labels
from trading.testing.stage_rows import fan, frame_of, history_of, made_by

DAY = calendar.session_of("2024-07-05")
BEFORE = calendar.session_of("2024-07-03")  # a half day: 42 bars
FRIDAY = calendar.session_of("2024-06-28")
STEP = 0.001
NIGHT = 0.05


def grid(session: pd.Timestamp) -> pd.DatetimeIndex:
    return market_hours.grid(session)


def five_minute_features(
    without: tuple[int, ...] = (), filled: tuple[int, ...] = (), unknown: tuple[int, ...] = ()
) -> History:
    """NVDA gains 0.1 % a bar and 5 % over night; bars of today may lack, be filled, or tell no return."""
    starts = grid(BEFORE).append(grid(DAY).delete(list(without)))
    held = np.full(len(starts), STEP)
    held[len(grid(BEFORE))] += NIGHT
    flat = starts.isin(grid(DAY)[list(filled)])
    held[flat] = 0.0
    held[starts.isin(grid(DAY)[list(unknown)])] = np.nan
    sessions = np.where(starts < grid(DAY)[0], BEFORE, DAY)
    return history_of(
        "features", sessions, timeframe="5min", ts=starts, symbol="NVDA", held_return=held, filled=flat
    )


def forecast(start: pd.Timestamp, horizon: int, session: pd.Timestamp, timeframe: str = "5min") -> History:
    keys = {"timeframe": timeframe, "ts": [start], "symbol": "NVDA", "model": "m", "version": "v"}
    return history_of("forecast_m", [session], **keys, horizon=horizon, **fan(0.0, 0.01))


def losses(timeframe: str, day: pd.Timestamp, features: History, forecasts: History) -> pd.DataFrame:
    """Rows of one timeframe; the daily ones have nothing to meet."""
    stage = version_losses_stage(("m",), ("1D", timeframe))
    made = made_by(stage, day, {"features": features, "forecast_m": forecasts})
    rows = frame_of(made, "version_losses", day)
    return rows[rows["timeframe"] == timeframe]


@pytest.mark.parametrize(
    ("session", "slot", "horizon", "matured", "realized"),
    [
        (DAY, 10, 5, 15, 5 * STEP),
        (DAY, 57, 20, 77, 20 * STEP),
        (BEFORE, 41, 1, 0, STEP + NIGHT),
        (BEFORE, 40, 5, 3, 5 * STEP + NIGHT),
        (BEFORE, 22, 20, 0, 20 * STEP + NIGHT),
    ],
    ids=["within", "to the close", "over night", "across the close", "the first bar of the next session"],
)
def test_bars_go_on_over_night(
    session: pd.Timestamp, slot: int, horizon: int, matured: int, realized: float
) -> None:
    (row,) = losses(
        "5min", DAY, five_minute_features(), forecast(grid(session)[slot], horizon, session)
    ).itertuples()
    assert row.ts == grid(DAY)[matured].tz_localize(None)
    assert row.issued_session == session
    assert row.realized == pytest.approx(realized, abs=1e-12)  # of a difference of sums


@pytest.mark.parametrize(("slot", "horizon"), [(77, 1), (58, 20)])
def test_what_matures_in_the_next_session_does_not_mature_now(slot: int, horizon: int) -> None:
    assert losses("5min", DAY, five_minute_features(), forecast(grid(DAY)[slot], horizon, DAY)).empty


def test_nobody_traded_at_the_end_of_a_filled_or_an_absent_bar() -> None:
    said = forecast(grid(DAY)[10], 5, DAY)
    assert losses("5min", DAY, five_minute_features(filled=(15,)), said).empty
    assert losses("5min", DAY, five_minute_features(without=(15,)), said).empty
    (row,) = losses("5min", DAY, five_minute_features(filled=(12,)), said).itertuples()
    assert row.realized == pytest.approx(4 * STEP)


def test_a_return_that_nobody_knows_matures_nothing_that_rests_on_it() -> None:
    features = five_minute_features(unknown=(12,))
    assert losses("5min", DAY, features, forecast(grid(DAY)[10], 5, DAY)).empty
    assert len(losses("5min", DAY, features, forecast(grid(DAY)[12], 5, DAY))) == 1


def weekly_features(without: tuple[int, ...] = ()) -> History:
    """NVDA gains 1 % more each week, 21 % in the last one; some weeks may lack."""
    labels = week_labels(FRIDAY, 21)
    kept = np.delete(np.arange(21), list(without))
    starts = market_hours.bar_starts(labels, "1W")
    gains = 0.01 * (kept + 1)
    return history_of(
        "features", labels[kept], timeframe="1W", ts=starts[kept], symbol="NVDA", log_return=gains
    )


@pytest.mark.parametrize(("horizon", "realized"), [(1, 0.21), (5, 0.95), (20, 2.3)])
def test_weeks_are_counted_and_not_sessions(horizon: int, realized: float) -> None:
    issued = week_labels(FRIDAY, 21)[-1 - horizon]
    start = market_hours.bar_starts(pd.DatetimeIndex([issued]), "1W")[0]
    (row,) = losses("1W", FRIDAY, weekly_features(), forecast(start, horizon, issued, "1W")).itertuples()
    assert row.realized == pytest.approx(realized)
    assert row.issued_session == issued
    assert row.ts == calendar.session_open(calendar.session_of("2024-06-24")).tz_localize(None)


def test_an_absent_week_matures_nothing_and_a_day_within_a_week_neither() -> None:
    issued = week_labels(FRIDAY, 21)[-6]
    start = market_hours.bar_starts(pd.DatetimeIndex([issued]), "1W")[0]
    said = forecast(start, 5, issued, "1W")
    assert losses("1W", FRIDAY, weekly_features(without=(18,)), said).empty
    assert losses("1W", calendar.shift(FRIDAY, -1), weekly_features(), said).empty


def test_the_look_backs_reach_the_oldest_forecast_that_matures() -> None:
    oldest = week_labels(FRIDAY, 21)[0]
    assert calendar.distance(oldest, FRIDAY) <= LOOKBACKS["1W"]
    rows = weekly_features().window(oldest, FRIDAY, calendar.as_of(FRIDAY))
    assert weekly_outcomes(rows, calendar.shift(FRIDAY, -1)) is None
    assert set(QUANTILES) <= set(forecast(grid(DAY)[0], 1, DAY).values)
    five = five_minute_features().window(BEFORE, DAY, calendar.as_of(DAY))
    assert intraday_outcomes(five, DAY).due == 42
