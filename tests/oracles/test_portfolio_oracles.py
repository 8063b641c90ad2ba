"""The optimiser against skfolio, against cvxpy as its authors solve it, and against Clarabel by hand."""

from __future__ import annotations

import warnings
from typing import Any

import clarabel  # type: ignore[import-untyped]
import numpy as np
import pytest
import scipy.sparse as sp

from trading.interfaces import Floats
from trading.portfolio.chain import Goal, optimize
from trading.portfolio.problem import Beliefs, Limits, Question

NAMES = 10
CAP = 0.25
# Both sides solve to 1e-8 or better; the objective is flat, and weights agree to the root of that.
SAME = 2e-4


def market(seed: int) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    loadings = rng.normal(1.0, 0.3, (NAMES, 2)) * np.array([0.012, 0.004])
    return np.abs(rng.normal(6e-4, 4e-4, NAMES)), loadings @ loadings.T + np.diag(
        rng.uniform(1e-4, 4e-4, NAMES)
    )


def question(seed: int, **limits: Any) -> Question:
    mean, covariance = market(seed)
    free = Limits(np.zeros(NAMES), np.full(NAMES, CAP), np.zeros(NAMES), np.eye(NAMES))
    labels = tuple(f"N{i}" for i in range(NAMES))
    asked = Limits(**{**vars(free), **limits})
    return Question(Beliefs.plain(mean, covariance), asked, labels, labels)


def by_skfolio(seed: int, objective: str) -> Floats:
    skfolio = pytest.importorskip("skfolio", reason="skfolio is a peer of the tests only")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skfolio.moments import EmpiricalCovariance, EmpiricalMu
        from skfolio.optimization import MeanRisk, ObjectiveFunction
        from skfolio.prior import EmpiricalPrior

        mean, covariance = market(seed)
        root = np.linalg.cholesky(covariance)
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(400, NAMES))
        noise -= noise.mean(axis=0)
        noise = noise @ np.linalg.inv(np.linalg.cholesky(noise.T @ noise / 399)).T
        returns = mean + noise @ root.T  # whose mean and covariance are exactly those asked
        goal = {
            "maximum_sharpe": ObjectiveFunction.MAXIMIZE_RATIO,
            "minimum_variance": ObjectiveFunction.MINIMIZE_RISK,
        }
        prior = EmpiricalPrior(mu_estimator=EmpiricalMu(), covariance_estimator=EmpiricalCovariance())
        model = MeanRisk(goal[objective], max_weights=CAP, prior_estimator=prior, solver="CLARABEL")
        del skfolio
        return np.asarray(model.fit(returns).weights_)


@pytest.mark.parametrize("objective", ["maximum_sharpe", "minimum_variance"])
@pytest.mark.parametrize("seed", range(2))
def test_skfolio_finds_the_same_mix(seed: int, objective: str) -> None:
    mix = optimize(question(seed), Goal(objective))  # type: ignore[arg-type]

    assert mix.fallback == ""
    assert mix.weights == pytest.approx(by_skfolio(seed, objective), abs=SAME)


@pytest.mark.parametrize("seed", range(3))
def test_clarabel_given_the_matrices_by_hand_finds_the_same_least_variance(seed: int) -> None:
    _, covariance = market(seed)
    rows = np.vstack([np.ones(NAMES), np.eye(NAMES), -np.eye(NAMES)])
    right = np.concatenate([[1.0], np.full(NAMES, CAP), np.zeros(NAMES)])
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(2 * NAMES)]
    quiet = clarabel.DefaultSettings()
    quiet.verbose = False
    square = sp.triu(sp.csc_matrix(2e4 * covariance), format="csc")
    solver = clarabel.DefaultSolver(square, np.zeros(NAMES), sp.csc_matrix(rows), right, cones, quiet)

    mix = optimize(question(seed), Goal("minimum_variance"))

    assert mix.weights == pytest.approx(np.array(solver.solve().x), abs=SAME)


@pytest.mark.parametrize("seed", range(3))
def test_risk_budgets_give_each_name_its_share_of_the_variance(seed: int) -> None:
    budgets = np.arange(1.0, NAMES + 1)

    mix = optimize(question(seed), Goal("risk_budget", budgets=budgets))
    _, covariance = market(seed)

    shares = mix.weights * (covariance @ mix.weights)
    assert shares / shares.sum() == pytest.approx(budgets / budgets.sum(), abs=SAME)


@pytest.mark.parametrize("seed", range(3))
def test_mean_and_variance_without_limits_in_the_way_follow_the_formula(seed: int) -> None:
    mean, covariance = market(seed)
    wide = question(seed, lower=np.full(NAMES, -3.0), upper=np.full(NAMES, 3.0), group_cap=3.0)
    ones = np.ones(NAMES)
    inverse = np.linalg.inv(covariance)
    price = (ones @ inverse @ mean - 8.0) / (ones @ inverse @ ones)  # of the budget, at a risk aversion of 8

    mix = optimize(wide, Goal("mean_variance", risk_aversion=8.0))

    assert mix.weights == pytest.approx(inverse @ (mean - price) / 8.0, abs=SAME)


def test_a_box_takes_its_half_width_from_every_mean_of_a_long_book() -> None:
    mean, covariance = market(5)
    doubt = np.full(NAMES, 1e-4)
    asked = question(5)
    boxed = Question(
        Beliefs(**{**vars(Beliefs.plain(mean, covariance)), "box": doubt}),
        asked.limits,
        asked.names,
        asked.groups,
    )
    lowered = Question(Beliefs.plain(mean - doubt, covariance), asked.limits, asked.names, asked.groups)

    assert optimize(boxed, Goal()).weights == pytest.approx(optimize(lowered, Goal()).weights, abs=SAME)


def test_an_ellipsoid_costs_its_worst_point() -> None:
    mean, covariance = market(6)
    axes = np.linspace(1e-4, 6e-4, NAMES)
    beliefs = Beliefs(**{**vars(Beliefs.plain(mean, covariance)), "ellipsoid": axes})
    mix = optimize(Question(beliefs, question(6).limits, question(6).names, question(6).groups), Goal())

    directions = np.random.default_rng(0).normal(size=(20_000, NAMES))
    shifts = axes * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    worst = ((mean + shifts) @ mix.weights).min()

    claimed = beliefs.net_mean(mix.weights, np.zeros(NAMES))
    assert claimed <= worst + 1e-12
    assert claimed == pytest.approx(
        worst, rel=0.2
    )  # twenty thousand points find most of the worst of ten dimensions


def test_impact_in_the_program_is_the_power_law_of_the_certificate() -> None:
    mean, covariance = market(7)
    beliefs = Beliefs(**{**vars(Beliefs.plain(mean, covariance)), "impact_cost": np.full(NAMES, 2e-3)})
    asked = question(7, previous=np.full(NAMES, 0.1))

    mix = optimize(Question(beliefs, asked.limits, asked.names, asked.groups), Goal())

    assert mix.fallback == ""
    assert abs(mix.gap) < 1e-4  # value by numpy, bound by the solver: they speak of one and the same cost
    moved = np.abs(mix.weights - 0.1).sum()
    plain = np.abs(optimize(asked, Goal()).weights - 0.1).sum()
    assert moved < plain
