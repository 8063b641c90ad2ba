"""The optimiser asked what nobody should ask: it answers, in time, and never beyond a limit that stands.

Each question is drawn from its number: one name to 500, all means negative, singular and indefinite
covariances, limits that contradict one another, NaN and infinity, costs, doubt, links, shorts.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import numpy as np
import pytest

from trading.interfaces import Floats
from trading.portfolio.certificate import TOLERANCE, violation
from trading.portfolio.chain import Goal, optimize
from trading.portfolio.problem import FREE, WAIVABLE, Beliefs, Limits, Question, RiskModel, sane

SIZES = (1, 3, 10)
LARGE = (50, 120, 500)
OBJECTIVES = ("maximum_sharpe", "mean_variance", "minimum_variance", "volatility_target", "risk_budget")
LONGEST_SECONDS = 10.0


def covariance_of(rng: np.random.Generator, names: int) -> Floats:
    """(s, s) of a kind drawn at random: sound, singular, indefinite, without scale, all zero, or of pure noise."""
    root = rng.normal(0, 0.02, (names, names))
    sound = root @ root.T / names + np.diag(rng.uniform(1e-5, 1e-3, names))
    one = np.outer(root[0], root[0])
    kinds = (
        sound,
        sound,
        sound,
        one,
        sound - np.eye(names) * 5e-4,
        sound * 1e-12,
        sound * 1e12,
        0 * sound,
        root,
    )
    return kinds[rng.integers(len(kinds))]


def spoiled(rng: np.random.Generator, values: Floats) -> Floats:
    """The values, now and then with a few that are no numbers."""
    if rng.random() > 0.15:
        return values
    bad = values.copy()
    bad.flat[rng.integers(bad.size, size=max(1, bad.size // 10))] = rng.choice([np.nan, np.inf, -np.inf])
    return bad


def risk_of(rng: np.random.Generator, names: int) -> RiskModel:
    if (
        names > 20
    ):  # a dense root of hundreds of names is a program of its own; factors are what they are given as
        specific = rng.uniform(0, 0.03, names)
        return RiskModel(spoiled(rng, rng.normal(0, 0.01, (5, names))), spoiled(rng, specific))
    model = RiskModel.of(covariance_of(rng, names))
    return RiskModel(spoiled(rng, model.loadings), spoiled(rng, model.specific))


def question_of(number: int, sizes: tuple[int, ...] = SIZES) -> tuple[Question, Goal]:
    rng = np.random.default_rng(number)
    names = int(rng.choice(sizes))

    def sometimes(chance: float, value: Any, other: Any) -> Any:
        return value if rng.random() < chance else other

    def vector(chance: float, largest: float) -> Floats:
        return spoiled(rng, rng.uniform(0, largest, names)) if rng.random() < chance else np.zeros(names)

    mean = rng.normal(sometimes(0.2, -0.01, 0.0005), 0.001, names)
    beliefs = Beliefs(
        spoiled(rng, mean), risk_of(rng, names), vector(0.3, 0.002), vector(0.2, 0.002), vector(0.5, 0.001),
        vector(0.1, 0.001),
    )  # fmt: skip
    groups = int(rng.integers(1, names + 1))
    members = np.zeros((groups, names))
    members[rng.integers(groups, size=names), np.arange(names)] = 1.0
    net = float(rng.choice([0.0, 0.5, 1.0, 1.0, 1.0]))
    pairs = np.argwhere(np.triu(rng.random((names, names)) < rng.choice([0.0, 0.1, 1.0]), k=1))[:300]
    limits = Limits(
        lower=-vector(0.4, 0.3),
        upper=spoiled(rng, rng.uniform(0, rng.choice([0.01, 0.2, 1.0]), names)),
        previous=spoiled(rng, rng.dirichlet(np.ones(names)) * rng.choice([0.0, 1.0, 3.0])),
        members=members,
        group_cap=float(rng.choice([0.0, 0.2, 0.4, FREE])),
        links=pairs if names <= 20 else pairs[:5],
        pair_cap=float(rng.choice([0.0, 0.05, 0.2, FREE])),
        turnover=float(rng.choice([0.0, 0.05, 0.5, FREE])),
        liquidity=sometimes(0.3, vector(1.0, 0.1), None),
        gross=float(rng.choice([0.5, 1.6, FREE])),
        net_low=net,
        net_high=sometimes(0.5, net, net + 0.2),
        beta=sometimes(0.4, spoiled(rng, rng.normal(1, 0.3, names)), None),
        beta_cap=float(rng.choice([0.0, 0.1, 1.0, FREE])),
    )
    goal = Goal(
        str(rng.choice(OBJECTIVES)),  # type: ignore[arg-type]
        volatility=float(rng.choice([0.0, 1e-6, 0.01])),
        iterations=int(rng.choice([1, 5, 200, 200, 200])),
    )
    labels = tuple(f"N{i}" for i in range(names))
    return Question(beliefs, limits, labels, tuple(f"g{i}" for i in range(groups))), goal


def standing(question: Question, fallback: str) -> Limits:
    """The limits that an answer with this fallback still promises."""
    limits = sane(question)[0].limits
    everything = fallback in {"cash", "equal_weight"}
    waived = tuple(kind for kind in WAIVABLE if everything or kind in fallback)
    return limits.without((*waived, "net"))  # what caps do not allow is cash


def asked_and_judged(numbers: range, sizes: tuple[int, ...] = SIZES) -> tuple[float, float, Counter[str]]:
    """The worst violation, the longest processor seconds (a busy machine is no fault), and how answers came about."""
    worst, longest, ways = 0.0, 0.0, Counter[str]()
    for number in numbers:
        question, goal = question_of(number, sizes)
        started = time.process_time()
        mix = optimize(question, goal)
        longest = max(longest, time.process_time() - started)
        assert np.isfinite(mix.weights).all(), f"question {number}"
        missed = violation(mix.weights, standing(question, mix.fallback))
        assert missed <= TOLERANCE + 1e-12, f"question {number} misses a limit by {missed}"
        worst = max(worst, missed)
        ways[mix.fallback or "as asked"] += 1
    return worst, longest, ways


def test_two_hundred_hard_questions_are_answered_within_every_limit_and_in_time() -> None:
    _, longest, ways = asked_and_judged(range(190))
    _, large, more = asked_and_judged(range(190, 200), LARGE)

    assert max(longest, large) < LONGEST_SECONDS
    assert (ways + more)["as asked"] > 20  # so that the limits were tested on real solutions too
    assert ways["cash"] < 120


@pytest.mark.timeout(1800)  # most of the questions are of a structure of their own, which is compiled
@pytest.mark.nightly  # 10,000 questions take minutes; two hundred are asked daily
def test_ten_thousand_hard_questions_are_answered_within_every_limit_and_in_time() -> None:
    _, longest, ways = asked_and_judged(range(1_000, 10_700))
    _, large, more = asked_and_judged(range(10_700, 11_000), (*LARGE, *range(1, 500, 37)))

    assert max(longest, large) < LONGEST_SECONDS
    assert (ways + more)["as asked"] > 1_000
