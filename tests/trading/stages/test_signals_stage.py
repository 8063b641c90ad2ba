import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.errors import UsageError
from trading.history import History
from trading.signals.calibration import CalibrationRules
from trading.signals.rules import SignalRules
from trading.stages.signals import signals_stage
from trading.testing.stage_rows import fan, frame_of, history_of, made_by

T = calendar.session_of("2024-06-28")


def signals(
    median: float = 0.01, half: float = 0.02, *, width: float = 0.02, skill: float = 0.5
) -> pd.DataFrame:
    named = {"symbol": "NVDA", "horizon": 5}
    bounds = {"lower": 0.0, "upper": width, "status": "calibrated"}
    histories = {
        "ensemble_forecast": history_of("ensemble_forecast", [T], models=1, **named, **fan(median, half)),
        "ensemble_intervals": history_of("ensemble_intervals", [T], **named, **bounds),
        "ensemble_skill": history_of("ensemble_skill", [T] * 2, horizon=[1, 5], skill=[0.9, skill]),
        "regimes": history_of("regimes", [T], regime="Range", status="filtered"),
    }
    return frame_of(made_by(signals_stage(), T, histories), "signals", T)


def test_a_signal_worked_by_hand() -> None:
    row = signals().iloc[0]
    # zero lies at the quantile 0.25; the fan is symmetric around its median
    assert row["probability"] == pytest.approx(0.75)
    assert row["expected_return"] == pytest.approx(0.01)
    assert row["alpha"] == pytest.approx(0.005)
    assert (row["direction"], row["regime"], row["horizon"]) == (1, "Range", 5)
    assert row["confidence"] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("half", "width", "through"), [(0.019, 0.029, True), (0.019, 0.03, False), (0.04, 0.02, False)]
)
def test_the_gates_look_at_probability_and_calibrated_width(half: float, width: float, through: bool) -> None:  # noqa: FBT001
    assert signals(half=half, width=width)["passes_filter"].tolist() == [through]


def test_a_fall_is_as_good_a_signal_as_a_rise() -> None:
    row = signals(median=-0.01).iloc[0]
    assert (row["direction"], row["alpha"]) == (-1, pytest.approx(-0.005))
    assert row["probability"] == pytest.approx(0.25)


def test_without_skill_there_is_no_alpha_but_still_an_opinion() -> None:
    row = signals(skill=0.0, median=-0.01).iloc[0]
    assert row["direction"] == -1
    assert not np.signbit(row["alpha"])
    assert row["alpha"] == 0.0


def test_an_interval_that_warms_up_leaves_no_confidence() -> None:
    row = signals(width=np.nan).iloc[0]
    assert (row["confidence"], row["passes_filter"]) == (0.0, False)


def test_only_symbols_with_a_forecast_have_a_signal() -> None:
    assert signals()["symbol"].tolist() == ["NVDA"]


def test_the_stage_starts_with_trading_and_knows_its_horizons() -> None:
    assert signals_stage().starts == "inception"
    with pytest.raises(UsageError, match="no forecast looks 7 sessions ahead"):
        signals_stage(SignalRules(horizon=7))


WEEK_END = calendar.session_of("2024-06-21")
DAY = {"symbol": "NVDA", "horizon": 5}


def histories(**changed: History) -> dict[str, History]:
    bounds = {"lower": 0.0, "upper": 0.02, "status": "calibrated"}
    plain = {
        "ensemble_forecast": history_of("ensemble_forecast", [T], models=1, **DAY, **fan(0.01, 0.02)),
        "ensemble_intervals": history_of("ensemble_intervals", [T], **DAY, **bounds),
        "ensemble_skill": history_of("ensemble_skill", [T], horizon=5, skill=0.5),
        "regimes": history_of("regimes", [T], regime="Range", status="filtered", dwell=1),
    }
    return plain | changed


def weekly(median: float, *sessions: pd.Timestamp) -> History:
    """Two models that differ, whose mean is a fan around `median`."""
    one, other = fan(median - 0.01, 0.02), fan(median + 0.01, 0.02)
    both = {name: [one[name], other[name]] * len(sessions) for name in one}
    twice = [session for session in sessions for _ in range(2)]
    named = {"symbol": "NVDA", "horizon": 1, "timeframe": "1W", "model": ["a", "b"] * len(sessions)}
    return history_of("forecasts", twice, version="v", **named, **both)


def test_without_other_timeframes_or_a_past_to_learn_from_only_the_session_is_read() -> None:
    assert {read.name: read.depth for read in signals_stage().reads} == dict.fromkeys(
        ("ensemble_forecast", "ensemble_intervals", "ensemble_skill", "regimes"), 0
    )


def test_the_newest_forecast_of_a_week_joins_the_day_with_its_weight() -> None:
    stage = signals_stage(timeframes=("1D", "1W"))
    # of the newer week zero lies at 0.125: a rise has 0.875
    row = frame_of(
        made_by(stage, T, histories(forecasts=weekly(0.02, calendar.session_of("2024-06-24"), T))),
        "signals",
        T,
    ).iloc[0]
    assert row["probability"] == pytest.approx((0.5 * 0.75 + 0.2 * 0.875) / 0.7)
    assert (row["raw_probability"], row["timeframes"]) == (pytest.approx(0.75), "1W 1D")
    assert row["expected_return"] == pytest.approx((0.5 * 0.01 + 0.2 * 0.02) / 0.7)
    assert row["alpha"] == pytest.approx(0.5 * 0.01)  # no skill was measured of weeks


def test_a_week_that_contradicts_the_day_wins_and_bets_nothing() -> None:
    stage = signals_stage(timeframes=("1D", "1W"))
    row = frame_of(made_by(stage, T, histories(forecasts=weekly(-0.02, WEEK_END))), "signals", T).iloc[0]
    assert (row["direction"], row["timeframes"], row["alpha"]) == (-1, "1W", 0.0)


def test_before_the_first_week_has_ended_the_day_speaks_alone() -> None:
    stage = signals_stage(timeframes=("1D", "1W", "5min"))
    row = frame_of(made_by(stage, T, histories()), "signals", T).iloc[0]
    assert (row["probability"], row["timeframes"]) == (pytest.approx(0.75), "1D")


def test_a_forecast_that_was_always_right_to_rise_is_recalibrated_upwards_by_what_had_matured() -> None:
    rules = SignalRules(calibration=CalibrationRules("platt", window_sessions=60))
    window = calendar.sessions_between(calendar.shift(T, -64), T)
    count, bounds = len(window), {"lower": 0.0, "upper": 0.02, "status": "calibrated"}
    said = history_of("ensemble_forecast", window, models=1, **DAY, **fan(0.01, 0.02))
    rising = np.full(count, 0.05)
    met = history_of("ensemble_intervals", window, realized=rising, **DAY, **bounds)
    row = frame_of(
        made_by(signals_stage(rules), T, histories(ensemble_forecast=said, ensemble_intervals=met)),
        "signals",
        T,
    ).iloc[0]
    assert row["raw_probability"] == pytest.approx(0.75)
    assert 0.76 < row["probability"] < 0.95  # twelve stretches of five sessions against a prior of 25


def test_a_selection_tilts_what_is_held_without_a_forecast_only_if_it_is_asked_to() -> None:
    held = history_of(
        "selection", [T], symbol="NVDA", held_weight=0.25, regime="Range", defensive_sleeve="screened"
    )
    made = {
        choice: frame_of(
            made_by(signals_stage(SignalRules(selection=choice)), T, histories(selection=held)), "signals", T
        )["tilt"].tolist()
        for choice in ("off", "tilt")
    }
    assert made == {"off": [1.0], "tilt": [2.5]}
