"""A cvxpy problem compiled once: afterwards parameters go straight into a solver's matrices.

`Problem.solve` spends milliseconds around the solver on every call. A DPP problem is canonicalised to
matrices whose entries are an affine map of the parameters (Agrawal and others, "Differentiable convex
optimization layers", 2019, section 4.1); the map is kept, and a re-solve is two sparse products and the solver.
A quadratic goal within linear limits goes to PIQP, and to Clarabel where PIQP gives up; all else to Clarabel.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import clarabel  # type: ignore[import-untyped]
import cvxpy as cp
import numpy as np
import scipy.sparse as sp
from cvxpy.reductions.solvers.conic_solvers.clarabel_conif import dims_to_solver_cones

from trading.interfaces import Floats
from trading.portfolio.quadratic import QuadraticForm
from trading.portfolio.sparsity import Pattern

TOLERANCE = 1e-10
ACCEPTED = ("Solved", "AlmostSolved")


@dataclass(frozen=True)
class Answer:
    """What the solver said: `values` of the variables by name, the dual bound, and its word."""

    values: Mapping[str, Floats]
    bound: float
    status: str

    @property
    def solved(self) -> bool:
        """Whether there are values at all; whether they are right is for a certificate to say."""
        return self.status in ACCEPTED and all(np.isfinite(value).all() for value in self.values.values())


class CompiledProblem:
    """A problem whose parameters and variables go by name.

    Parameters
    ----------
    problem : DPP, a minimisation
    variables : those whose values are wanted
    """

    def __init__(self, problem: cp.Problem, variables: Mapping[str, cp.Variable]) -> None:
        for parameter in problem.parameters():
            parameter.value = np.ones(parameter.shape)
        data = problem.get_problem_data(cp.CLARABEL, enforce_dpp=True)[0]
        program = data["param_prob"]
        program.reduced_A.cache(keep_zeros=False)
        program.reduced_P.cache(keep_zeros=False)
        self._columns = {
            parameter.name(): slice(start := program.param_id_to_col[parameter.id], start + parameter.size)
            for parameter in problem.parameters()
        }
        self._length = program.total_param_size + 1
        self._rows, self._cost = _Rows(program.reduced_A), program.q
        self._square = _Square(program.reduced_P, self._rows.pattern.shape[1])
        self._cones = dims_to_solver_cones(data["dims"])
        self._quadratic = self._quadratic_form(data["dims"])
        self._places = {
            name: slice(start := program.var_id_to_col[variable.id], start + variable.size)
            for name, variable in variables.items()
        }

    def _quadratic_form(self, dims: Any) -> QuadraticForm | None:
        """Nothing unless the goal is quadratic and all limits are linear."""
        if self._square.empty or dims.zero + dims.nonneg < self._rows.pattern.shape[0]:
            return None
        return QuadraticForm(self._rows.pattern, dims.zero, self._rows.fixed)

    def data(self, values: Mapping[str, Any]) -> tuple[Any, Floats, Any, Floats, Any]:
        """Clarabel's (P, q, A, b, cones) for parameter values."""
        square, linear, entries, offset = self._numbers(values)
        return square, linear, self._rows.pattern.of(entries), offset, self._cones

    def _numbers(self, values: Mapping[str, Any]) -> tuple[Any, Floats, Floats, Floats]:
        """P, its upper triangle, q, the entries of A in the order of its pattern, and b."""
        vector = np.zeros(self._length)
        vector[-1] = 1.0
        for name, place in self._columns.items():
            vector[place] = np.asarray(values[name], dtype=float).ravel(order="F")
        linear = np.asarray(self._cost @ vector).ravel()[:-1]
        return self._square.at(vector), linear, *self._rows.at(vector)

    def solve(self, values: Mapping[str, Any], iterations: int) -> Answer:
        """A cold start on one thread."""
        if self._quadratic is not None:
            found = self._quadratic.solve(*self._numbers(values), (TOLERANCE, iterations))
            if found is not None:
                return self._answer(*found, "Solved")
        return self.solve_conic(values, iterations)

    def solve_conic(self, values: Mapping[str, Any], iterations: int) -> Answer:
        """The same by Clarabel, whatever the form."""
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads, settings.max_iter = False, 1, iterations
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
        found = clarabel.DefaultSolver(*self.data(values), settings).solve()
        return self._answer(np.asarray(found.x), float(found.obj_val_dual), str(found.status))

    def _answer(self, primal: Floats, bound: float, status: str) -> Answer:
        return Answer({name: primal[place] for name, place in self._places.items()}, bound, status)


class _Square:
    """An affine map from parameters to the upper triangle of P."""

    def __init__(self, reduced: Any, size: int) -> None:
        self._map = reduced.reduced_mat if reduced.matrix_data is not None else None
        pattern = reduced.problem_data_index if self._map is not None else ((), np.zeros(size + 1, int), None)
        self._pattern = Pattern.whole(np.asarray(pattern[0], int), pattern[1], (size, size)).upper()

    @property
    def empty(self) -> bool:
        return self._map is None

    def at(self, vector: Floats) -> Any:
        return self._pattern.of(np.zeros(0) if self._map is None else self._map @ vector)


class _Rows:
    """An affine map from parameters to the entries of -A and to b, which is the last column of cvxpy's matrix."""

    def __init__(self, reduced: Any) -> None:
        self._map = reduced.reduced_mat
        rows, pointers, (height, width) = reduced.problem_data_index
        self._cut = pointers[-2]
        self._rows_of_offset = rows[self._cut :]
        self.pattern = Pattern.whole(rows[: self._cut], pointers[:-1], (height, width - 1))

    @property
    def fixed(self) -> Any:
        """(n,) which entries no parameter reaches, but only the constant, the last column of the map."""
        moving = sp.csr_matrix(self._map)[: self._cut, :-1]
        return np.diff(moving.indptr) == 0

    def at(self, vector: Floats) -> tuple[Floats, Floats]:
        """Entries of A in the order of the pattern, and b."""
        entries, offset = self._map @ vector, np.zeros(self.pattern.shape[0])
        offset[self._rows_of_offset] = entries[self._cut :]
        return -entries[: self._cut], offset
