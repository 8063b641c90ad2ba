"""What a model alone would have decided, worked by hand and against known truth."""

import numpy as np
import pandas as pd
import pytest

from trading.evaluation.attribution import attribution, decided, linear_rate
from trading.execution.costs import CostModel

SESSIONS = pd.bdate_range("2024-01-02", periods=120)


def cases(model: str, median: np.ndarray, realized: np.ndarray, **columns: object) -> pd.DataFrame:
    """One session ahead, medians and outcomes (n, s) of the names A, B, ..."""
    count, names = median.shape
    return pd.DataFrame(
        {
            "session": np.repeat(SESSIONS[:count], names),
            "symbol": np.tile([chr(65 + k) for k in range(names)], count),
            "model": model,
            "horizon": 1,
            "median": median.ravel(),
            "realized": realized.ravel(),
            "contaminated": False,
        }
        | columns
    )


def value(table: pd.DataFrame, model: str, metric: str) -> float:
    rows = table.set_index(["model", "metric"])
    return float(rows.loc[(model, metric), "value"])


def test_two_sessions_worked_by_hand() -> None:
    median = np.array([[0.1, -0.1], [0.1, 0.1]])
    realized = np.array([[0.02, 0.04], [0.02, -0.01]])
    net, right, made = decided(cases("m", median, realized), cost=0.001)
    # half each: +0.01 - 0.02 and a whole book traded; then B turns from -1/2 to 1/2
    np.testing.assert_allclose(net, [-0.01 - 0.001, 0.01 - 0.005 - 0.001])
    assert right.tolist() == [1, 1]
    assert made.tolist() == [2, 2]


def test_a_model_without_an_opinion_decides_nothing() -> None:
    table = attribution(cases("walk", np.zeros((80, 2)), np.full((80, 2), 0.01)))
    assert np.isnan(value(table, "walk", "accuracy"))
    assert np.isnan(value(table, "walk", "sharpe"))


def test_who_knows_the_sign_is_right_always_and_never_loses() -> None:
    realized = np.random.default_rng(0).normal(0, 0.02, (120, 10))
    table = attribution(cases("oracle", realized, realized), cost=0.0)
    assert value(table, "oracle", "accuracy") == 1.0
    assert value(table, "oracle", "profit_factor") == np.inf
    assert value(table, "oracle", "sharpe") > 10


def test_who_knows_nothing_has_half_and_an_interval_around_it() -> None:
    random = np.random.default_rng(1)
    table = attribution(cases("coin", *random.normal(0, 0.02, (2, 120, 10))), cost=0.0)
    row = table.set_index("metric").loc["accuracy"]
    assert row["low"] < 0.5 < row["high"]


def test_costs_are_those_of_the_cost_model() -> None:
    assert linear_rate(CostModel(half_spread_bps=2.0, slippage_bps=2.5)) == pytest.approx(4.5e-4)


def test_contaminated_and_longer_forecasts_are_left_out() -> None:
    ones = np.ones((70, 2)) * 0.01
    table = attribution(
        pd.concat([cases("a", ones, ones, contaminated=True), cases("b", ones, ones, horizon=5)])
    )
    assert table.empty


def test_few_sessions_have_no_interval() -> None:
    realized = np.random.default_rng(0).normal(0, 0.02, (30, 4))
    table = attribution(cases("m", realized, realized))
    assert table[["low", "high"]].isna().to_numpy().all()
