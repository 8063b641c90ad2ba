"""What a line leaves behind, and studies that are made by one process or by two."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.ablation import study
from pipelines.ablation.results import EQUAL_AT_EXPOSURE, EQUAL_WEIGHT, benchmarks_of, sessions_of
from pipelines.ablation.sharing import Line
from pipelines.ablation.study import Study
from pipelines.ablation.variants import BASE, variants_of
from pipelines.in_memory import Market
from tests.pipelines.ablation.lines import FIRST, LAST, SMALL
from trading import calendar
from trading.stages.maturity import pinball

OFF = tuple(one for one in variants_of(SMALL) if one.name in ("regimes off", "links off"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_study_keeps_what_each_line_left(
    base: Line, market: Market, tmp_path: Path, jobs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(study, "made_line", lambda *_: base)  # made once for all tests here
    told: list[tuple[str, int, int]] = []
    work = Study(SMALL, OFF, FIRST, LAST, tmp_path, jobs)
    made = work.run(market, lambda *step: told.append(step))
    assert sorted(made) == [BASE, "links off", "regimes off"]
    assert {name for name, done, total in told if done == total} >= {"links off", "regimes off"}
    assert not list(tmp_path.glob("*.draft"))
    monkeypatch.setattr(study, "made_line", None)  # nothing is made again
    for name, rows in work.run(market).items():
        pd.testing.assert_frame_equal(rows, made[name])


def test_a_row_a_session_without_the_deposits(base: Line) -> None:
    rows, book = sessions_of(base), base.made.store.read("performance").set_index("session")
    assert list(rows.index) == list(calendar.sessions_between(FIRST, LAST)[1:])
    equity = book["equity_cents"].to_numpy()
    assert rows["net_return"].to_numpy() == pytest.approx(equity[1:] / equity[:-1] - 1)
    assert rows["exposure"].tolist() == book["gross_exposure"].tolist()[:-1]


def test_the_regime_is_that_of_the_evening_of_the_decision(base: Line) -> None:
    regimes = base.made.store.read("regimes", timeframe="1D").set_index("session")["regime"]
    assert sessions_of(base)["regime"].tolist() == [
        regimes[calendar.shift(s, -1)] for s in sessions_of(base).index
    ]


def test_forecasts_are_counted_in_the_session_that_issued_them(base: Line) -> None:
    store, session = base.made.store, calendar.shift(FIRST, 1)
    came = (
        store.read("ensemble_intervals", timeframe="1D")
        .query("horizon == 5")
        .set_index(["session", "symbol"])
    )
    said = (
        store.read("ensemble_forecast", session, session, timeframe="1D")
        .query("horizon == 5")
        .set_index("symbol")
    )
    outcome = came["realized"].loc[calendar.shift(session, 5)].reindex(said.index).dropna()
    said = said.loc[outcome.index]
    median, quantiles = said["q500"].to_numpy(), said[[name for name in said if name[0] == "q"]].to_numpy()
    rows = sessions_of(base).loc[session]
    assert rows["cases"] == len(outcome) > 0
    assert rows["hits"] == np.sum(np.sign(median) * np.sign(outcome.to_numpy()) > 0)
    assert rows["loss"] == pytest.approx(pinball(quantiles, outcome.to_numpy()).sum())
    assert sessions_of(base)["cases"].iloc[-5:].tolist() == [0.0] * 5  # not matured


def test_equal_weight_stands_whole_and_at_the_lines_exposure(base: Line) -> None:
    rows = sessions_of(base)
    sides = benchmarks_of(rows)
    assert sides[EQUAL_WEIGHT]["net_return"].tolist() == rows["equal_return"].tolist()
    assert sides[EQUAL_AT_EXPOSURE]["net_return"].iloc[0] == 0.0  # nothing was held when the home began
