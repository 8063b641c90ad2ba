"""Stages that know the future, one for each way in which it usually comes in: what a leak analysis must catch.

A mutant is an honest stage with one thing wrong: with a column that was computed from the whole market, with an
input of a later session or of later knowledge, with versions or prices of another time. Each says in which table
and column it must be found. None of them is ever part of a plan that trades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames
from trading.history import History, Rows
from trading.interfaces import ChampionDecision, Floats, Forecaster, ModelVersion
from trading.monitoring.canary import World
from trading.monitoring.leaks import PRICES
from trading.stages.layout import DAILY
from trading.stages.stage import Inputs, ModelBook, Moment, Outputs, Stage
from trading.universe import SYMBOLS

Columns = dict[str, NDArray[Any]]
Make = Callable[[Moment, Inputs], Outputs]
Spoil = Callable[[World, Stage], Make]
Change = Callable[[Moment, Columns], None]
AHEAD, TRAINED_AHEAD = 5, 10  # sessions; the second is longer than a version waits from training to speaking


@dataclass(frozen=True)
class Mutant:
    """One leak.

    Attributes
    ----------
    name : the mistake
    stage : that it is made in
    table, column : where it must be found; an empty column where rows appear that should not be there
    spoil : the stage's `make`, in a world, with the mistake in it
    """

    name: str
    stage: str
    table: str
    column: str
    spoil: Spoil

    def of(self, world: World) -> Stage:
        """The spoiled stage of a world."""
        honest = world.plan.stage(self.stage)
        return replace(honest, make=self.spoil(world, honest))


def closes(world: World) -> pd.DataFrame:
    """(sessions, symbols) every close there is, in its last revision: what no honest stage can hold in its hands."""
    return world.market["bars"].pivot_table(index="session", columns="symbol", values="close", aggfunc="last")


def _returns(world: World) -> pd.DataFrame:
    return np.log(closes(world)).diff()


def _at(values: pd.DataFrame, moment: Moment, rows: Columns) -> Floats:
    return values.loc[moment.session].reindex(rows["symbol"]).to_numpy(dtype=float)


# Columns that were computed from the whole market.


def _column(table: str, change: Callable[[World], Change]) -> Spoil:
    """A stage whose rows of `table` are changed afterwards."""

    def spoil(world: World, honest: Stage) -> Make:
        changed = change(world)

        def make(moment: Moment, inputs: Inputs) -> Outputs:
            made = honest.make(moment, inputs)
            rows = {name: np.array(values) for name, values in made[table].items()}
            changed(moment, rows)
            return {**made, table: rows}

        return make

    return spoil


def _from_market(name: str, column: str, table: str, values: Callable[[World], pd.DataFrame]) -> Mutant:
    """A column that is what `values` (sessions, symbols) says."""

    def change(world: World) -> Change:
        known = values(world)

        def replaced(moment: Moment, rows: Columns) -> None:
            rows[column] = _at(known, moment, rows)

        return replaced

    return Mutant(name, table, table, column, _column(table, change))


def _shifted(world: World) -> pd.DataFrame:
    return np.log(closes(world)).diff(AHEAD).shift(-AHEAD)


def _centred(world: World) -> pd.DataFrame:
    return _returns(world).rolling(21, center=True).std()


def _scaled(world: World) -> pd.DataFrame:
    returns = _returns(world)
    return (returns - returns.mean()) / returns.std()


def _clipped(world: World) -> pd.DataFrame:
    """Only the extremes of each symbol know the whole sample."""
    returns = _returns(world)
    return returns.clip(returns.quantile(0.2), returns.quantile(0.8), axis=1)


def _weekly(world: World) -> pd.DataFrame:
    """The week's close, stamped at the week's first session."""
    daily = closes(world)
    return np.log(daily.resample("W-FRI", label="left").last().reindex(daily.index, method="ffill") / daily)


def _tomorrow(world: World) -> pd.DataFrame:
    return _returns(world).shift(-1).fillna(0.0)


def _ranked(world: World) -> pd.DataFrame:
    return _shifted(world).rank(axis=1, pct=True)


def _winners(world: World) -> pd.DataFrame:
    """1 for the half of the names that gains most over the whole market, else 0, in every session."""
    known = closes(world)[list(SYMBOLS)].ffill()
    gained = known.iloc[-1] / known.bfill().iloc[0]
    chosen = (gained.rank(pct=True) > 0.5).astype(float)  # noqa: PLR2004 - the better half
    return pd.DataFrame([chosen] * len(known), index=known.index)


def _alpha_of_winners(world: World) -> pd.DataFrame:
    return 0.02 * _winners(world) - 0.01


def _surprise(world: World) -> pd.DataFrame:
    return _tomorrow(world).abs()


def _smoothed(world: World) -> Change:
    """The probability of calm given all returns, as a smoother gives it and a filter never could."""
    from hmmlearn.hmm import GaussianHMM

    returns = _returns(world)["SMH"].fillna(0.0)
    hmm = GaussianHMM(n_components=2, covariance_type="diag")
    hmm.startprob_, hmm.transmat_ = np.array([0.5, 0.5]), np.array([[0.95, 0.05], [0.05, 0.95]])
    hmm.means_, hmm.covars_ = np.zeros((2, 1)), np.array([[1e-4], [1e-3]])
    calm = pd.Series(hmm.predict_proba(returns.to_numpy()[:, None])[:, 0], index=returns.index)

    def change(moment: Moment, rows: Columns) -> None:
        rows["multiplier"] = np.clip([float(calm[moment.session])], 0.0, 1.0)

    return change


# Inputs of a later session, or of later knowledge.


def _inputs(name: str, stage: str, table: str, column: str, change: Callable[[World, Stage], Any]) -> Mutant:
    """A stage that is given other rows: `change` makes a function of (moment, inputs) to the inputs it replaces."""

    def spoil(world: World, honest: Stage) -> Make:
        other: Callable[[Moment], Mapping[str, Rows]] = change(world, honest)
        return lambda moment, inputs: honest.make(moment, {**inputs, **other(moment)})

    return Mutant(name, stage, table, column, spoil)


def _later_rows(sessions: int, *reads: str) -> Callable[[World, Stage], Any]:
    """Rows of `reads` of some sessions later, labelled as if they were of now."""

    def change(world: World, stage: Stage) -> Callable[[Moment], Mapping[str, Rows]]:
        labelled = {
            table: History.from_frame(table, _brought_forward(world, table, sessions)) for table in reads
        }

        def other(moment: Moment) -> Mapping[str, Rows]:
            if calendar.shift(moment.session, sessions) > world.last:
                return {}
            return {table: _window(stage, rows, moment, moment.as_of) for table, rows in labelled.items()}

        return other

    return change


def _brought_forward(world: World, table: str, sessions: int) -> pd.DataFrame:
    """A table whose rows come some sessions before their time; revised rows as they were in the end."""
    rows = world.store.read(table)
    days = pd.DatetimeIndex(rows["session"].unique())
    earlier = {day: calendar.shift(day, -sessions) for day in days}
    moved = rows["session"].map(earlier).astype("datetime64[us]")
    known = pd.DatetimeIndex(calendar.as_of_each(pd.DatetimeIndex(moved)))
    return rows.assign(session=moved.to_numpy(), known_at=known.as_unit("us"))


def _later_knowledge(table: str, after: pd.Timedelta) -> Callable[[World, Stage], Any]:
    """Rows of the right sessions, as they were known some time after the session decided."""

    def change(world: World, stage: Stage) -> Callable[[Moment], Mapping[str, Rows]]:
        rows = History.from_frame(table, world.store.read(table, revisions=True))
        return lambda moment: {table: _window(stage, rows, moment, moment.as_of + after)}

    return change


def _window(stage: Stage, rows: History, moment: Moment, as_of: pd.Timestamp) -> Rows:
    read = next(read for read in (*stage.reads, *stage.keeps) if read.name == rows.table)
    last = calendar.shift(moment.session, -read.offset)
    return rows.window(calendar.shift(last, -read.lookback), last, as_of)


def _filled_backwards(world: World, stage: Stage) -> Callable[[Moment], Mapping[str, Rows]]:
    """A bar that was not there in time is the one that came next."""
    bars = _first_opinions(world)
    decided = pd.Series(calendar.as_of_each(pd.DatetimeIndex(bars["session"])).as_unit("us"))
    came_late = bars["known_at"] > decided
    following = bars.groupby("symbol")[PRICES].shift(-1).fillna(bars[PRICES])
    prices = bars[PRICES].where(~came_late, following)
    known = bars["known_at"].mask(came_late, decided)
    return _other_bars(stage, bars.assign(**prices, known_at=known))


def _opens_at_the_close_before(world: World, stage: Stage) -> Callable[[Moment], Mapping[str, Rows]]:
    """Orders decided after a close and filled at that close."""
    bars = _first_opinions(world)
    return _other_bars(stage, bars.assign(open=bars.groupby("symbol")["close"].shift(1).fillna(bars["open"])))


def _first_opinions(world: World) -> pd.DataFrame:
    """Daily bars as they were first known, symbol by symbol."""
    bars = world.store.read("bars", timeframe=DAILY, revisions=True)
    ordered = bars.sort_values(["symbol", "session", "known_at"], ignore_index=True)
    return ordered.drop_duplicates(["symbol", "session"], ignore_index=True)


def _other_bars(stage: Stage, bars: pd.DataFrame) -> Callable[[Moment], Mapping[str, Rows]]:
    key = list(frames.table_of("bars").key)
    rows = History.from_frame("bars", bars.sort_values(key, ignore_index=True))
    return lambda moment: {"bars": _window(stage, rows, moment, moment.as_of)}


# Versions of another time.


@dataclass(frozen=True)
class _LaterBook:
    """The versions of some sessions later, in the place of those of now."""

    inner: ModelBook
    last: pd.Timestamp

    def _then(self, session: pd.Timestamp) -> pd.Timestamp:
        return min(calendar.shift(session, TRAINED_AHEAD), self.last)

    def live(
        self, model: str, session: pd.Timestamp, timeframe: str = DAILY
    ) -> tuple[tuple[ModelVersion, Forecaster], ...]:
        return self.inner.live(model, self._then(session), timeframe)

    def records(self, model: str, session: pd.Timestamp, timeframe: str = DAILY) -> tuple[ModelVersion, ...]:
        return self.inner.records(model, self._then(session), timeframe)

    def decided(self, model: str, session: pd.Timestamp) -> ChampionDecision | None:
        return self.inner.decided(model, session)


def _later_versions(world: World, honest: Stage) -> Make:
    return lambda moment, inputs: honest.make(
        replace(moment, models=_LaterBook(moment.models, world.last)), inputs
    )


def _read(name: str, stage: str, column: str, sessions: int, *reads: str, table: str = "") -> Mutant:
    return _inputs(name, stage, table or stage, column, _later_rows(sessions, *reads))


MUTANTS: tuple[Mutant, ...] = (
    _from_market("negative_shift", "momentum_21", "features", _shifted),
    _from_market("centred_window", "volatility_21", "features", _centred),
    _from_market("scaler_fitted_on_everything", "bollinger_20", "features", _scaled),
    _from_market("clipped_at_quantiles_of_everything", "log_volume_zscore_63", "features", _clipped),
    _from_market("bar_stamped_at_its_start", "momentum_63", "features", _weekly),
    _from_market("target_among_the_features", "overnight_return", "features", _tomorrow),
    _from_market("cross_section_of_the_future", "momentum_252", "features", _ranked),
    _inputs("gap_filled_backwards", "features", "features", "log_return", _filled_backwards),
    _inputs("restated_bar_before_it_was_restated", "features", "features", "log_return",
            _later_knowledge("bars", pd.Timedelta(days=2))),
    _inputs("late_bar_before_it_came", "features", "features", "log_return",
            _later_knowledge("bars", pd.Timedelta(hours=4))),
    _inputs("corporate_action_applied_early", "features", "features", "momentum_21",
            _later_knowledge("corporate_actions", pd.Timedelta(hours=4))),
    _read("correlation_of_the_weeks_around", "graph", "strength", AHEAD, "features", table="graph_nodes"),
    _read("window_that_ends_a_session_late", "forecast_random_walk", "q050", 1, "features"),
    Mutant("version_trained_later", "forecast_ar1", "forecast_ar1", "", _later_versions),
    _read("loss_before_it_matured", "version_losses", "realized", 1, "features"),
    _read("interval_calibrated_with_the_future", "version_intervals", "lower", AHEAD, "version_losses"),
    _read("champion_chosen_by_later_losses", "champions", "mean_difference", AHEAD, "version_losses"),
    _read("weights_from_unmatured_losses", "ensemble_weights", "average_loss", 1, "version_losses"),
    _from_market("target_in_the_forecast", "between_models", "ensemble_forecast", _surprise),
    _read("ensemble_interval_from_unmatured_returns", "ensemble_intervals", "realized", 1, "features"),
    _read("skill_from_unmatured_returns", "ensemble_intervals", "average_product", 1, "features",
          table="ensemble_skill"),
    Mutant("smoothed_regime", "regimes", "regimes", "multiplier", _column("regimes", _smoothed)),
    _read("regime_confirmed_by_what_came", "regimes", "p_bull", 3, "features", "bars"),
    _from_market("universe_chosen_by_the_future", "momentum_rank", "selection", _winners),
    _from_market("alpha_for_those_who_will_win", "alpha", "signals", _alpha_of_winners),
    _read("signal_of_tomorrows_forecast", "signals", "expected_return", 1, "ensemble_forecast"),
    _read("sized_by_tomorrows_risk", "trading_session", "mix_weight", 1, "features", table="target_portfolio"),
    _read("filled_at_tomorrows_open", "trading_session", "", 1, "bars", table="fills"),
    _inputs("filled_at_the_close_of_the_decision", "trading_session", "fills", "price", _opens_at_the_close_before),
)  # fmt: skip
