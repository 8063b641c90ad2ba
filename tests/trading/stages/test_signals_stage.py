import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.errors import UsageError
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
