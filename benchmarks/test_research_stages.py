"""Time of one session in each stage from losses to signals: ten names, four live versions, three horizons.

The floor beside them is the copy of the largest input, the hundred sessions of losses.
"""

from collections.abc import Mapping

import pandas as pd
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from models.ensembles.softmax import SoftmaxWeighting
from models.intervals.adaptive import AdaptiveConformal
from models.regimes.gaussian_hmm import GaussianRegimes
from trading import calendar
from trading.history import History
from trading.line import Request, run_line
from trading.plan import Plan
from trading.stages.champions import champions_stage
from trading.stages.ensemble_forecast import ensemble_forecast_stage
from trading.stages.ensemble_intervals import ensemble_intervals_stage
from trading.stages.ensemble_weights import ensemble_weights_stage
from trading.stages.forecasts import forecasts_stage
from trading.stages.regimes import regimes_stage
from trading.stages.signals import signals_stage
from trading.stages.stage import Moment
from trading.stages.version_intervals import version_intervals_stage
from trading.stages.version_losses import version_losses_stage
from trading.testing.memory_store import MemoryStore
from trading.testing.research_line import MODELS, book, features_stage, forecast_stage, vix_bars

INCEPTION, LAST = calendar.session_of("2020-06-01"), calendar.session_of("2020-06-15")
BOOK = book("2020-12-01")
CALIBRATOR = AdaptiveConformal()
STAGES = {
    stage.name: stage
    for stage in (
        version_losses_stage(MODELS),
        version_intervals_stage(MODELS, CALIBRATOR),
        champions_stage(MODELS),
        forecasts_stage(MODELS),
        ensemble_weights_stage(MODELS, SoftmaxWeighting()),
        ensemble_forecast_stage(),
        ensemble_intervals_stage(CALIBRATOR),
        regimes_stage(GaussianRegimes(starts=1)),
        signals_stage(),
    )
}


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """A SIMULATED home of pure noise."""
    makers = (features_stage(), *(forecast_stage(model) for model in MODELS))
    plan = Plan.of([*makers, *STAGES.values()], burn_in_sessions=130)
    filled = MemoryStore()
    first = plan.first_session("bars", INCEPTION)
    filled.write({"bars": vix_bars(first, LAST)}, first, LAST, commit={})
    run_line(plan, filled, Request(INCEPTION, INCEPTION, LAST, BOOK), lambda _: BOOK)
    return filled


def histories(store: MemoryStore, name: str) -> Mapping[str, History]:
    reads = (*STAGES[name].reads, *STAGES[name].keeps)
    return {r.table: _history(store, r.table, calendar.shift(LAST, -r.depth)) for r in reads}


def _history(store: MemoryStore, table: str, first: pd.Timestamp) -> History:
    return History.from_frame(table, store.read(table, first, LAST))


@pytest.mark.parametrize("name", STAGES)
def test_one_session(benchmark: BenchmarkFixture, store: MemoryStore, name: str) -> None:
    known = histories(store, name)
    moment = Moment(LAST, calendar.as_of(LAST), INCEPTION, is_first=False, models=BOOK)
    ends = {r.table: calendar.shift(LAST, -r.offset) for r in (*STAGES[name].reads, *STAGES[name].keeps)}
    starts = {r.table: calendar.shift(LAST, -r.depth) for r in (*STAGES[name].reads, *STAGES[name].keeps)}
    inputs = {t: h.window(starts[t], ends[t], moment.as_of) for t, h in known.items()}
    benchmark(STAGES[name].make, moment, inputs)


def test_floor_copy_of_the_losses(benchmark: BenchmarkFixture, store: MemoryStore) -> None:
    losses = histories(store, "version_intervals")["version_losses"]
    benchmark(lambda: [values.copy() for values in losses.values.values()])
