import numpy as np
import pandas as pd
import pytest

from models.intervals.adaptive import AdaptiveConformal
from trading import calendar
from trading.errors import UsageError
from trading.frames import QUANTILES
from trading.history import History
from trading.signals.distribution import mean_of
from trading.stages.ensemble_intervals import ensemble_intervals_stage
from trading.stages.stage import Outputs
from trading.testing.stage_rows import fan, frame_of, history_of, made_by

T = calendar.session_of("2024-06-28")
STAGE = ensemble_intervals_stage(AdaptiveConformal(gamma=0.03, memory_sessions=0.0))
RETURN = 0.002  # of every session, so that h sessions make 0.002 h


def sessions(first: int, last: int) -> pd.DatetimeIndex:
    return calendar.sessions_between(calendar.shift(T, -first), calendar.shift(T, -last))


def forecasts(when: pd.DatetimeIndex, horizon: int = 1, median: float = 0.001, **columns: object) -> History:
    named = {"symbol": "NVDA", "horizon": horizon, "models": 1} | columns
    return history_of("ensemble_forecast", when, **named, **fan(median, 0.0004))


def own(when: pd.DatetimeIndex, **columns: object) -> History:
    named = {"symbol": "NVDA", "horizon": 1, "status": "calibrated", "miscoverage": 0.25} | columns
    return history_of("ensemble_intervals", when, **named)


def outputs(**histories: History) -> Outputs:
    features = history_of("features", sessions(19, 0), symbol="NVDA", log_return=RETURN)
    return made_by(
        STAGE, T, {"features": features, "ensemble_forecast": forecasts(sessions(0, 0)), **histories}
    )


def interval(**histories: History) -> pd.Series:
    return frame_of(outputs(**histories), "ensemble_intervals", T).iloc[0]


def skill(**histories: History) -> pd.DataFrame:
    return frame_of(outputs(**histories), "ensemble_skill", T).set_index("horizon")


def test_the_first_forecast_warms_up_with_nothing_matured() -> None:
    row = interval()
    assert (row["status"], row["miscoverage"], row["median"]) == ("warming_up", 0.25, 0.001)
    assert np.isnan(
        [row["lower"], row["score"], row["realized"], row["matured_median"], row["covered"]]
    ).all()


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_the_forecast_of_h_sessions_ago_meets_what_happened(horizon: int) -> None:
    when = sessions(20, 0)
    row = interval(ensemble_forecast=forecasts(when, horizon, median=0.001 * horizon))
    assert row["realized"] == pytest.approx(RETURN * horizon)
    assert row["matured_median"] == pytest.approx(0.001 * horizon)
    assert row["score"] == pytest.approx((0.001 * horizon - 0.0004) / 0.0008)  # in widths


def test_kept_scores_and_today_s_calibrate() -> None:
    # 38 kept scores 0.2 .. 3.9 and today's 0.75: the 30th smallest of 39 is 3.0, of a width of 0.0008
    kept = own(sessions(38, 1), score=np.arange(2, 40) / 10, lower=-1.0, upper=1.0)
    row = interval(ensemble_intervals=kept, ensemble_forecast=forecasts(sessions(1, 0)))
    assert (row["lower"], row["upper"]) == pytest.approx((0.0006 - 0.0024, 0.0014 + 0.0024))
    assert (row["covered"], row["status"]) == (1.0, "calibrated")
    assert row["miscoverage"] == pytest.approx(0.2575)


def test_the_window_holds_250_sessions_today_included() -> None:
    far = own(sessions(249, 249).append(sessions(18, 1)), score=5.0, lower=-1.0, upper=1.0)
    today = forecasts(sessions(1, 0))
    assert interval(ensemble_intervals=far, ensemble_forecast=today)["status"] == "calibrated"
    too_far = own(sessions(250, 250).append(sessions(18, 1)), score=5.0, lower=-1.0, upper=1.0)
    assert interval(ensemble_intervals=too_far, ensemble_forecast=today)["status"] == "warming_up"


def test_skill_adds_what_matured_today_to_the_sums_of_yesterday() -> None:
    made = skill(ensemble_forecast=forecasts(sessions(1, 0), median=0.001))
    assert made.loc[1, "average_product"] == pytest.approx(0.001 * RETURN)
    assert made["observations"].tolist() == [1, 0, 0]
    sums = {
        "average_product": 0.5,
        "average_square": 1.0,
        "average_realized_square": 1e-6,
        "observations": 900,
    }
    before = history_of("ensemble_skill", sessions(1, 1), horizon=5, **sums)
    assert skill(ensemble_skill=before).loc[5, "skill"] == pytest.approx(0.5, abs=1e-6)


def test_skill_is_the_slope_on_the_very_mean_that_alpha_scales() -> None:
    # one session: product / square is what happened over the forecast, so it gives the forecast back
    skewed = fan(0.001, 0.0004) | {"q875": 0.004, "q950": 0.007}
    said = history_of("ensemble_forecast", sessions(1, 0), symbol="NVDA", horizon=1, models=1, **skewed)
    made = skill(ensemble_forecast=said).loc[1]
    mean = float(mean_of(np.array([skewed[name] for name in QUANTILES])))
    assert mean > 0.0015  # far from the median
    assert RETURN * made["average_square"] / made["average_product"] == pytest.approx(mean)


def test_contaminated_forecasts_are_no_skill_but_calibrate() -> None:
    seen = {"ensemble_forecast": forecasts(sessions(1, 0), contaminated=True)}
    assert skill(**seen)["observations"].tolist() == [0, 0, 0]
    assert np.isfinite(interval(**seen)["score"])


def test_a_symbol_without_a_forecast_today_has_no_row() -> None:
    rows = {"symbol": ["AMD", "NVDA"]}
    made = outputs(ensemble_forecast=forecasts(sessions(1, 0), **rows))
    assert frame_of(made, "ensemble_intervals", T)["symbol"].tolist() == ["NVDA"]


def test_a_window_that_cannot_hold_the_longest_horizon_is_refused() -> None:
    with pytest.raises(UsageError, match="a window of 21 sessions"):
        ensemble_intervals_stage(AdaptiveConformal(), window_sessions=21)
