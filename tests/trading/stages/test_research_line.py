"""All stages from losses to signals on a small SIMULATED line of pure noise."""

import numpy as np
import pandas as pd
import pytest

from models.ensembles.softmax import SoftmaxWeighting
from models.intervals.adaptive import AdaptiveConformal
from models.regimes.gaussian_hmm import GaussianRegimes
from trading import calendar
from trading.evaluation.coverage import coverage_of
from trading.line import Request, run_line
from trading.plan import Plan
from trading.stages.champions import champions_stage
from trading.stages.ensemble_forecast import ensemble_forecast_stage
from trading.stages.ensemble_intervals import ensemble_intervals_stage
from trading.stages.ensemble_weights import ensemble_weights_stage
from trading.stages.forecasts import forecasts_stage
from trading.stages.regimes import RegimeRules, regimes_stage
from trading.stages.signals import signals_stage
from trading.stages.version_intervals import version_intervals_stage
from trading.stages.version_losses import version_losses_stage
from trading.testing.memory_store import MemoryStore
from trading.testing.research_line import MODELS, book, features_stage, forecast_stage, vix_bars

CHANGE = calendar.session_of("2020-07-01")
INCEPTION = calendar.session_of("2020-06-15")
LAST = calendar.session_of("2020-07-17")
LATE = calendar.session_of("2020-07-02")


def plan() -> Plan:
    calibrator = AdaptiveConformal()
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
            GaussianRegimes(starts=1, iterations=10), RegimeRules(window_sessions=80, filter_sessions=40)
        ),
        signals_stage(),
    ]
    return Plan.of(stages, burn_in_sessions=70)


PLAN = plan()
MADE = [table for table in PLAN.tables if table not in {"bars", "corporate_actions", "features"}]


def run(
    ranges: list[tuple[pd.Timestamp, pd.Timestamp]], changed_from: pd.Timestamp | None = None
) -> MemoryStore:
    """The line over some ranges one after another; VIX bars from `changed_from` on are others."""
    store = MemoryStore()
    first = PLAN.first_session("bars", INCEPTION)
    bars = vix_bars(first, LAST)
    if changed_from is not None:
        bars.loc[bars["session"] >= changed_from, ["open", "high", "low", "close"]] *= 2
    store.write({"bars": bars}, first, LAST, commit={})
    for start, stop in ranges:
        request = Request(INCEPTION, start, stop, book(f"{CHANGE:%Y-%m-%d}"))
        run_line(PLAN, store, request, lambda _: book(f"{CHANGE:%Y-%m-%d}"))
    return store


@pytest.fixture(scope="module")
def whole() -> MemoryStore:
    return run([(INCEPTION, LAST)])


def test_every_table_is_made_up_to_the_last_session(whole: MemoryStore) -> None:
    listed = whole.tables().set_index("table")["last_session"]
    assert (listed[MADE] == LAST).all()


def test_a_range_and_one_session_after_another_make_the_same_bytes(whole: MemoryStore) -> None:
    start = calendar.shift(LATE, -2)
    singles = [(session, session) for session in calendar.sessions_between(start, LATE)]
    apart = run([(INCEPTION, calendar.shift(start, -1)), *singles])
    for table in MADE:
        pd.testing.assert_frame_equal(apart.read(table), whole.read(table, last=LATE), check_exact=True)


def test_what_comes_later_changes_nothing_before(whole: MemoryStore) -> None:
    other = run([(INCEPTION, LATE)], changed_from=LATE)
    before = calendar.shift(LATE, -1)
    for table in MADE:
        pd.testing.assert_frame_equal(other.read(table, last=before), whole.read(table, last=before))
    vix = [store.read("regimes", LATE, LATE)["p_bull"].iloc[0] for store in (whole, other)]
    assert vix[0] != vix[1]


def test_the_successor_speaks_when_the_champion_retires_and_is_recorded(whole: MemoryStore) -> None:
    spoken = whole.read("forecasts").query("model == 'trained'").groupby("session")["version"].first()
    assert set(spoken[spoken.index < CHANGE]) == {"t1"}
    assert set(spoken[spoken.index >= CHANGE]) == {"t2"}
    crowned = whole.read("champions", CHANGE, CHANGE).query("version == 't2'").iloc[0]
    assert (crowned["role"], crowned["since"]) == ("champion", CHANGE)


def test_parameters_change_on_the_calendar_alone(whole: MemoryStore) -> None:
    fitted = whole.read("regime_models")["fitted_session"].unique()
    first = PLAN.first_session("regimes", INCEPTION)
    assert list(fitted) == [first, calendar.session_of("2020-04-01"), CHANGE]


def test_models_that_are_wrong_about_the_volatility_are_put_right(whole: MemoryStore) -> None:
    made = whole.read("version_intervals").query("horizon == 1").dropna(subset="covered")
    for model in MODELS:
        figures = coverage_of(made.loc[made["model"] == model, "covered"].to_numpy(), target=0.75)
        # ten symbols that move together, 70 sessions each: less evidence than 700 independent outcomes
        assert abs(figures.rate - 0.75) < 0.06


def test_the_model_that_is_most_wrong_weighs_least(whole: MemoryStore) -> None:
    weights = whole.read("ensemble_weights", LAST, LAST).set_index("model")["weight"]
    assert weights.idxmin() == "wild"
    assert np.rint(weights * 1e6).sum() == 1_000_000


def test_noise_has_next_to_no_skill(whole: MemoryStore) -> None:
    assert whole.read("ensemble_skill")["skill"].max() < 0.2
