"""Which scores were issued in the regime of now, and that a stage which asks reads the regimes."""

import numpy as np
import pandas as pd
import pytest

from models.intervals.choice import IntervalChoice
from trading import calendar
from trading.frames import HORIZONS
from trading.stages.ensemble_intervals import ensemble_intervals_stage
from trading.stages.regime_likeness import alike
from trading.stages.version_intervals import version_intervals_stage
from trading.testing.stage_rows import fan, frame_of, history_of, made_by

T = calendar.session_of("2024-06-28")
MATURED = calendar.sessions_between(calendar.shift(T, -39), T)
SINCE = calendar.shift(T, -7)  # the regime of now began here


def regimes(first: int = 59) -> object:
    days = calendar.sessions_between(calendar.shift(T, -first), T)
    names = np.where(days >= SINCE, "Bear", "Bull")
    return history_of("regimes", days, regime=names, timeframe="1D", status="filtered")


def test_what_counts_is_the_regime_of_the_session_of_issue() -> None:
    history = regimes()
    rows = history.window(calendar.shift(T, -59), T, calendar.as_of(T))

    same = alike(rows, MATURED)

    for place, horizon in enumerate(HORIZONS):
        expected = [calendar.shift(day, -horizon) >= SINCE for day in MATURED]
        assert same[:, place].tolist() == expected


def test_before_the_first_regime_nothing_is_known() -> None:
    rows = regimes(first=9).window(calendar.shift(T, -59), T, calendar.as_of(T))

    same = alike(rows, MATURED)

    assert np.isnan(same[0]).all()
    assert same[-1, HORIZONS.index(1)] == 1.0


@pytest.mark.parametrize("other_regime", [1.0, 0.1])
def test_only_a_calibrator_that_asks_makes_its_stage_read_regimes(other_regime: float) -> None:
    calibrator = IntervalChoice(other_regime=other_regime).chosen
    stages = (version_intervals_stage(["plain"], calibrator), ensemble_intervals_stage(calibrator))

    reads = [[read.table for read in stage.reads] for stage in stages]

    assert [("regimes" in tables) for tables in reads] == [other_regime < 1] * 2


def interval(other_regime: float) -> pd.Series:
    """NVDA's interval when outcomes have been wild since the regime changed, seven sessions ago."""
    named = {"symbol": "NVDA", "model": "plain", "version": "v", "horizon": 1}
    wild = np.where(MATURED > SINCE, 3.0, -0.4)
    given = {
        "forecast_plain": history_of("forecast_plain", [T], **named, **fan(0.0, 0.01)),
        "version_losses": history_of("version_losses", MATURED, **named, score=wild, realized=0.01),
        "regimes": regimes(),
    }
    stage = version_intervals_stage(["plain"], IntervalChoice(other_regime=other_regime).chosen)
    return frame_of(made_by(stage, T, given), "version_intervals", T).iloc[0]


def test_a_stage_by_regime_believes_what_was_issued_in_the_regime_of_now() -> None:
    assert interval(0.05)["upper"] > 3 * interval(1.0)["upper"]
