"""The walks without a line say what the stages say, so that what is measured on one holds for the other."""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from models.ensembles.exponentiated import ExponentiatedGradient
from models.ensembles.stacked import StackedWeighting
from models.ensembles.tracked import TrackedWeighting
from models.intervals.choice import IntervalChoice
from trading import calendar
from trading.evaluation.ensemble_walk import EnsembleWalk
from trading.evaluation.interval_walk import IntervalWalk
from trading.frames import HORIZONS, QUANTILES
from trading.interfaces import Floats
from trading.line import Request, run_line
from trading.monitoring.degradation import DegradationRules
from trading.plan import Plan
from trading.stages.champions import champions_stage
from trading.stages.ensemble_forecast import ensemble_forecast_stage
from trading.stages.ensemble_intervals import ensemble_intervals_stage
from trading.stages.ensemble_weights import ensemble_weights_stage
from trading.stages.forecasts import forecasts_stage
from trading.stages.version_intervals import version_intervals_stage
from trading.stages.version_losses import version_losses_stage
from trading.testing.memory_store import MemoryStore
from trading.testing.research_line import MODELS, book, features_stage, forecast_stage, vix_bars
from trading.universe import SYMBOLS

INCEPTION, LAST = calendar.session_of("2020-06-15"), calendar.session_of("2020-07-10")
BOOK = book("2020-08-03")  # nobody takes over meanwhile: losses are then of what was issued
CALIBRATORS = {"adaptive": IntervalChoice(min_scores=20), "pid": IntervalChoice(method="pid", min_scores=20)}
WEIGHTINGS: dict[str, TrackedWeighting] = {
    "adaptive": StackedWeighting(fit_sessions=12),  # one line has both, to save the making of another
    "pid": ExponentiatedGradient(learning_rate=0.3),
}
UNWATCHED = DegradationRules(degraded_share=1.0)  # the walk has no probation


@cache
def line(calibrator: str) -> MemoryStore:
    """Eighteen sessions after a burn-in of forty, so that all horizons have matured and a month opens."""
    intervals = CALIBRATORS[calibrator].chosen
    stages = [
        features_stage(),
        *(forecast_stage(model) for model in MODELS),
        version_losses_stage(MODELS),
        version_intervals_stage(MODELS, intervals),
        champions_stage(MODELS),
        forecasts_stage(MODELS),
        ensemble_weights_stage(MODELS, WEIGHTINGS[calibrator], UNWATCHED),
        ensemble_forecast_stage(),
        ensemble_intervals_stage(intervals),
    ]
    plan, store = Plan.of(stages, burn_in_sessions=40), MemoryStore()
    begins = plan.first_session("bars", INCEPTION)
    store.write({"bars": vix_bars(begins, LAST)}, begins, LAST, commit={})
    run_line(plan, store, Request(INCEPTION, INCEPTION, LAST, BOOK), lambda _: BOOK)
    return store


def wide(frame: pd.DataFrame, column: str, *axes: list[object]) -> Floats:
    """A column over sessions, symbols and more keys, NaN where there is no row."""
    keys = ["session", "symbol", "horizon", "model"][: len(axes)]
    whole = pd.MultiIndex.from_product(axes)
    return frame.set_index(keys)[column].reindex(whole).to_numpy(float).reshape([len(a) for a in axes])


def ahead_of(store: MemoryStore, sessions: pd.DatetimeIndex) -> Floats:
    """(w, s, h) return over the next h sessions."""
    rows = store.read("features").pivot_table(index="session", columns="symbol", values="log_return")
    returns = rows.reindex(index=sessions, columns=list(SYMBOLS))
    return np.stack([returns.rolling(h).sum().shift(-h).to_numpy() for h in HORIZONS], axis=2)


@pytest.mark.parametrize("calibrator", CALIBRATORS)
def test_the_interval_walk_issues_what_the_stage_issued(calibrator: str) -> None:
    store = line(calibrator)
    said, table = store.read("ensemble_forecast"), store.read("ensemble_intervals")
    sessions = pd.DatetimeIndex(said["session"].unique())
    axes = (list(sessions), list(SYMBOLS), list(HORIZONS))
    quantiles = np.stack([wide(said, name, *axes) for name in QUANTILES], axis=-1)

    issued = IntervalWalk(quantiles, ahead_of(store, sessions)).issued(CALIBRATORS[calibrator].chosen)

    # the stage stores what it issued; else both do the same sums, of returns added in another order
    for name, bounds in zip(("lower", "upper"), issued, strict=True):
        np.testing.assert_allclose(bounds, wide(table, name, *axes), rtol=0, atol=1e-9)
    assert np.isfinite(issued[0][-1]).all()  # twenty sessions ahead, too


@pytest.mark.parametrize("calibrator", WEIGHTINGS)
def test_the_ensemble_walk_weighs_as_the_stage_weighed(calibrator: str) -> None:
    store = line(calibrator)
    said, table = store.read("forecasts"), store.read("ensemble_weights")
    sessions = pd.DatetimeIndex(said["session"].unique())
    axes = (list(sessions), list(SYMBOLS), list(HORIZONS), list(MODELS))
    roots = np.sqrt(np.array(HORIZONS))
    quantiles = np.stack([wide(said, name, *axes) for name in QUANTILES], axis=-1) / roots[:, None, None]
    walk = EnsembleWalk(
        sessions, np.swapaxes(quantiles, 1, 2), np.swapaxes(ahead_of(store, sessions) / roots, 1, 2)
    )

    weights = walk.weights(WEIGHTINGS[calibrator])

    told = table.pivot_table(index="session", columns="model", values="weight")[list(MODELS)].to_numpy()
    np.testing.assert_allclose(weights[-len(told) :], told, rtol=0, atol=2e-6)  # whole millionths
    assert np.ptp(told[-1]) > 0.01  # there is something to weigh
