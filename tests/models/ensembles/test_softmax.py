import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.ensembles.softmax import SoftmaxWeighting
from models.ensembles.tracked import GRID
from trading.errors import NotFittedError
from trading.interfaces import Floats
from trading.testing.matured_forecasts import of_losses

NAN = np.nan


def fresh(models: int, half_life_sessions: float = 30.0) -> SoftmaxWeighting:
    return SoftmaxWeighting(half_life_sessions).resume(
        np.full(models, NAN), np.full(models, NAN), np.zeros(models, np.int64)
    )


def resumed(*average: float) -> SoftmaxWeighting:
    return SoftmaxWeighting().resume(
        np.array(average), np.zeros(len(average)), np.ones(len(average), np.int64)
    )


def test_without_any_loss_all_models_weigh_the_same() -> None:
    assert fresh(4).weights_.tolist() == [0.25] * 4


def test_one_session_worked_by_hand() -> None:
    # losses 2 and 6 are 0.5 and 1.5 of their mean; with a half-life of one session each moves half-way from 1
    after = fresh(2, half_life_sessions=1.0).update(of_losses(2.0, 6.0))
    assert after.average_loss_.tolist() == [0.75, 1.25]
    assert after.observations_.tolist() == [1, 1]


def test_a_model_worse_by_one_temperature_weighs_an_e_th_before_the_floor() -> None:
    raw = np.array([1.0, np.exp(-1.0)])
    expected = 0.1 + 0.8 * raw / raw.sum()
    np.testing.assert_allclose(resumed(1.0, 1.05).weights_, expected, atol=1 / GRID)


def test_the_scale_of_losses_does_not_matter() -> None:
    losses = np.array([0.01, 0.012, 0.02])
    once, scaled = fresh(3).update(of_losses(*losses)), fresh(3).update(of_losses(*losses * 1024))
    np.testing.assert_array_equal(once.weights_, scaled.weights_)


def test_half_of_an_old_average_is_left_after_a_half_life() -> None:
    walker = SoftmaxWeighting(half_life_sessions=30).resume(
        np.array([1.4, 0.6]), np.zeros(2), np.ones(2, np.int64)
    )
    for _ in range(30):
        walker = walker.update(of_losses(1.0, 1.0))
    np.testing.assert_allclose(walker.average_loss_, [1.2, 0.8], rtol=1e-12)


def test_a_model_without_a_loss_keeps_its_average() -> None:
    after = resumed(0.9, 1.1).update(of_losses(NAN, 2.0))
    assert after.average_loss_[0] == 0.9
    assert after.observations_.tolist() == [1, 2]


def test_a_session_without_losses_changes_nothing() -> None:
    before = resumed(0.9, 1.1)
    assert before.update(of_losses(NAN, NAN)).average_loss_ is before.average_loss_


def test_a_model_never_seen_weighs_like_the_average_model() -> None:
    assert resumed(1.0, NAN).weights_.tolist() == [0.5, 0.5]


def test_the_worst_of_three_models_keeps_the_floor() -> None:
    assert resumed(0.0, 9.0, 9.0).weights_.tolist() == [0.8, 0.1, 0.1]


def test_with_more_than_five_models_the_floor_is_half_of_an_equal_share() -> None:
    weights = resumed(0.0, *[9.0] * 19).weights_
    assert weights[1:].tolist() == [0.025] * 19
    assert weights[0] == 0.525


def test_weights_without_state_are_refused() -> None:
    with pytest.raises(NotFittedError, match="call resume first"):
        _ = SoftmaxWeighting().weights_


AVERAGES = arrays(np.float64, st.integers(1, 25), elements=st.one_of(st.just(NAN), st.floats(0, 5)))


@given(AVERAGES)
def test_weights_are_whole_millionths_on_the_simplex_above_the_floor(average: Floats) -> None:
    weights = resumed(*average).weights_
    units = weights * GRID
    floor = min(0.1, 1 / (2 * len(average)))
    np.testing.assert_allclose(units, np.rint(units), atol=1e-9)  # one part in 1e15 of a million
    assert np.rint(units).sum() == GRID
    # at most a unit is lost by rounding, and one for each model by the largest, which has far more
    assert weights.min() >= floor - 1 / GRID


@given(AVERAGES)
def test_a_better_model_never_weighs_less(average: Floats) -> None:
    known = np.where(np.isnan(average), 1.0, average)
    weights = resumed(*average).weights_
    order = np.argsort(known, kind="stable")
    # the largest weight takes what rounding leaves over: up to half a unit for each model
    assert (np.diff(weights[order]) <= len(average) / GRID).all()
