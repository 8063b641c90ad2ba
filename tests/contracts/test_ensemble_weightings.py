"""What every way of weighing models keeps, whatever it does."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.ensembles.choice import METHODS, EnsembleChoice
from models.ensembles.tracked import GRID, TrackedWeighting
from trading import calendar
from trading.errors import NotFittedError, UsageError
from trading.interfaces import Matured
from trading.testing.matured_forecasts import SESSION, normal_cells, of_cells, of_losses

ALL = pytest.mark.parametrize("method", sorted(METHODS))
SESSIONS = calendar.sessions_between(calendar.session_of("2024-01-02"), SESSION)


def fresh(method: str, models: int) -> TrackedWeighting:
    made = EnsembleChoice().chosen if method == "stacked" else METHODS[method]()
    nothing = np.full(models, np.nan)
    return made.resume(nothing, nothing, np.zeros(models, np.int64))


def walked(method: str, scales: tuple[float, ...], sessions: pd.DatetimeIndex = SESSIONS) -> TrackedWeighting:
    """After sessions of a market that has a scale of 1; a month opens every twenty."""
    now = fresh(method, len(scales))
    for place, session in enumerate(sessions):
        cells = normal_cells(scales, 210, seed=place)
        now = now.update(of_cells(cells, session, opens_month=place % 20 == 19))
    return now


@ALL
def test_before_anything_is_known_no_model_is_preferred_but_by_a_draw(method: str) -> None:
    weights = fresh(method, 4).weights_
    assert sorted(weights)[:3] == ([0.1] * 3 if method == "thompson" else [0.25] * 3)


@ALL
@given(st.integers(1, 25), st.integers(0, 50))
def test_weights_stay_on_the_simplex_above_the_floor(method: str, models: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    now = fresh(method, models).update(of_losses(*random.exponential(1, models)))
    weights = now.update(
        of_cells(normal_cells(random.uniform(0.2, 5, models).tolist(), 20), opens_month=True)
    ).weights_
    assert np.rint(weights * GRID).sum() == GRID
    assert weights.min() >= min(now.floor, 1 / (2 * models)) - 1 / GRID  # a unit may be lost by rounding


@ALL
def test_the_same_evidence_gives_the_same_bytes(method: str) -> None:
    first, again = (walked(method, (1.0, 2.0), SESSIONS[:25]) for _ in range(2))
    assert first.weights_.tobytes() == again.weights_.tobytes()
    assert first.score_.tobytes() == again.score_.tobytes()


@ALL
def test_state_in_rows_is_all_that_a_session_needs(method: str) -> None:
    before = walked(method, (1.0, 1.5), SESSIONS[:25])
    resumed = METHODS[method]().resume(before.average_loss_, before.score_, before.observations_)
    told = of_cells(normal_cells((1.0, 1.5), 210, seed=99), SESSIONS[25])
    assert resumed.update(told).weights_.tobytes() == before.update(told).weights_.tobytes()


@pytest.mark.parametrize("method", sorted(set(METHODS) - {"equal"}))
def test_the_model_that_knows_the_scale_comes_to_weigh_most(method: str) -> None:
    assert walked(method, (3.0, 1.0, 2.5)).weights_.argmax() == 1


@ALL
def test_a_model_that_did_not_speak_keeps_its_state(method: str) -> None:
    before = walked(method, (1.0, 1.5), SESSIONS[:25])
    cells = normal_cells((1.0, 1.5), 210)
    silent = Matured(np.where(np.array([True, False])[:, None], cells.quantiles, np.nan), cells.realized)
    after = before.update(of_cells(silent, SESSIONS[25]))
    assert after.average_loss_[1] == before.average_loss_[1]
    assert after.score_[1] == before.score_[1]
    assert (after.observations_ - before.observations_).tolist() == [1, 0]


@ALL
def test_a_session_without_losses_changes_no_state(method: str) -> None:
    before = walked(method, (1.0, 1.5), SESSIONS[:25])
    after = before.update(of_losses(np.nan, np.nan, session=SESSIONS[25]))
    assert after.score_.tobytes() == before.score_.tobytes()
    assert after.observations_.tolist() == before.observations_.tolist()


@ALL
def test_weights_without_state_are_refused(method: str) -> None:
    with pytest.raises(NotFittedError, match="call resume first"):
        _ = METHODS[method]().weights_


@pytest.mark.parametrize("method", sorted(METHODS))
def test_a_name_chooses_the_weighting_with_the_settings_that_it_has(method: str) -> None:
    chosen = EnsembleChoice(method=method, half_life_sessions=7.0, learning_rate=0.5).chosen  # type: ignore[arg-type]
    assert type(chosen) is METHODS[method]
    assert chosen.half_life_sessions == 7.0
    assert getattr(chosen, "learning_rate", 0.5) == 0.5


def test_nonsense_is_refused_where_it_is_set_even_for_a_method_that_is_not_chosen() -> None:
    with pytest.raises(UsageError, match="learning_rate must be above 0"):
        EnsembleChoice(learning_rate=0.0)
