"""One conformal step, ours for thirty cells at once beside MAPIE's for one: adapt the level, take the score, predict.

Ours must stay below ten microseconds a symbol and horizon. The floor is the sort of a cell's window of scores.
"""

import warnings

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from models.intervals.choice import IntervalChoice
from trading.frames import HORIZONS
from trading.interfaces import Forecast, Interval
from trading.universe import SYMBOLS

WINDOW = 250
SHAPE = (len(SYMBOLS), len(HORIZONS))
CELLS = SHAPE[0] * SHAPE[1]
GOAL_MICROSECONDS = 10.0
RANDOM = np.random.default_rng(7)
OUTCOMES = RANDOM.standard_t(5, (WINDOW, *SHAPE))


def step(choice: IntervalChoice) -> Interval:
    """Update with what matured and predict, all symbols and horizons."""
    fan = np.broadcast_to([-2.0, -1, -0.5, 0, 0.5, 1, 2], (*SHAPE, 7))
    issued = Interval(*(np.full(SHAPE, bound) for bound in (-1.0, 1.0, 0.25)))
    ready = choice.chosen.conformalize(np.abs(OUTCOMES) / 2 - 0.5, None, ends=np.sign(OUTCOMES))
    return ready.update(issued, OUTCOMES[0]).predict_interval(Forecast(SYMBOLS, HORIZONS, fan))


@pytest.mark.parametrize("method", ["adaptive", "split", "pid", "enbpi", "aggregated", "cv_plus"])
def test_one_step_of_thirty_cells(benchmark: BenchmarkFixture, method: str) -> None:
    choice = IntervalChoice(method=method)  # type: ignore[arg-type]
    step(choice)
    benchmark.extra_info["cells"] = CELLS
    benchmark.pedantic(step, (choice,), rounds=50)
    if method == "adaptive" and benchmark.stats:
        # the quickest round: others on the machine make a step slower, never quicker
        assert 1e6 * benchmark.stats.stats.min / CELLS < GOAL_MICROSECONDS


def test_one_step_of_one_cell_by_mapie(benchmark: BenchmarkFixture) -> None:
    pytest.importorskip("mapie", reason="needs the extra `test`")
    from mapie.conformity_scores import AbsoluteConformityScore
    from mapie.regression import TimeSeriesRegressor
    from sklearn.linear_model import LinearRegression

    inputs, targets = RANDOM.normal(size=(WINDOW, 1)), RANDOM.normal(size=WINDOW)
    model = LinearRegression().fit(inputs, targets)
    theirs = TimeSeriesRegressor(
        model, method="aci", cv="prefit", conformity_score=AbsoluteConformityScore(sym=True)
    )

    def one() -> None:
        theirs.adapt_conformal_inference(inputs[:1], targets[:1], gamma=0.03, confidence_level=0.75)
        theirs.update(inputs[:1], targets[:1])
        theirs.predict(inputs[:1], confidence_level=0.75)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(inputs, targets)
        benchmark.pedantic(one, rounds=50)


def test_floor_sort_of_one_window(benchmark: BenchmarkFixture) -> None:
    scores = OUTCOMES[:, 0, 0].copy()
    benchmark(np.sort, scores)
