"""What the optimiser answers when the question has no answer, and what it says of that."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trading.portfolio.certificate import violation
from trading.portfolio.chain import Goal, optimize
from trading.portfolio.conflicts import conflicting, waived
from trading.portfolio.mandates import ConvexOptimizer, Wanted, linked_pairs
from trading.portfolio.problem import Beliefs, Limits, Question, RiskModel

NAMES = ("A", "B", "C", "D")
COVARIANCE = np.diag([1e-4, 2e-4, 3e-4, 4e-4]) + 5e-5


def limits(**changes: Any) -> Limits:
    plain = Limits(np.zeros(4), np.full(4, 0.5), np.zeros(4), np.eye(4))
    return replace(plain, **changes)


def question(mean: Any = (4e-4, 3e-4, 2e-4, 1e-4), **changes: Any) -> Question:
    return Question(Beliefs.plain(np.array(mean), COVARIANCE), limits(**changes), NAMES, NAMES)


def test_limits_that_can_be_met_do_not_conflict() -> None:
    assert conflicting(limits()) == ()
    assert waived(limits()) == ()


def test_a_turnover_too_small_for_the_caps_is_named_with_them_and_gives_way() -> None:
    asked = question(previous=np.array([1.0, 0.0, 0.0, 0.0]), turnover=0.2)

    mix = optimize(asked, Goal())

    assert mix.conflicts == ("position", "turnover")
    assert mix.fallback == "turnover_waived"
    assert violation(mix.weights, asked.limits.without(("turnover",))) <= 1e-6


def test_a_group_that_cannot_be_sold_in_time_waives_liquidity_and_never_the_group() -> None:
    one = np.array([[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    asked = replace(
        question(
            previous=np.array([0.5, 0.5, 0.0, 0.0]), liquidity=np.full(4, 0.01), members=one, group_cap=0.6,
        ),
        groups=("x", "y"),
    )  # fmt: skip

    mix = optimize(asked, Goal())

    assert set(mix.conflicts) >= {"group", "liquidity"}
    assert mix.fallback == "turnover+liquidity_waived"
    assert mix.weights[:3].sum() <= 0.6 + 1e-6


def test_a_net_that_gross_forbids_gives_way_last_but_one() -> None:
    asked = question(lower=np.full(4, -0.2), gross=0.5, net_low=1.0, net_high=1.0)

    mix = optimize(asked, Goal())

    assert np.abs(mix.weights).sum() <= 0.5 + 1e-6
    assert mix.weights.sum() == pytest.approx(
        0.5, abs=2e-5
    )  # invested as far as gross allows: cash is no fallback
    assert mix.fallback == ""


def test_a_solver_without_iterations_ends_within_the_limits_by_name() -> None:
    mix = optimize(question(), Goal(iterations=1))

    assert (mix.fallback, mix.objective) == ("equal_weight", "equal_weight")
    assert mix.weights == pytest.approx([0.25] * 4, abs=2e-6)
    assert np.isnan(mix.gap)


def test_linked_names_share_one_cap() -> None:
    correlation = np.array(
        [[1, 0.8, 0.1, 0], [0.8, 1, 0.6, 0], [0.1, 0.6, 1, 0], [0, 0, 0, np.nan]], dtype=float
    )
    links = linked_pairs(correlation, 0.7)

    mix = optimize(question(links=links, pair_cap=0.2), Goal())

    assert links.tolist() == [[0, 1]]
    assert mix.weights[:2].sum() <= 0.2 + 1e-6
    assert "correlation:A-B" in mix.binding


def test_costs_keep_a_mix_where_it_is_when_the_gain_is_smaller() -> None:
    asked = question(previous=np.full(4, 0.25))
    dear = replace(asked, beliefs=replace(asked.beliefs, linear_cost=np.full(4, 0.01)))

    kept, moved = optimize(dear, Goal("mean_variance")), optimize(asked, Goal("mean_variance"))

    assert kept.weights == pytest.approx([0.25] * 4, abs=1e-5)
    assert np.abs(moved.weights - 0.25).sum() > 0.1


def wanted(mean: Any, short: float = 0.3) -> Wanted:
    plain = Wanted.plain(np.array(mean), COVARIANCE, np.full(4, 0.5), np.zeros(4), NAMES)
    return replace(plain, short_caps=np.full(4, short))


def test_a_neutral_mandate_has_no_net_little_beta_and_the_volatility_asked() -> None:
    rule = ConvexOptimizer(mandate="market_neutral", symbols=NAMES, volatility=0.05, linked_from=1.0)

    mix = rule.solve(wanted([2e-3, 1e-3, -1e-3, -2e-3]))
    beta = COVARIANCE.sum(axis=0) / COVARIANCE.mean() / 4

    assert mix.fallback == ""
    assert mix.weights.sum() == pytest.approx(0.0, abs=1e-6)
    assert abs(beta @ mix.weights) <= 0.1 + 1e-6
    assert np.sqrt(252 * mix.weights @ COVARIANCE @ mix.weights) <= 0.05 * (1 + 1e-3)
    assert (mix.weights < 0).any()


def test_one_hundred_thirty_thirty_sells_short_what_can_be_borrowed_and_nothing_else() -> None:
    rule = ConvexOptimizer(mandate="long_short", symbols=NAMES, linked_from=1.0, group_cap=0.8)
    scarce = replace(
        wanted([2e-3, 1e-3, -2e-3, -2e-3]), caps=np.full(4, 0.8), short_caps=np.array([0.0, 0.0, 0.1, 0.0])
    )

    mix = rule.solve(scarce)

    assert mix.weights.sum() == pytest.approx(1.0, abs=1e-6)
    assert np.abs(mix.weights).sum() <= 1.6
    assert mix.weights.min() == pytest.approx(-0.1, abs=1e-6)
    assert (mix.weights[[0, 1, 3]] >= 0).all()


def test_a_book_without_shorts_never_goes_below_zero_whatever_may_be_borrowed() -> None:
    mix = ConvexOptimizer(symbols=NAMES, linked_from=1.0, group_cap=0.6).solve(
        wanted([2e-3, 1e-3, -2e-3, -2e-3])
    )

    assert mix.weights.min() >= 0.0


def test_an_indefinite_covariance_is_repaired_and_says_so() -> None:
    broken = np.array([[1.0, 2.0], [2.0, 1.0]]) * 1e-4

    found = RiskModel.of(broken)

    assert found.repaired
    assert np.linalg.eigvalsh(found.covariance).min() > 0
    assert not RiskModel.of(COVARIANCE).repaired


def test_a_question_answers_the_same_bytes_whatever_was_asked_before() -> None:
    questions = [question(np.array([4, 3, 2, 1]) * scale * 1e-4, turnover=0.5) for scale in (1, 2, 3)]

    forwards = [optimize(asked, Goal()).weights.tobytes() for asked in questions]
    backwards = [optimize(asked, Goal()).weights.tobytes() for asked in reversed(questions)]

    assert forwards == backwards[::-1]
