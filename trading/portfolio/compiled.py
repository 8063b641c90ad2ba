"""A cvxpy problem compiled once: afterwards parameters go straight into Clarabel's matrices.

`Problem.solve` spends milliseconds around the solver on every call. A DPP problem is canonicalised to
matrices whose entries are an affine map of the parameters (Agrawal and others, "Differentiable convex
optimization layers", 2019, section 4.1); the map is kept, and a re-solve is two sparse products and the solver.
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
        self._rows = _Matrix(program.reduced_A)
        self._square = _Matrix(program.reduced_P) if program.reduced_P.matrix_data is not None else None
        self._cost = program.q
        self._cones = dims_to_solver_cones(data["dims"])
        self._places = {
            name: slice(start := program.var_id_to_col[variable.id], start + variable.size)
            for name, variable in variables.items()
        }

    def data(self, values: Mapping[str, Any]) -> tuple[Any, Floats, Any, Floats, Any]:
        """Clarabel's (P, q, A, b, cones) for parameter values."""
        vector = np.zeros(self._length)
        vector[-1] = 1.0
        for name, place in self._columns.items():
            vector[place] = np.asarray(values[name], dtype=float).ravel(order="F")
        linear = np.asarray(self._cost @ vector).ravel()[:-1]
        matrix, offset = self._rows.with_offset(vector)
        square = sp.csc_matrix((len(linear), len(linear)))
        if self._square is not None:
            square = sp.triu(self._square.whole(vector), format="csc")
        return square, linear, -matrix, offset, self._cones

    def solve(self, values: Mapping[str, Any], iterations: int) -> Answer:
        """A cold start on one thread."""
        settings = clarabel.DefaultSettings()
        settings.verbose, settings.max_threads, settings.max_iter = False, 1, iterations
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
        found = clarabel.DefaultSolver(*self.data(values), settings).solve()
        primal = np.asarray(found.x)
        return Answer(
            {name: primal[place] for name, place in self._places.items()},
            float(found.obj_val_dual),
            str(found.status),
        )


class _Matrix:
    """An affine map from parameters to a sparse matrix of fixed pattern."""

    def __init__(self, reduced: Any) -> None:
        self._map = reduced.reduced_mat
        self._indices, self._pointers, self._shape = reduced.problem_data_index

    def whole(self, vector: Floats) -> Any:
        return sp.csc_matrix((self._map @ vector, self._indices, self._pointers), shape=self._shape)

    def with_offset(self, vector: Floats) -> tuple[Any, Floats]:
        """The matrix without its last column, and that column."""
        entries, cut, rows = self._map @ vector, self._pointers[-2], self._shape[0]
        shape = (rows, self._shape[1] - 1)
        matrix = sp.csc_matrix((entries[:cut], self._indices[:cut], self._pointers[:-1]), shape=shape)
        offset = np.zeros(rows)
        offset[self._indices[cut:]] = entries[cut:]
        return matrix, offset
