"""A walk forward trains before each period, sees nothing later, and pairs each forecast with what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
import pytest

from trading import calendar
from trading.evaluation.walk_forward import outcomes, walk_forward
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Forecast, TrainingJournal, Window
from trading.stages.training import Cadence, Update, View
from trading.testing.feature_history import feature_history
from trading.universe import SYMBOLS

LAST = "2024-06-28"
RETURNS = np.random.default_rng(5).normal(0, 0.02, (700, len(SYMBOLS)))


@dataclass(frozen=True)
class Memory:
    """Says the mean return that it was trained on, on top of that of earlier weights, and the last one that it sees."""

    name: str = "memory"
    context_sessions: int = 30
    mean_: float = field(default=np.nan, compare=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Memory:
        del journal
        before = 0.0 if np.isnan(self.mean_) else self.mean_
        return replace(self, mean_=before + float(np.nanmean(window.channel("log_return"))))

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        said = self.mean_ + window.channel("log_return")[-1]
        shape = (len(SYMBOLS), len(horizons), len(LEVELS))
        return Forecast(window.symbols, tuple(horizons), np.broadcast_to(said[:, None, None], shape).copy())

    def to_bytes(self) -> bytes:
        return np.float64(self.mean_).tobytes()

    def from_bytes(self, payload: bytes) -> Memory:
        return replace(self, mean_=float(np.frombuffer(payload)[0]))


@dataclass(frozen=True)
class Spec:
    """As much of a line of the catalogue as a walk looks at."""

    name: str = "memory"
    cadence: Cadence = "quarterly"
    code_version: str = "1"
    seed: int = 0
    training_sessions: int = 120
    data_through: pd.Timestamp | None = None
    channels: tuple[str, ...] = ("log_return",)
    context: bool = False
    update: Update = "full"
    view: View = field(default_factory=lambda: View(("log_return",), min_history=21))

    def prototype(self) -> Memory:
        return Memory()


def sessions(count: int) -> pd.DatetimeIndex:
    last = calendar.session_of(LAST)
    return calendar.sessions_between(calendar.shift(last, 1 - count), last)


def mean_of(through: str) -> float:
    """Of the 120 returns that end at a session."""
    end = len(RETURNS) - calendar.distance(calendar.session_of(through), calendar.session_of(LAST))
    return float(RETURNS[end - 120 : end].mean())


def test_each_quarter_speaks_the_version_that_was_trained_before_it() -> None:
    walk = walk_forward(Spec(), feature_history(RETURNS, LAST), sessions(100))
    said = walk.quantiles[:, 0, 0, 3] - RETURNS[-100:, 0]
    began = walk.sessions >= pd.Timestamp("2024-04-01")

    assert said[began] == pytest.approx(mean_of("2024-03-28"))
    assert said[~began] == pytest.approx(mean_of("2023-12-29"))


def test_another_cadence_trains_at_other_times() -> None:
    walk = walk_forward(Spec(), feature_history(RETURNS, LAST), sessions(100), cadence="yearly")

    assert walk.quantiles[:, 0, 0, 3] - RETURNS[-100:, 0] == pytest.approx(mean_of("2023-12-29"))


def test_what_comes_after_a_session_changes_none_of_its_forecasts() -> None:
    other = RETURNS.copy()
    other[-50:] += 1.0
    one, two = (walk_forward(Spec(), feature_history(r, LAST), sessions(100)) for r in (RETURNS, other))

    np.testing.assert_array_equal(one.quantiles[:50], two.quantiles[:50])
    assert (one.quantiles[50:] != two.quantiles[50:]).all()


def test_what_came_is_the_sum_of_the_next_returns_and_unknown_at_the_end_or_in_a_gap() -> None:
    returns = RETURNS.copy()
    returns[-10, 0] = np.nan
    came = outcomes(feature_history(returns, LAST), sessions(40))

    assert came[0, 3] == pytest.approx(
        [returns[-39, 3], returns[-39:-34, 3].sum(), returns[-39:-19, 3].sum()]
    )
    assert np.isnan(came[-1]).all()
    assert np.isnan(came[-11, 0, 0])
    assert np.isfinite(came[-11, 1, 0])


def test_what_came_is_that_of_the_same_session_where_only_some_are_asked_for() -> None:
    history, every = feature_history(RETURNS, LAST), sessions(40)

    np.testing.assert_array_equal(outcomes(history, every[::5]), outcomes(history, every)[::5])


def test_an_incremental_walk_begins_each_version_at_the_one_before_and_a_full_one_at_nothing() -> None:
    history, days = feature_history(RETURNS, LAST), sessions(100)
    full, grown = (walk_forward(Spec(update=update), history, days) for update in ("full", "incremental"))
    latest = days >= pd.Timestamp("2024-04-01")

    np.testing.assert_array_equal(full.quantiles[~latest], grown.quantiles[~latest])
    assert (grown.quantiles - full.quantiles)[latest] == pytest.approx(mean_of("2023-12-29"))


def test_cases_are_the_forecasts_that_met_their_outcome() -> None:
    walk = walk_forward(Spec(), feature_history(RETURNS, LAST), sessions(100))
    cases = walk.cases

    assert cases.groupby("horizon").size().to_dict() == {1: 990, 5: 950, 20: 800}
    first = cases[(cases["symbol"] == SYMBOLS[0]) & (cases["horizon"] == 1)].iloc[0]
    assert (first["session"], first["realized"]) == (walk.sessions[0], pytest.approx(RETURNS[-99, 0]))
    # all quantiles are the median, so the pinball loss is |miss| times the mean of the level on its side
    miss = first["realized"] - first["median"]
    side = np.mean(LEVELS) if miss > 0 else 1 - np.mean(LEVELS)
    assert first["pinball"] == pytest.approx(abs(miss) * side)


def test_sessions_that_the_weights_may_have_seen_are_contaminated() -> None:
    seen = Spec(cadence="zero_shot", data_through=pd.Timestamp("2024-05-31"))
    walk = walk_forward(seen, feature_history(RETURNS, LAST), sessions(100))

    assert (walk.contaminated == (walk.sessions <= pd.Timestamp("2024-05-31"))).all()


def test_progress_is_told_after_each_session() -> None:
    told: list[tuple[int, int]] = []
    walk_forward(
        Spec(), feature_history(RETURNS, LAST), sessions(3), told=lambda _s, k, n: told.append((k, n))
    )

    assert told == [(1, 3), (2, 3), (3, 3)]
