import numpy as np
import pandas as pd
import pytest

from models.intervals.adaptive import AdaptiveConformal
from trading import calendar
from trading.errors import UsageError
from trading.history import History
from trading.stages.version_intervals import version_intervals_stage
from trading.testing.stage_rows import fan, frame_of, history_of, made_by

T = calendar.session_of("2024-06-28")
STAGE = version_intervals_stage(["plain", "wild"], AdaptiveConformal(gamma=0.03, memory_sessions=0.0))


def sessions(first: int, last: int) -> pd.DatetimeIndex:
    """Sessions from `first` to `last` before T."""
    return calendar.sessions_between(calendar.shift(T, -first), calendar.shift(T, -last))


def forecast(model: str = "plain", version: str = "v", **columns: object) -> History:
    named = {"symbol": "NVDA", "model": model, "version": version, "horizon": 1} | columns
    return history_of(f"forecast_{model}", [T], **named, **fan(0.0, 0.01))


def rows(table: str, when: pd.DatetimeIndex, **columns: object) -> History:
    named = {"symbol": "NVDA", "model": "plain", "version": "v", "horizon": 1, "status": "calibrated"}
    if table == "version_losses":
        named.pop("status")
    return history_of(table, when, **(named | columns))


def intervals(**histories: History) -> pd.DataFrame:
    given = {"forecast_plain": forecast()} | histories
    return frame_of(made_by(STAGE, T, given), "version_intervals", T)


def test_a_new_version_begins_at_the_target_and_warms_up() -> None:
    row = intervals().iloc[0]
    assert (row["miscoverage"], row["status"]) == (0.25, "warming_up")
    assert np.isnan([row["lower"], row["upper"], row["covered"]]).all()


def test_scores_up_to_the_session_widen_its_interval() -> None:
    # 39 scores: the 30th smallest of 0.1 .. 3.9, in widths of 0.02
    scores = rows("version_losses", sessions(38, 0), score=np.arange(1, 40) / 10)
    row = intervals(version_losses=scores).iloc[0]
    assert (row["lower"], row["upper"]) == pytest.approx((-0.07, 0.07))
    assert row["status"] == "calibrated"


def test_scores_before_the_window_are_forgotten() -> None:
    old = rows("version_losses", sessions(290, 250), score=9.0)
    assert intervals(version_losses=old).iloc[0]["status"] == "warming_up"


@pytest.mark.parametrize("horizon", [1, 5, 20])
@pytest.mark.parametrize(("realized", "covered", "step"), [(0.0, 1.0, 0.0075), (0.5, 0.0, -0.0225)])
def test_the_miss_is_that_of_the_interval_issued_h_sessions_ago(
    horizon: int, realized: float, covered: float, step: float
) -> None:
    when = sessions(20, 1)
    lower = np.where(when == calendar.shift(T, -horizon), -0.1, 0.7)
    own = rows("version_intervals", when, lower=lower, upper=lower + 0.2, miscoverage=0.3, horizon=horizon)
    matured = rows("version_losses", sessions(0, 0), realized=realized, horizon=horizon)
    today = forecast(horizon=horizon)
    row = intervals(version_losses=matured, version_intervals=own, forecast_plain=today).iloc[0]
    assert row["covered"] == covered
    assert row["miscoverage"] == pytest.approx(0.3 + step / horizon, abs=1e-15)


def test_a_symbol_that_was_masked_goes_on_from_its_newest_level() -> None:
    own = rows("version_intervals", sessions(9, 8), lower=-1.0, upper=1.0, miscoverage=[0.1, 0.2])
    assert intervals(version_intervals=own).iloc[0]["miscoverage"] == 0.2


def test_models_that_share_a_version_s_name_do_not_share_scores() -> None:
    scores = rows("version_losses", sessions(38, 0), score=0.01)
    made = intervals(version_losses=scores, forecast_wild=forecast("wild"))
    assert made.set_index("model")["status"].to_dict() == {"plain": "calibrated", "wild": "warming_up"}


def test_only_what_is_forecast_has_an_interval() -> None:
    scores = rows("version_losses", sessions(38, 0), score=0.01, symbol="AMD")
    assert intervals(version_losses=scores)[["symbol", "horizon"]].to_numpy().tolist() == [["NVDA", 1]]


def test_a_window_that_cannot_hold_the_longest_horizon_is_refused() -> None:
    with pytest.raises(UsageError, match="a window of 20 sessions"):
        version_intervals_stage(["plain"], AdaptiveConformal(), window_sessions=20)
