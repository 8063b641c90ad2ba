"""The weights that lost least, beside a linear program that says the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from models.ensembles.choice import EnsembleChoice
from models.ensembles.stacked import stacked_weights
from trading.frames import LEVELS
from trading.interfaces import Floats, Matured
from trading.stages.maturity import pinball
from trading.testing.matured_forecasts import normal_cells


def lost(cells: Matured, weights: Floats) -> float:
    return float(pinball(np.einsum("k,nkq->nq", weights, cells.quantiles), cells.realized).mean())


def least_by_linear_program(cells: Matured) -> float:
    """Koenker and Bassett's program: the parts of each miss above and below as variables beside the weights."""
    count, models, levels = cells.quantiles.shape
    rows = count * levels
    said = cells.quantiles.transpose(0, 2, 1).reshape(rows, models)
    tau = np.tile(LEVELS, count)
    equal = np.block([[said, np.eye(rows), -np.eye(rows)], [np.ones((1, models)), np.zeros((1, 2 * rows))]])
    price = np.concatenate([np.zeros(models), tau, 1 - tau]) / rows
    return float(linprog(price, A_eq=equal, b_eq=[*np.repeat(cells.realized, levels), 1.0]).fun)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_on_the_simplex_loses_less(seed: int) -> None:
    cells = normal_cells((0.5, 1.4, 3.0), 60, seed=seed)

    # kinks of 60 cells are large; with the 3,600 of a fit the gap is a hundred times smaller
    assert lost(cells, stacked_weights(cells)) == pytest.approx(least_by_linear_program(cells), rel=2e-3)


@settings(max_examples=30)
@given(st.lists(st.floats(0.3, 4.0), min_size=1, max_size=6), st.integers(0, 30))
def test_no_member_and_no_equal_share_ever_loses_less(scales: list[float], seed: int) -> None:
    cells = normal_cells(tuple(scales), 30, seed=seed)
    weights, count = stacked_weights(cells), len(scales)

    assert weights.sum() == pytest.approx(1.0)
    assert weights.min() >= 0
    assert lost(cells, weights) <= min(lost(cells, w) for w in [*np.eye(count), np.full(count, 1 / count)])


def test_a_model_that_is_right_gets_all_but_the_floor_of_the_rest() -> None:
    cells = normal_cells((3.0, 1.0, 4.0), 2000)

    assert stacked_weights(cells)[1] > 0.97  # 2,000 normal draws hardly speak for a wider mix


def test_a_model_that_left_out_cells_gets_an_equal_share() -> None:
    cells = normal_cells((1.0, 3.0, 1.0), 300)
    quantiles = cells.quantiles.copy()
    quantiles[0, 2] = np.nan

    weights = stacked_weights(Matured(quantiles, cells.realized))

    assert weights[2] == pytest.approx(1 / 3)
    assert weights[0] > 0.6


def test_the_floor_of_the_others_does_not_hold_for_stacking() -> None:
    choice = EnsembleChoice(floor=0.2, stacked_floor=0.01)

    assert (choice.chosen.floor, EnsembleChoice("softmax", floor=0.2).chosen.floor) == (0.01, 0.2)
