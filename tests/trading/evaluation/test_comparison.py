"""The comparison table: which cases count, what its intervals hold, and what must not move it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from trading.evaluation.comparison import COLUMNS, champion_cases, compare, stretched
from trading.evaluation.forecast_scores import METRICS

SYMBOLS = tuple("ABCDE")


def cases_of(model: str, median: np.ndarray, realized: np.ndarray, horizon: int = 1) -> pd.DataFrame:
    """One row a session and name, from 2023-01-02 on; the loss is the absolute error."""
    sessions = pd.bdate_range("2023-01-02", periods=len(median)).as_unit("us")
    frame = pd.DataFrame(
        {
            "session": np.repeat(sessions, median.shape[1]),
            "symbol": list(SYMBOLS[: median.shape[1]]) * len(sessions),
            "model": model,
            "horizon": horizon,
            "median": median.ravel(),
            "realized": realized.ravel(),
            "pinball": np.abs(median - realized).ravel(),
            "contaminated": False,
        }
    )
    return frame.astype({"model": "str", "symbol": "str"})


def market(seed: int, sessions: int = 300, skill: float = 0.0) -> pd.DataFrame:
    """A random walk and a model of some skill on the same returns."""
    rng = np.random.default_rng(seed)
    came = rng.normal(0, 0.02, (sessions, 5))
    said = skill * came + rng.normal(0, 0.005, came.shape)
    return pd.concat([cases_of("random_walk", 0 * came, came), cases_of("skilled", said, came)])


def figure(table: pd.DataFrame, model: str, metric: str, slice_: str = "all") -> pd.Series:
    return table[(table["model"] == model) & (table["metric"] == metric) & (table["slice"] == slice_)].iloc[0]


def test_the_columns_are_those_that_are_promised() -> None:
    table = compare(market(0))

    assert (
        tuple(table.columns)
        == COLUMNS
        == ("model", "horizon", "metric", "value", "low", "high", "n", "naive", "slice")
    )
    assert set(METRICS) <= set(table["metric"])


def test_skill_shows_in_every_metric_and_stands_beside_the_random_walk() -> None:
    table = compare(market(1, skill=0.5))
    value = {metric: figure(table, "skilled", metric) for metric in METRICS}

    assert value["ic"]["low"] > 0.8
    assert all(value[metric]["high"] < value[metric]["naive"] for metric in ("rmse", "mape", "pinball"))
    assert figure(table, "skilled", "diebold_mariano")["high"] < 0
    assert figure(table, "random_walk", "model_confidence_set")["value"] < 0.1


def test_no_skill_shows_as_no_skill() -> None:
    table = compare(market(2))
    ic, test = figure(table, "skilled", "ic"), figure(table, "skilled", "diebold_mariano")

    assert ic["low"] < 0 < ic["high"]
    assert test["low"] > 0  # noise for a median loses more than none


def test_years_and_regimes_part_the_cases() -> None:
    cases = market(3)
    sessions = sorted(cases["session"].unique())
    table = compare(
        cases, {session: "Bull" if place < 100 else "Bear" for place, session in enumerate(sessions)}
    )
    n = {name: figure(table, "skilled", "rmse", name)["n"] for name in table["slice"].unique()}

    assert n["regime=bull"] == 500
    assert n["all"] == 1500 == n["regime=bull"] + n["regime=bear"] == n["year=2023"] + n["year=2024"]


def test_a_slice_is_what_its_cases_alone_would_give() -> None:
    cases = market(4, skill=0.2)
    whole = figure(compare(cases), "skilled", "ic", "year=2024")
    alone = figure(compare(cases[cases["session"].dt.year == 2024]), "skilled", "ic")

    assert whole["value"] == pytest.approx(alone["value"])


def test_contaminated_cases_are_counted_and_nothing_else() -> None:
    cases = market(5)
    spoiled = (cases["model"] == "skilled") & (cases["session"] < pd.Timestamp("2023-06-01"))
    cases.loc[spoiled, ["median", "contaminated"]] = [1e6, True]
    table = compare(cases)
    share = figure(table, "skilled", "contaminated")

    assert (share["value"], share["n"]) == (pytest.approx(spoiled.sum() / 1500), 1500)
    assert figure(table, "skilled", "rmse")["n"] == 1500 - spoiled.sum()
    assert figure(table, "skilled", "rmse")["value"] < 0.05


def test_a_model_that_is_all_contaminated_has_no_figure() -> None:
    cases = market(6).assign(contaminated=lambda frame: frame["model"] == "skilled")
    table = compare(cases)

    assert np.isnan(figure(table, "skilled", "rmse")["value"])
    assert figure(table, "skilled", "contaminated")["value"] == 1.0


def test_neither_the_order_of_rows_nor_another_model_moves_a_figure() -> None:
    cases = market(7)
    other = cases[cases["model"] == "skilled"].assign(model="third", median=0.01)
    one = compare(cases)
    two = compare(pd.concat([other, cases.sample(frac=1.0, random_state=1)]))
    paired = ~one["metric"].isin(["model_confidence_set"])
    joined = one[paired].merge(two, on=["model", "horizon", "metric", "slice"], suffixes=("", "_two"))

    assert len(joined) == paired.sum()
    for column in ("value", "low", "high"):
        np.testing.assert_array_equal(joined[column], joined[f"{column}_two"])


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_intervals_hold_about_as_often_as_they_say(horizon: int) -> None:
    """Errors that overlap, a session's names moving together: the root mean square is known."""
    held = 0
    for seed in range(40):
        rng = np.random.default_rng(seed + 1000)
        steps = rng.normal(0, 1, (400 + horizon - 1, 1)) + rng.normal(0, 1, (400 + horizon - 1, 5))
        came = np.lib.stride_tricks.sliding_window_view(steps, horizon, axis=0).sum(axis=2) * 0.001
        table = compare(cases_of("skilled", 0 * came, came, horizon))
        rmse = figure(table, "skilled", "rmse")
        held += rmse["low"] <= 0.001 * np.sqrt(2 * horizon) <= rmse["high"]

    # In 200 other draws 95.0, 95.5 and 93.5 % held; three standard errors of 40 draws are 12 %
    assert held / 40 >= 0.935 - 0.12


def test_an_interval_of_many_blocks_is_the_percentiles_and_of_few_it_is_wider() -> None:
    samples = np.linspace(-1, 1, 1001)

    assert stretched(0.0, samples, 1e6) == pytest.approx((-0.95, 0.95), rel=1e-4)
    # Student's quantile of four degrees of freedom over the normal one, and half of the variance lost
    assert stretched(0.0, samples, 4)[1] == pytest.approx(0.95 * 2.7764 / 1.9600 * np.sqrt(2), rel=1e-4)
    assert np.isnan(stretched(0.0, samples, 1.9)).all()


def test_few_sessions_give_figures_without_intervals() -> None:
    table = compare(market(8, sessions=20))

    assert np.isfinite(figure(table, "skilled", "rmse")["value"])
    assert table[["low", "high"]].isna().all(axis=None)


def test_no_cases_give_an_empty_table_with_its_types() -> None:
    table = compare(market(9).iloc[:0])

    assert (len(table), str(table["value"].dtype), str(table["horizon"].dtype)) == (0, "float64", "int64")


def test_only_the_version_that_spoke_counts() -> None:
    key = {"timeframe": "1D", "model": "ar1", "horizon": 1, "symbol": "NVDA"}
    issued = pd.Timestamp("2024-01-02")
    losses = pd.DataFrame(
        [
            {**key, "session": issued, "issued_session": issued, "version": version, "median": 0.0,
             "realized": 0.1, "pinball": 1.0, "contaminated": False}
            for version in ("champion", "challenger")
        ]
    )  # fmt: skip
    forecasts = pd.DataFrame([{**key, "session": issued, "version": "champion"}])

    assert len(champion_cases(losses, forecasts)) == 1
