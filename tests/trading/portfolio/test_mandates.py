"""The optimiser against algebra, brute force, scipy, and its own promises."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from trading.errors import InfeasibleError
from trading.interfaces import Floats, Mix
from trading.portfolio.mandates import ConvexOptimizer, Wanted

# Weights lie on a grid of 1e-6, and the largest-remainder rule moves a weight by at most one step.
GRID_STEP = 1.5e-6


def rule_of(**settings: Any) -> ConvexOptimizer:
    """An optimiser that links no names: what linked ones do has tests of its own."""
    return ConvexOptimizer(linked_from=1.0, **settings)


def solved(rule: ConvexOptimizer, *question: Any) -> Mix:
    return rule.solve(Wanted.plain(*question))


TWO = rule_of(symbols=("A", "B"), group_cap=1.0)
THREE = rule_of(symbols=("A", "B", "C"), group_cap=1.0)
NO_GROUPS = ("a", "b", "c")


def sharpe(weights: Floats, alpha: Floats, covariance: Floats) -> float:
    return float(weights @ alpha / np.sqrt(weights @ covariance @ weights))


def random_market(seed: int, names: int = 10) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    loadings = rng.normal(1.0, 0.3, (names, 2)) * np.array([0.015, 0.004])
    covariance = loadings @ loadings.T + np.diag(rng.uniform(1e-4, 6e-4, names))
    return rng.normal(4e-4, 6e-4, names), covariance


def violations(
    mix: Mix, caps: Floats, previous: Floats, groups: tuple[str, ...], rule: ConvexOptimizer
) -> float:
    """The largest violation of any limit, computed from nothing but the weights."""
    weights = mix.weights
    totals = [sum(w for w, g in zip(weights, groups, strict=True) if g == name) for name in set(groups)]
    found = [weights.max() * 0, -weights.min(), (weights - caps).max(), max(totals) - rule.group_cap]
    if previous.any() and "turnover_waived" not in mix.fallback:
        found.append(np.abs(weights - previous).sum() - rule.turnover)
    return float(max(found))


def test_two_names_within_wide_caps_match_the_closed_form() -> None:
    alpha, covariance = np.array([0.001, 0.0005]), np.array([[4e-4, 1e-4], [1e-4, 2e-4]])
    tangent = np.linalg.solve(covariance, alpha)

    mix = solved(TWO, alpha, covariance, np.ones(2), np.zeros(2), ("a", "b"))

    assert mix.weights == pytest.approx(tangent / tangent.sum(), abs=GRID_STEP)
    assert (mix.status, mix.objective, mix.fallback) == ("optimal", "maximum_sharpe", "")


def test_minimum_variance_of_two_uncorrelated_names_is_inverse_variance() -> None:
    covariance = np.diag([1e-4, 3e-4])

    mix = solved(TWO, np.array([-0.001, -0.002]), covariance, np.ones(2), np.zeros(2), ("a", "b"))

    assert mix.weights == pytest.approx([0.75, 0.25], abs=GRID_STEP)
    assert mix.fallback == mix.objective == "minimum_variance"


@pytest.mark.parametrize("seed", range(4))
def test_no_weights_of_a_fine_grid_beat_three_names(seed: int) -> None:
    alpha, covariance = random_market(seed, 3)
    alpha, caps = np.abs(alpha), np.array([0.5, 0.45, 0.6])

    mix = solved(THREE, alpha, covariance, caps, np.zeros(3), NO_GROUPS)

    steps = np.arange(0, 1.0001, 0.01)
    grid = (np.array([a, b, 1 - a - b]) for a, b in itertools.product(steps, steps))
    best = max(sharpe(w, alpha, covariance) for w in grid if (w >= 0).all() and (w <= caps).all())
    assert sharpe(mix.weights, alpha, covariance) >= best * (1 - 1e-6)  # the weights' grid of 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_ten_names_match_a_general_solver(seed: int) -> None:
    alpha, covariance = random_market(seed)
    alpha, caps, previous = np.abs(alpha), np.full(10, 0.2), np.full(10, 0.1)
    rule, groups = rule_of(turnover=0.3), tuple("aabbccddee")

    mix = solved(rule, alpha, covariance, caps, previous, groups)
    oracle = _slsqp(alpha, covariance, rule.turnover)

    assert sharpe(mix.weights, alpha, covariance) == pytest.approx(
        oracle, rel=1e-4
    )  # turnover is kept 2e-6 a name below its limit, for rounding


def _slsqp(alpha: Floats, covariance: Floats, turnover: float) -> float:
    """The best Sharpe ratio by sequential quadratic programming on buys and sells from equal weight."""
    names = len(alpha)

    def weights(trades: Floats) -> Floats:
        return 1 / names + trades[:names] - trades[names:]

    constraints = [
        {"type": "eq", "fun": lambda x: weights(x).sum() - 1},
        {"type": "ineq", "fun": lambda x: turnover - x.sum()},
        {"type": "ineq", "fun": lambda x: 0.4 - weights(x).reshape(5, 2).sum(axis=1)},
        {"type": "ineq", "fun": lambda x: 0.2 - weights(x)},
        {"type": "ineq", "fun": weights},
    ]
    found = optimize.minimize(
        lambda x: -sharpe(weights(x), alpha, covariance),
        np.full(2 * names, 0.001),
        bounds=[(0, 1)] * (2 * names),
        constraints=constraints,
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-12},
    )
    return -float(found.fun)


@given(
    seed=st.integers(0, 10_000),
    limit=st.floats(0.02, 0.3),
    turnover=st.floats(0.05, 1.0),
    from_cash=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_every_limit_holds_for_any_market(seed: int, limit: float, turnover: float, from_cash: bool) -> None:  # noqa: FBT001
    alpha, covariance = random_market(seed)
    rng = np.random.default_rng(seed)
    caps, previous = rng.uniform(0, limit, 10), np.zeros(10) if from_cash else rng.dirichlet(np.ones(10))
    rule, groups = rule_of(turnover=turnover), tuple("aaabbccdef")

    mix = solved(rule, alpha, covariance, caps, previous, groups)

    # Ten weights, each moved by at most one step of 1e-6 on its way to the grid.
    assert violations(mix, caps, previous, groups, rule) <= 10 * GRID_STEP
    assert (mix.weights <= caps + 1e-9).all()  # a cap within a thousandth of a step of the grid is on it
    room = sum(min(0.4, sum(caps[i] for i in range(10) if groups[i] == g)) for g in set(groups))
    assert mix.weights.sum() == pytest.approx(min(1.0, room), abs=1e-5)  # ten caps, each floored to 1e-6
    if mix.objective != "equal_weight":
        assert abs(mix.gap) < 1e-4  # rounding moves ten weights by a step, which may overstep turnover


def test_caps_that_sum_to_less_than_one_leave_the_rest_in_cash() -> None:
    caps = np.array([0.1, 0.2, 0.05])

    mix = solved(THREE, np.full(3, 0.001), np.eye(3) * 1e-4, caps, np.zeros(3), NO_GROUPS)

    assert mix.weights == pytest.approx(caps, abs=1e-12)
    assert mix.binding == ("position:A", "position:B", "position:C")


def test_binding_limits_are_named() -> None:
    rule = rule_of(symbols=("A", "B", "C", "D"), group_cap=0.6, turnover=0.5)
    alpha, covariance = np.array([0.004, 0.003, 0.001, -0.02]), np.eye(4) * 1e-4

    mix = solved(rule, alpha, covariance, np.array([0.3, 0.4, 0.7, 0.7]), np.zeros(4), ("x", "x", "y", "y"))

    assert mix.weights == pytest.approx([0.3, 0.3, 0.4, 0.0], abs=GRID_STEP)
    assert mix.binding == ("position:A", "long_only:D", "group:x")


def test_turnover_binds_where_the_best_mix_is_far_away() -> None:
    rule = rule_of(symbols=("A", "B"), group_cap=1.0, turnover=0.2)

    mix = solved(
        rule, np.array([0.01, 0.0001]), np.eye(2) * 1e-4, np.ones(2), np.array([0.1, 0.9]), ("a", "b")
    )

    assert mix.weights == pytest.approx([0.2, 0.8], abs=4e-6)  # room for rounding, 2e-6 a name
    assert mix.binding == ("turnover",)


def test_a_cap_that_the_turnover_limit_cannot_reach_waives_it_by_name() -> None:
    rule = rule_of(symbols=("A", "B"), group_cap=1.0, turnover=0.1)

    mix = solved(
        rule, np.full(2, 0.001), np.eye(2) * 1e-4, np.array([0.5, 0.5]), np.array([0.9, 0.1]), ("a", "b")
    )

    assert mix.fallback == "turnover_waived"
    assert mix.weights == pytest.approx([0.5, 0.5], abs=GRID_STEP)


def test_minimum_variance_may_waive_turnover_too() -> None:
    rule = rule_of(symbols=("A", "B"), group_cap=1.0, turnover=0.1)

    mix = solved(
        rule, np.full(2, -0.01), np.eye(2) * 1e-4, np.array([0.5, 0.5]), np.array([0.9, 0.1]), ("a", "b")
    )

    assert mix.fallback == "minimum_variance+turnover_waived"


def test_a_solver_that_gives_up_ends_in_equal_weight_within_the_caps() -> None:
    rule = rule_of(symbols=("A", "B", "C"), group_cap=0.5, iterations=1)

    mix = solved(rule, np.full(3, 0.001), np.eye(3) * 1e-4, np.array([0.9, 0.9, 0.1]), np.zeros(3), NO_GROUPS)

    assert mix.fallback == mix.objective == "equal_weight"
    assert mix.weights == pytest.approx([0.45, 0.45, 0.1], abs=GRID_STEP)
    assert mix.status != "optimal"
    assert np.isnan(mix.gap)


def test_no_room_at_all_is_cash() -> None:
    mix = solved(THREE, np.full(3, 0.001), np.eye(3) * 1e-4, np.zeros(3), np.zeros(3), NO_GROUPS)

    assert mix.fallback == mix.objective == "cash"
    assert not mix.weights.any()


def test_the_same_question_gets_the_same_bytes_whatever_was_asked_before() -> None:
    rule, groups = rule_of(), tuple("aabbccddee")
    questions = [(*random_market(seed), np.full(10, 0.2), np.full(10, 0.1), groups) for seed in range(3)]

    forwards = [solved(rule, *question).weights.tobytes() for question in questions]
    backwards = [solved(rule, *question).weights.tobytes() for question in reversed(questions)]

    assert forwards == backwards[::-1]


def test_a_name_whose_numbers_are_not_finite_gets_nothing_and_is_named() -> None:
    alpha, covariance = np.array([np.nan, 0.001, 0.002]), np.diag([1e-4, 2e-4, np.nan])

    mix = solved(THREE, alpha, covariance, np.full(3, 0.6), np.zeros(3), NO_GROUPS)

    assert mix.masked == ("A", "C")
    assert mix.weights.tolist() == [0.0, 0.6, 0.0]


def test_a_market_of_another_size_is_refused() -> None:
    with pytest.raises(InfeasibleError, match="for 2 symbols"):
        solved(TWO, np.ones(3), np.eye(3), np.ones(3), np.zeros(3), NO_GROUPS)
