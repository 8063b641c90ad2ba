import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading import calendar
from trading.frames import LEVELS
from trading.history import History
from trading.stages.maturity import conformity_score, pinball, realized_returns
from trading.stages.version_losses import version_losses_stage
from trading.testing.stage_rows import fan, frame_of, history_of, made_by

T = calendar.session_of("2024-06-28")
STAGE = version_losses_stage(["plain"])
RETURNS = np.arange(1, 21) / 1000  # of t - 19 .. t


def before(sessions: int) -> pd.Timestamp:
    return calendar.shift(T, -sessions)


def features(returns: np.ndarray = RETURNS, symbol: str = "NVDA") -> History:
    sessions = calendar.sessions_between(before(len(returns) - 1), T)
    return history_of("features", sessions, symbol=symbol, log_return=returns)


def issued(ago: int, horizon: int, median: float = 0.0, **columns: object) -> History:
    named = {"symbol": "NVDA", "model": "plain", "version": "v", "horizon": horizon} | columns
    return history_of("forecast_plain", [before(ago)], **named, **fan(median, 0.01))


def losses(forecasts: History, returns: History | None = None) -> pd.DataFrame:
    histories = {"forecast_plain": forecasts, "features": returns or features()}
    return frame_of(made_by(STAGE, T, histories), "version_losses", T)


@pytest.mark.parametrize(("horizon", "realized"), [(1, 0.020), (5, 0.090), (20, 0.210)])
def test_a_forecast_meets_the_sum_of_the_returns_after_it(horizon: int, realized: float) -> None:
    made = losses(issued(horizon, horizon))
    assert made["realized"].tolist() == pytest.approx([realized], abs=1e-15)
    assert made["issued_session"].tolist() == [before(horizon)]


def test_a_loss_worked_by_hand() -> None:
    row = losses(issued(1, 1, median=0.004)).iloc[0]
    # 0.020 against q = -0.016 -0.006 -0.001 0.004 0.009 0.014 0.024: all below but the last
    under = 0.05 * 36 + 0.125 * 26 + 0.25 * 21 + 0.5 * 16 + 0.75 * 11 + 0.875 * 6
    assert row["pinball"] == pytest.approx((under + 0.05 * 4) / 7000, rel=1e-12)
    assert row["absolute_error"] == pytest.approx(0.016)
    assert row["score"] == pytest.approx(0.006 / 0.020)  # in widths


@pytest.mark.parametrize(("ago", "horizon"), [(2, 1), (1, 5), (19, 20), (4, 5)])
def test_a_forecast_that_is_not_due_waits(ago: int, horizon: int) -> None:
    assert losses(issued(ago, horizon)).empty


def test_an_unknown_return_matures_nothing_that_rests_on_it() -> None:
    returns = np.where(np.arange(20) == 16, np.nan, RETURNS)
    assert losses(issued(5, 5), features(returns)).empty
    assert len(losses(issued(1, 1), features(returns))) == 1


def test_a_missing_session_is_as_bad_as_an_unknown_return() -> None:
    assert losses(issued(20, 20), features(RETURNS[1:])).empty


def test_another_symbol_s_returns_are_not_taken() -> None:
    assert losses(issued(1, 1, symbol="AMD")).empty


def test_every_version_and_its_contamination_are_kept_apart() -> None:
    named = {"symbol": "NVDA", "model": "plain", "horizon": 1, **fan(0.0, 0.01)}
    both = history_of(
        "forecast_plain", [before(1)] * 2, version=["a", "b"], contaminated=[True, False], **named
    )
    made = losses(both)
    assert made[["version", "contaminated"]].to_numpy().tolist() == [["a", True], ["b", False]]


def test_returns_of_all_horizons_have_one_row_a_horizon() -> None:
    rows = features().window(before(19), T, calendar.as_of(T))
    np.testing.assert_allclose(realized_returns(rows)[:, 0], [0.020, 0.090, 0.210], rtol=1e-12)
    assert np.isnan(realized_returns(rows)[:, 1]).all()


@given(st.floats(-1, 1), st.floats(-1, 1))
def test_equal_quantiles_lose_half_of_their_error(value: float, realized: float) -> None:
    # the fixed levels are symmetric around one half, so their mean is one half
    assert sum(LEVELS) / 7 == 0.5
    loss = pinball(np.full(7, value), np.array(realized))
    assert loss == pytest.approx(abs(realized - value) / 2, abs=1e-15)


@given(st.floats(-1, 1), st.floats(0.01, 1), st.floats(-1, 1))
def test_a_score_is_the_widening_in_widths_that_would_just_have_held(
    low: float, width: float, realized: float
) -> None:
    score = float(conformity_score(np.array(low), np.array(low + width), np.array(realized)))
    wider = score * width
    slack = 1e-12  # of dividing and multiplying, adding and subtracting
    assert low - wider - slack <= realized <= low + width + wider + slack
    assert min(abs(realized - (low - wider)), abs(realized - (low + width + wider))) <= slack


def test_an_interval_without_a_width_has_no_score() -> None:
    assert np.isnan(conformity_score(np.array([0.1]), np.array([0.1]), np.array([0.3]))).all()
