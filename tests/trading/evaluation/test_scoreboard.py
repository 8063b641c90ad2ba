"""The scoreboard from a home's tables: each measure by its own definition, and what is honest about it."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from trading import frames
from trading.evaluation.roadmap import TARGETS
from trading.evaluation.scoreboard import COLUMNS, TABLES, Measurement, measurements, scoreboard
from trading.evaluation.uncertainty import Estimate
from trading.testing.finished_home import finished_home

Tables = Mapping[str, pd.DataFrame]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    made = finished_home(count=90)
    chosen = {name: made.get(name, frames.empty(name)) for name in TABLES}
    # The made-up ensemble calls no direction and repeats its best model: let it do neither.
    calls = np.random.default_rng(1).normal(0.0, 0.01, len(chosen["ensemble_intervals"]))
    chosen["ensemble_intervals"] = chosen["ensemble_intervals"].assign(matured_median=calls)
    wider = chosen["ensemble_forecast"].copy()
    wider[list(frames.QUANTILES)] *= 1.5
    return chosen | {"ensemble_forecast": wider}


@pytest.fixture(scope="module")
def measured(tables: Tables) -> dict[str, Measurement]:
    return measurements(tables)


def test_a_month_is_twenty_one_mean_sessions(tables: Tables, measured: Mapping[str, Measurement]) -> None:
    returns = np.expm1(tables["performance"]["log_return"].to_numpy()[1:])

    found = measured["monthly_return"].estimate

    assert found.value == pytest.approx(21 * returns.mean())
    assert found.low < found.value < found.high
    assert found.observations == len(returns)


def test_the_direction_is_counted_case_by_case(tables: Tables, measured: Mapping[str, Measurement]) -> None:
    rows = tables["ensemble_intervals"].query("horizon == 1").dropna(subset=["realized", "matured_median"])
    rows = rows[rows["matured_median"] != 0]

    hits = (np.sign(rows["matured_median"]) == np.sign(rows["realized"])).mean()

    assert measured["direction"].estimate.value == pytest.approx(hits)
    assert measured["direction"].naive == pytest.approx((rows["realized"] > 0).mean())


def test_coverage_is_the_share_that_held(tables: Tables, measured: Mapping[str, Measurement]) -> None:
    rows = tables["ensemble_intervals"]

    for horizon in (1, 5, 20):
        held = rows.loc[rows["horizon"] == horizon, "covered"].mean()
        assert measured[f"coverage_{horizon}"].estimate.value == pytest.approx(held)


def test_contaminated_forecasts_count_nowhere(tables: Tables) -> None:
    marked = dict(tables)
    marked["ensemble_forecast"] = tables["ensemble_forecast"].assign(contaminated=True)

    found = measurements(marked)

    assert {"monthly_return", "sharpe", "direction", "mape", "coverage_1"}.isdisjoint(found)


def test_an_empty_home_measures_nothing() -> None:
    nothing = measurements({name: frames.empty(name) for name in TABLES})

    assert nothing == {}
    assert set(scoreboard(nothing)["verdict"]) == {"not measured"}


def test_spells_of_a_regime_are_counted_between_changes(tables: Tables) -> None:
    days = tables["regimes"].head(12)
    labels = ["Bull"] * 3 + ["Bear"] * 5 + ["Range"] * 3 + ["Bull"]  # the first and the last are cut off
    alone = {name: frames.empty(name) for name in TABLES} | {"regimes": days.assign(regime=labels)}

    assert measurements(alone)["regime_duration"].estimate.value == 4.0


def test_every_target_has_one_row_with_its_verdict() -> None:
    board = scoreboard({"sharpe": Measurement(Estimate(1.8, 1.6, 1.9, 500), 1.0)})

    assert list(board.columns) == list(COLUMNS)
    assert board["target"].tolist() == [each.name for each in TARGETS]
    said = dict(zip(board["target"], board["verdict"], strict=True))
    assert (said["sharpe_phase_1"], said["sharpe_overall"]) == ("met", "not met")
    assert math.isnan(board.set_index("target").loc["memory", "value"])


def test_the_gain_of_an_ensemble_is_over_its_best_member(measured: Mapping[str, Measurement]) -> None:
    found = measured["ensemble_gain"].estimate

    assert found.low < found.value < found.high < 0.0  # quantiles half as wide again lose more
