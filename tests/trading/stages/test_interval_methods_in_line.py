"""Every kind of state that a calibrator carries survives its table: alone or in a range, the bytes are the same."""

import pandas as pd
import pytest

from models.ensembles.softmax import SoftmaxWeighting
from models.intervals.choice import IntervalChoice
from models.regimes.gaussian_hmm import GaussianRegimes
from trading import calendar
from trading.line import Request, run_line
from trading.plan import Plan
from trading.stages.champions import champions_stage
from trading.stages.ensemble_forecast import ensemble_forecast_stage
from trading.stages.ensemble_intervals import ensemble_intervals_stage
from trading.stages.ensemble_weights import ensemble_weights_stage
from trading.stages.forecasts import forecasts_stage
from trading.stages.regimes import RegimeRules, regimes_stage
from trading.stages.version_intervals import version_intervals_stage
from trading.stages.version_losses import version_losses_stage
from trading.testing.memory_store import MemoryStore
from trading.testing.research_line import book, features_stage, forecast_stage, vix_bars

MODELS = ("plain",)
INCEPTION, LAST = calendar.session_of("2020-06-15"), calendar.session_of("2020-06-17")
BOOK = book("2020-07-01")
CHOICES = [
    IntervalChoice(asymmetric=True, other_regime=0.3),
    IntervalChoice(method="pid", asymmetric=True),
    IntervalChoice(method="aggregated"),
]


def plan(choice: IntervalChoice) -> Plan:
    calibrator = choice.chosen
    stages = [
        features_stage(),
        *(forecast_stage(model) for model in MODELS),
        version_losses_stage(MODELS),
        version_intervals_stage(MODELS, calibrator),
        champions_stage(MODELS),
        forecasts_stage(MODELS),
        ensemble_weights_stage(MODELS, SoftmaxWeighting()),
        ensemble_forecast_stage(),
        ensemble_intervals_stage(calibrator),
        regimes_stage(
            GaussianRegimes(starts=1, iterations=5), RegimeRules(window_sessions=80, filter_sessions=40)
        ),
    ]
    return Plan.of(stages, burn_in_sessions=50)


def run(laid_out: Plan, ranges: list[tuple[pd.Timestamp, pd.Timestamp]]) -> MemoryStore:
    store = MemoryStore()
    first = laid_out.first_session("bars", INCEPTION)
    store.write({"bars": vix_bars(first, LAST)}, first, LAST, commit={})
    for start, stop in ranges:
        run_line(laid_out, store, Request(INCEPTION, start, stop, BOOK), lambda _: BOOK)
    return store


NIGHTLY = pytest.mark.nightly  # ten seconds more of processor; every day PID goes through the same tables


@pytest.mark.parametrize(
    "choice",
    [choice if choice.method == "pid" else pytest.param(choice, marks=NIGHTLY) for choice in CHOICES],
    ids=lambda c: c.method,
)
def test_alone_or_in_a_range_the_bytes_are_the_same(choice: IntervalChoice) -> None:
    laid_out = plan(choice)
    whole = run(laid_out, [(INCEPTION, LAST)])

    apart = run(laid_out, [(day, day) for day in calendar.sessions_between(INCEPTION, LAST)])

    for table in ("version_intervals", "ensemble_intervals"):
        made = whole.read(table)
        pd.testing.assert_frame_equal(apart.read(table), made, check_exact=True)
        assert set(made["status"]) == {"warming_up", "calibrated"}
        assert made["carried_lower"].notna().any() == (choice.method != "aggregated")
