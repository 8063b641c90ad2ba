"""A re-solve beside the solver itself and beside building the problem anew, in one run.

.venv/bin/python -m pytest benchmarks/test_bench_optimizer.py -q -s
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import clarabel  # type: ignore[import-untyped]
import cvxpy as cp
import numpy as np
import piqp  # type: ignore[import-untyped]
import pytest

from trading.portfolio.compiled import TOLERANCE
from trading.portfolio.convex import belief_values, limit_values, program, shape_of
from trading.portfolio.problem import Beliefs, Limits, RiskModel

FACTORS, REPEATS = 10, 7


def best_of(call: Callable[[], object], repeats: int = REPEATS) -> float:
    times = []
    for _ in range(repeats):
        started = time.process_time()
        call()
        times.append(time.process_time() - started)
    return min(times)


def beliefs_of(names: int, seed: int = 0) -> tuple[Beliefs, Limits]:
    rng = np.random.default_rng(seed)
    risk = RiskModel(rng.normal(0, 0.4, (FACTORS, names)), rng.uniform(0.4, 0.9, names))
    nothing = np.zeros(names)
    members = np.zeros((10, names))
    members[np.arange(names) % 10, np.arange(names)] = 1.0
    limits = Limits(
        nothing,
        np.full(names, max(0.2, 3 / names)),
        np.full(names, 1 / names),
        members,
        group_cap=0.4,
        turnover=0.5,
    )
    cost = np.full(names, 1e-3)
    return Beliefs(rng.uniform(0.1, 1.0, names), risk, nothing, nothing, cost, nothing), limits


def rebuilt(beliefs: Beliefs, limits: Limits) -> None:
    """The problem as one writes it, with a dense covariance, solved by cvxpy from nothing."""
    names = len(beliefs.mean)
    y, k = cp.Variable(names), cp.Variable()
    covariance = cp.psd_wrap(beliefs.risk.covariance)
    change = cp.abs(y - limits.previous * k)
    constraints = [
        beliefs.mean @ y - beliefs.linear_cost @ change >= 1, cp.sum(y) == k, y >= 0, y <= limits.upper * k,
        limits.members @ y <= limits.group_cap * k, cp.sum(change) <= limits.turnover * k,
    ]  # fmt: skip
    cp.Problem(cp.Minimize(cp.quad_form(y, covariance)), constraints).solve(solver=cp.CLARABEL, max_threads=1)


def piqp_alone(data: tuple[Any, ...]) -> None:
    """PIQP on the same matrices, all limits as rows, as one calls it without knowing which are bounds."""
    square, linear, rows, offset, cones = data
    equal = cones[0].dim
    solver = piqp.SparseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = TOLERANCE
    rows = rows.tocsr()
    solver.setup(
        square, linear, rows[:equal].tocsc(), offset[:equal], rows[equal:].tocsc(), None, offset[equal:]
    )
    solver.solve()


def clarabel_alone(data: tuple[Any, ...]) -> None:
    settings = clarabel.DefaultSettings()
    settings.verbose, settings.max_threads = False, 1
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
    clarabel.DefaultSolver(*data, settings).solve()


@pytest.mark.parametrize("names", [50, 500])
def test_a_resolve_costs_what_the_solver_costs_and_little_of_a_rebuild(names: int) -> None:
    beliefs, limits = beliefs_of(names)
    shape = shape_of("maximum_sharpe", beliefs, limits)
    values = belief_values(beliefs) | limit_values(limits, shape)
    compiled = program(shape)
    data = compiled.data(values)

    again = best_of(lambda: compiled.solve(values, 200))
    direct = {
        "PIQP": best_of(lambda: piqp_alone(data)),
        "Clarabel": best_of(lambda: clarabel_alone(data)),
    }
    anew = {
        "dense, as one writes it": best_of(lambda: rebuilt(beliefs, limits), 3),
        "the same program compiled anew": best_of(lambda: program.__wrapped__(shape).solve(values, 200), 3),
    }

    print(f"\n{names} names: re-solve {again * 1e3:.2f} ms")
    for name, seconds in direct.items():
        print(f"  {name} alone {seconds * 1e3:.2f} ms, re-solve {again / seconds:.2f} times that")
    for name, seconds in anew.items():
        print(f"  rebuilt, {name}: {seconds * 1e3:.1f} ms, {seconds / again:.0f} times a re-solve")
    assert again < 2 * min(direct.values())
    assert min(anew.values()) > 5 * again
