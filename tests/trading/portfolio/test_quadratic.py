"""A quadratic program through PIQP is the one that Clarabel solves, and gives way to it where PIQP gives up."""

import cvxpy as cp
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.portfolio.compiled import CompiledProblem
from trading.portfolio.quadratic import QuadraticForm
from trading.portfolio.sparsity import Pattern

SAME = 1e-7  # both stop at 1e-10 of the objective, whose square root the variables move by


def cheapest(low: float, high: float) -> CompiledProblem:
    """Minimise |x - aim|² with low <= x <= high and a sum of 1; three variables."""
    x, aim = cp.Variable(3), cp.Parameter(3, name="aim")
    limits = [x >= low, x <= high, cp.sum(x) == 1]
    return CompiledProblem(cp.Problem(cp.Minimize(cp.sum_squares(x) - 2 * aim @ x), limits), {"x": x})


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_piqp_finds_what_clarabel_finds(aim: list[float]) -> None:
    values = {"aim": np.array(aim)}

    ours, conic = BOXED.solve(values, 200), BOXED.solve_conic(values, 200)

    assert ours.values["x"] == pytest.approx(conic.values["x"], abs=1e-5)
    assert ours.bound == pytest.approx(conic.bound, abs=SAME)


BOXED = cheapest(0.0, 0.6)


def test_a_projection_worked_by_hand() -> None:
    # onto the simplex capped at 0.6: the first is cut at its cap, and 0.4 is shared by two alike
    assert BOXED.solve({"aim": np.array([2.0, 0.0, 0.0])}, 200).values["x"] == pytest.approx(
        [0.6, 0.2, 0.2], abs=SAME
    )


def test_what_cannot_be_met_is_said_in_clarabels_words() -> None:
    assert cheapest(0.0, 0.2).solve({"aim": np.zeros(3)}, 200).status == "PrimalInfeasible"


def test_too_few_iterations_give_no_answer() -> None:
    assert not BOXED.solve({"aim": np.zeros(3)}, 1).solved


def test_bounds_are_found_only_in_rows_of_one_entry_that_no_parameter_moves() -> None:
    # x0 + x1 = 1; x0 <= 0.7; -x1 <= -0.1; p x1 <= 5 with a parameter p that is 0 here
    matrix = sp.csc_matrix(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, -1.0], [0.0, 1.0]]))
    pattern = Pattern.whole(matrix.indices, matrix.indptr, matrix.shape)
    fixed = np.array([True, True, True, True, False])
    form = QuadraticForm(pattern, 1, fixed)
    entries = np.array([1.0, 1.0, 1.0, -1.0, 0.0])

    found = form.solve(
        sp.eye(2, format="csc"), np.zeros(2), entries, np.array([1.0, 0.3, -0.1, 5.0]), (1e-10, 50)
    )

    assert found is not None
    assert found[0] == pytest.approx([0.3, 0.7], abs=SAME)


def test_parts_of_a_pattern_hold_the_entries_of_their_rows() -> None:
    dense = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [4.0, 5.0, 6.0]])
    matrix = sp.csc_matrix(dense)
    pattern = Pattern.whole(matrix.indices, matrix.indptr, matrix.shape)

    assert (pattern.only(np.array([2, 0])).of(matrix.data).toarray() == dense[[2, 0]]).all()
    assert (pattern.upper().of(matrix.data).toarray() == np.triu(dense)).all()
