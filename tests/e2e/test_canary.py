"""The leak canary over the whole line: no honest stage moves, and planted leaks do."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from pipelines.in_memory import market_of, run_in_memory
from pipelines.settings import Settings
from pipelines.wiring import plan_of
from tests.e2e.restless import restless_actions, restless_bars
from trading import calendar, frames
from trading.interfaces import Forecaster, ModelVersion
from trading.monitoring.leaks import Leak, Market, find_leaks
from trading.plan import Plan
from trading.stages.stage import Inputs, ModelBook, Moment, Outputs

SMALL = Settings(models=("random_walk", "ar1"), burn_in_sessions=45).with_value("regimes.hmm.starts", 2)
# The range crosses a quarter's end, so that models are trained and the regimes refitted within it.
FIRST, LAST = calendar.session_of("2024-03-20"), calendar.session_of("2024-04-10")
CUT = calendar.session_of("2024-04-03")
BEFORE_TRAINING = calendar.session_of("2024-03-27")  # the quarter's versions are trained after this cut
PLAN = plan_of(SMALL)
Change = Callable[[Moment, dict[str, np.ndarray]], None]


@pytest.fixture(scope="module")
def market() -> Market:
    calm = market_of(SMALL, FIRST, LAST)
    bars, actions = calm["bars"], calm["corporate_actions"]
    for cut in (CUT, BEFORE_TRAINING):  # rows come late and are revised on both sides of each cut
        bars, actions = restless_bars(bars, cut), restless_actions(actions, cut)
    key = list(frames.table_of("bars").key)
    return {"bars": bars.sort_values(key, kind="stable", ignore_index=True), "corporate_actions": actions}


def tables(market: Market, plan: Plan = PLAN) -> Market:
    store = run_in_memory(SMALL, FIRST, LAST, market=market, plan=plan)
    return {table: store.read(table) for table in plan.makers}


def mutant(stage_name: str, table: str, change: Change) -> Plan:
    """The plan with one stage whose output `change` spoils."""
    honest = PLAN.stage(stage_name)

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        made = honest.make(moment, inputs)
        spoiled = {name: np.array(values) for name, values in made[table].items()}
        change(moment, spoiled)
        return {**made, table: spoiled}

    stages = [dataclasses.replace(s, make=make) if s.name == stage_name else s for s in PLAN.stages]
    return Plan.of(stages, PLAN.burn_in_sessions).up_to(stage_name)


def closes(market: Market) -> pd.DataFrame:
    """Every close there is, (sessions, symbols): what no honest stage can hold in its hands."""
    return market["bars"].pivot_table(index="session", columns="symbol", values="close", aggfunc="last")


def at(frame: pd.DataFrame, moment: Moment, symbols: np.ndarray) -> np.ndarray:
    return frame.loc[moment.session].reindex(symbols).to_numpy(dtype=float)


def negative_shift(market: Market) -> Plan:
    ahead = np.log(closes(market)).diff(5).shift(-5)

    def change(moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rows["momentum_21"] = at(ahead, moment, rows["symbol"])

    return mutant("features", "features", change)


def centred_window(market: Market) -> Plan:
    around = np.log(closes(market)).diff().rolling(21, center=True).std()

    def change(moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rows["volatility_21"] = at(around, moment, rows["symbol"])

    return mutant("features", "features", change)


def scaler_fitted_on_everything(market: Market) -> Plan:
    returns = np.log(closes(market)).diff()
    scaled = (returns - returns.mean()) / returns.std()

    def change(moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rows["bollinger_20"] = at(scaled, moment, rows["symbol"])

    return mutant("features", "features", change)


def bar_stamped_at_its_start(market: Market) -> Plan:
    daily = closes(market)
    weekly = daily.resample("W-FRI", label="left").last().reindex(daily.index, method="ffill")

    def change(moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rows["momentum_63"] = np.log(at(weekly / daily, moment, rows["symbol"]))

    return mutant("features", "features", change)


def smoothed_regime(market: Market) -> Plan:
    from hmmlearn.hmm import GaussianHMM

    returns = np.log(closes(market)["SMH"]).diff().fillna(0.0)
    hmm = GaussianHMM(n_components=2, covariance_type="diag")
    hmm.startprob_, hmm.transmat_ = np.array([0.5, 0.5]), np.array([[0.95, 0.05], [0.05, 0.95]])
    hmm.means_, hmm.covars_ = np.zeros((2, 1)), np.array([[1e-4], [1e-3]])
    calm = pd.Series(hmm.predict_proba(returns.to_numpy()[:, None])[:, 0], index=returns.index)

    def change(moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rows["multiplier"] = np.clip([float(calm[moment.session])], 0.0, 1.0)

    return mutant("regimes", "regimes", change)


def universe_chosen_by_the_future(market: Market) -> Plan:
    winners = closes(market).iloc[-1] / closes(market).iloc[0]

    def change(_moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rank = winners.reindex(rows["symbol"]).rank(pct=True).to_numpy()
        rows["alpha"] = np.where(rank > 0.5, 0.01, -0.01)

    return mutant("signals", "signals", change)


def target_in_the_forecast(market: Market) -> Plan:
    ahead = np.log(closes(market)).diff().shift(-1).fillna(0.0)

    def change(moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rows["between_models"] = np.abs(at(ahead, moment, rows["symbol"]))

    return mutant("ensemble_forecast", "ensemble_forecast", change)


def revision_before_it_was_known(market: Market) -> Plan:
    revised = closes(market)  # the last opinion on each close, whenever it came

    def change(moment: Moment, rows: dict[str, np.ndarray]) -> None:
        rows["overnight_return"] = np.log(at(revised, moment, rows["symbol"]))

    return mutant("features", "features", change)


@dataclasses.dataclass(frozen=True)
class NextQuarters:
    """The versions of two weeks later."""

    inner: ModelBook

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = "1D"
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        return self.inner.live(model, calendar.shift(session, 10), timeframe)

    def records(self, model: str, session: pd.Timestamp, timeframe: str = "1D") -> tuple[ModelVersion, ...]:
        return self.inner.records(model, calendar.shift(session, 10), timeframe)


def version_trained_later(_market: Market) -> Plan:
    honest = PLAN.stage("forecast_ar1")

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        early = calendar.shift(moment.session, 10) <= LAST
        return honest.make(
            dataclasses.replace(moment, models=NextQuarters(moment.models)) if early else moment, inputs
        )

    stages = [dataclasses.replace(s, make=make) if s is honest else s for s in PLAN.stages]
    return Plan.of(stages, PLAN.burn_in_sessions).up_to("forecast_ar1")


MUTANTS: Mapping[Callable[[Market], Plan], tuple[str, str]] = {
    negative_shift: ("features", "momentum_21"),
    centred_window: ("features", "volatility_21"),
    scaler_fitted_on_everything: ("features", "bollinger_20"),
    bar_stamped_at_its_start: ("features", "momentum_63"),
    smoothed_regime: ("regimes", "multiplier"),
    universe_chosen_by_the_future: ("signals", "alpha"),
    target_in_the_forecast: ("ensemble_forecast", "between_models"),
    revision_before_it_was_known: ("features", "overnight_return"),
}


def leaks_of(market: Market, plan_from: Callable[[Market], Plan]) -> dict[str, Leak]:
    return {
        leak.table: leak for leak in find_leaks(lambda world: tables(world, plan_from(world)), market, CUT)
    }


@pytest.mark.parametrize("cut", [CUT, BEFORE_TRAINING])
def test_no_honest_stage_sees_the_future(market: Market, cut: pd.Timestamp) -> None:
    assert find_leaks(tables, market, cut) == []


def test_a_version_that_was_trained_after_the_cut_is_caught(market: Market) -> None:
    plan = version_trained_later(market)
    (leak,) = find_leaks(lambda world: tables(world, plan), market, BEFORE_TRAINING)
    assert leak.table == "forecast_ar1"


@pytest.mark.parametrize("plan_from", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_planted_leak_is_caught_in_its_table_and_column(
    market: Market, plan_from: Callable[[Market], Plan]
) -> None:
    table, column = MUTANTS[plan_from]
    leaks = leaks_of(market, plan_from)
    assert column in leaks[table].columns
    assert leaks[table].session <= CUT
