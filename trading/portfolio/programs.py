"""The two convex programs of the optimiser, compiled once a process and then only given new numbers.

Maximum Sharpe in the homogeneous form y = k w (Cornuejols and Tütüncü, "Optimization Methods in
Finance", section 8.2): with k a variable of its own every limit stays linear and sparse.
"""

from __future__ import annotations

import functools
import threading
import warnings
from dataclasses import dataclass
from typing import Any, Literal

import cvxpy as cp
import numpy as np

from trading.interfaces import Floats

Objective = Literal["maximum_sharpe", "minimum_variance"]
_CLARABEL = {"max_threads": 1, "tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Limits:
    """What a mix must respect, in numbers.

    Attributes
    ----------
    caps : (s,) largest weight of each name
    members : (g, s) 1.0 where a name belongs to a group
    group_cap : largest weight of a group
    budget : the invested fraction, which the weights sum to
    previous : (s,) the mix before
    turnover : largest sum of absolute weight changes; infinite when it does not apply
    """

    caps: Floats
    members: Floats
    group_cap: float
    budget: float
    previous: Floats
    turnover: float


@dataclass(frozen=True)
class Solution:
    """A program solved to optimality: weights (s,), and the lower bound of the objective by its dual."""

    objective: Objective
    weights: Floats
    bound: float


def risk_ratio(weights: Floats, alpha: Floats, covariance: Floats, objective: Objective) -> float:
    """The number that the program makes small: variance, over squared mean for `maximum_sharpe`."""
    variance = float(weights @ covariance @ weights)
    return variance if objective == "minimum_variance" else variance / float(alpha @ weights) ** 2


def solve(
    objective: Objective, alpha: Floats, covariance: Floats, limits: Limits, iterations: int
) -> Solution | str:
    """The solution of one program from a cold start on one thread, or the solver's word for its failure.

    Alpha and covariance are scaled to the size of one first, so that the tolerances mean the same
    on a calm and on a wild day; `bound` is in the units of `risk_ratio`.
    """
    program = _program(objective, *limits.members.shape, np.isfinite(limits.turnover).item())
    mean_scale = float(np.abs(alpha).max()) if objective == "maximum_sharpe" else 1.0
    variance_scale = float(np.diagonal(covariance).mean())
    with _LOCK:
        program.give(alpha / mean_scale, covariance / variance_scale, limits)
        found = program.solve(iterations)
    if isinstance(found, str):
        return found
    return Solution(objective, found[0], found[1] * variance_scale / mean_scale**2)


class _Program:
    """One program for fixed numbers of names and groups."""

    def __init__(self, objective: Objective, groups: int, names: int, *, has_turnover: bool) -> None:
        self.y = cp.Variable(names)
        self.k = cp.Variable()
        self.mean, self.caps, self.previous = (cp.Parameter(names) for _ in range(3))
        self.root = cp.Parameter((names, names))
        self.members = cp.Parameter((groups, names))
        self.group_cap, self.budget, self.turnover = (cp.Parameter(nonneg=True) for _ in range(3))
        norm = self.mean @ self.y == 1 if objective == "maximum_sharpe" else self.k == 1
        self.limits = self._limits(has_turnover=has_turnover)
        self.problem = cp.Problem(
            cp.Minimize(cp.sum_squares(self.root @ self.y)),
            [norm, cp.sum(self.y) == self.budget * self.k, *self.limits],
        )

    def _limits(self, *, has_turnover: bool) -> list[Any]:
        limits = [
            self.y >= 0,
            self.y <= self.caps * self.k,
            self.members @ self.y <= self.group_cap * self.k,
        ]
        if has_turnover:
            limits.append(cp.norm1(self.y - self.previous * self.k) <= self.turnover * self.k)
        return limits

    def give(self, mean: Floats, covariance: Floats, limits: Limits) -> None:
        self.mean.value, self.caps.value, self.previous.value = mean, limits.caps, limits.previous
        self.root.value = np.linalg.cholesky(covariance).T
        self.members.value = limits.members
        self.group_cap.value, self.budget.value = limits.group_cap, limits.budget
        self.turnover.value = limits.turnover if np.isfinite(limits.turnover) else 0.0

    def solve(self, iterations: int) -> tuple[Floats, float] | str:
        try:
            with warnings.catch_warnings():  # it warns of what the status says, and the status is stored
                warnings.simplefilter("ignore", UserWarning)
                self.problem.solve(solver=cp.CLARABEL, warm_start=False, max_iter=iterations, **_CLARABEL)
        except cp.SolverError:
            return "solver_error"
        if self.problem.status != cp.OPTIMAL:
            return str(self.problem.status)
        return np.asarray(self.y.value) / float(self.k.value), self._bound()

    def _bound(self) -> float:
        """The dual value: the objective less the slack that the multipliers leave (Boyd, section 5.5)."""
        slack = sum(
            float(np.sum(limit.dual_value * np.maximum(-limit.expr.value, 0.0))) for limit in self.limits
        )
        return float(self.problem.value) - slack


@functools.cache
def _program(objective: Objective, groups: int, names: int, has_turnover: bool) -> _Program:  # noqa: FBT001
    return _Program(objective, groups, names, has_turnover=has_turnover)
