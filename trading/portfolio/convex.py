"""The convex programs of the optimiser, each compiled once a process and then only given new numbers.

All are written in the homogeneous form y = k w (Cornuejols and Tütüncü, "Optimization Methods in
Finance", section 8.2): maximum Sharpe and risk budgets choose k, the others fix it at 1, and every
limit is linear and sparse in (y, k) either way. Risk is in factor form, f = loadings y, so that a
re-solve of 500 names carries no dense covariance.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import cvxpy as cp
import numpy as np
import scipy.sparse as sp

from trading.interfaces import Floats
from trading.portfolio.compiled import Answer, CompiledProblem
from trading.portfolio.problem import FREE, Beliefs, Limits, Objective

_WITH_MEAN = ("maximum_sharpe", "mean_variance", "volatility_target")
FEW = 50  # up to so many names all pairs are in the program, and the graph may change without compiling
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Shape:
    """What decides the structure of a program, and so when one must be compiled.

    `members` are (group, name), `pairs` those which have a cap; the flags say which limits and terms there are.
    """

    objective: Objective | Literal["least_slack"]
    names: int
    factors: int
    groups: int = 0
    members: tuple[tuple[int, int], ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    shorts: bool = False
    liquidity: bool = False
    beta: bool = False
    ellipsoid: bool = False
    impact: bool = False


def shape_of(objective: Objective | Literal["least_slack"], beliefs: Beliefs, limits: Limits) -> Shape:
    """The structure that a question needs; a slack program has no beliefs in it."""
    names = len(limits.upper)
    plain = objective == "least_slack"
    has_mean = objective in _WITH_MEAN
    return Shape(
        objective=objective,
        names=names,
        factors=0 if plain else len(beliefs.risk.loadings),
        groups=len(limits.members),
        members=_members(limits),
        pairs=_pairs(limits, names),
        shorts=limits.shorts,
        liquidity=plain or bool((limits.tradable < FREE).any()),
        beta=plain or limits.beta_cap < FREE,
        ellipsoid=has_mean and bool(beliefs.ellipsoid.any()),
        impact=has_mean and bool(beliefs.impact_cost.any()),
    )


def _members(limits: Limits) -> tuple[tuple[int, int], ...]:
    return tuple((int(group), int(name)) for group, name in np.argwhere(limits.members > 0))


def _pairs(limits: Limits, names: int) -> tuple[tuple[int, int], ...]:
    if not len(limits.links):
        return ()
    if names <= FEW:
        return tuple((i, j) for i in range(names) for j in range(i + 1, names))
    return tuple((int(i), int(j)) for i, j in limits.links)


class Book:
    """Variables (y, k) of a book, what is bought and sold to reach it, and every limit on them."""

    def __init__(self, shape: Shape) -> None:
        names = shape.names
        self.shape = shape
        self.y, self.k = cp.Variable(names), cp.Variable()
        self.size = cp.Variable(names) if shape.shorts else self.y
        self.bought, self.sold = cp.Variable(names), cp.Variable(names)
        self.trade = self.bought + self.sold

    def limits(self, slack: Mapping[str, Any] | None = None) -> list[Any]:
        """The limits, each widened by the slack of its kind if there is one."""
        y, k, trade, names = self.y, self.k, self.trade, self.shape.names
        s = slack or {}
        vector = {
            name: cp.Parameter(names, name=name)
            for name in ("lower", "upper", "previous", "liquidity", "beta")
        }
        number = {
            name: cp.Parameter(name=name)
            for name in ("turnover", "gross", "net_low", "net_high", "beta_cap", "group_cap")
        }
        found = [
            y <= cp.multiply(vector["upper"], k),
            y - cp.multiply(vector["previous"], k) == self.bought - self.sold,
            self.bought >= 0,
            self.sold >= 0,
            self._members() @ self.size <= number["group_cap"] * k + s.get("group", 0.0),
            cp.sum(trade) <= number["turnover"] * k + s.get("turnover", 0.0),
            cp.sum(y) <= number["net_high"] * k + s.get("net", 0.0),
            cp.sum(y) >= number["net_low"] * k - s.get("net", 0.0),
        ]
        if self.shape.liquidity:
            found.append(trade <= cp.multiply(vector["liquidity"], k) + s.get("liquidity", 0.0))
        if self.shape.beta:
            room = number["beta_cap"] * k + s.get("beta", 0.0)
            found += [vector["beta"] @ y <= room, -(vector["beta"] @ y) <= room]
        if self.shape.shorts:
            found += [
                y >= cp.multiply(vector["lower"], k),
                y <= self.size,
                -y <= self.size,
                cp.sum(self.size) <= number["gross"] * k + s.get("gross", 0.0),
            ]
        else:
            found.append(y >= 0)
        return found + self._pair_limits(s)

    def _members(self) -> Any:
        groups, names = zip(*self.shape.members, strict=True) if self.shape.members else ((), ())
        shape = (self.shape.groups, self.shape.names)
        return sp.csr_matrix((np.ones(len(names)), (groups, names)), shape=shape)

    def _pair_limits(self, slack: Mapping[str, Any]) -> list[Any]:
        if not self.shape.pairs:
            return []
        first, second = (list(places) for places in zip(*self.shape.pairs, strict=True))
        cap = cp.Parameter(len(first), name="pair_caps")
        return [
            self.size[first] + self.size[second] <= cp.multiply(cap, self.k) + slack.get("correlation", 0.0)
        ]


SLACK_KINDS = ("group", "liquidity", "turnover", "net", "beta", "gross", "correlation")


def _slack_program(shape: Shape) -> CompiledProblem:
    """The least slack, the same for all kinds with `elastic` 1, at which some mix respects every limit."""
    book, slack = Book(shape), cp.Variable()
    elastic = {kind: cp.Parameter(name=f"elastic_{kind}", nonneg=True) for kind in SLACK_KINDS}
    limits = book.limits({kind: elastic[kind] * slack for kind in SLACK_KINDS})
    problem = cp.Problem(cp.Minimize(slack), [book.k == 1, slack >= 0, *limits])
    return CompiledProblem(problem, {"y": book.y, "k": book.k, "slack": slack})


def _mix_program(shape: Shape) -> CompiledProblem:
    book = Book(shape)
    loadings = cp.Parameter((shape.factors, shape.names), name="loadings")
    own = cp.Parameter(shape.names, name="specific_variance", nonneg=True)
    factors = cp.Variable(shape.factors)
    limits = [*book.limits(), factors == loadings @ book.y]
    net_mean, extra = _net_mean(shape, book)
    variance = cp.sum_squares(factors) + cp.sum(cp.multiply(own, cp.square(book.y)))
    if shape.objective == "maximum_sharpe":
        goal, form = variance, [net_mean >= 1]
    elif shape.objective == "minimum_variance":
        goal, form = variance, [book.k == 1]
    elif shape.objective == "mean_variance":
        goal, form = variance - net_mean, [book.k == 1]
    elif shape.objective == "volatility_target":
        target = cp.Parameter(name="volatility", nonneg=True)
        alone = cp.multiply(cp.Parameter(shape.names, name="specific"), book.y)
        goal, form = -net_mean, [book.k == 1, cp.norm(cp.hstack([factors, alone])) <= target]
    else:
        budgets = cp.Parameter(shape.names, name="budgets", nonneg=True)
        goal, form = variance / 2 - budgets @ cp.log(book.y), [book.k >= 0]
    problem = cp.Problem(cp.Minimize(goal), [*limits, *form, *extra])
    return CompiledProblem(problem, {"y": book.y, "k": book.k})


def _net_mean(shape: Shape, book: Book) -> tuple[Any, list[Any]]:
    """Expected return less doubt and cost, as a concave expression of (y, k), and what its terms need."""
    names = shape.names
    net = cp.Parameter(names, name="mean") @ book.y
    net -= cp.Parameter(names, name="linear_cost", nonneg=True) @ book.trade
    extra: list[Any] = []
    net -= cp.Parameter(names, name="box", nonneg=True) @ book.size
    if shape.ellipsoid:
        net -= cp.norm(cp.multiply(cp.Parameter(names, name="ellipsoid", nonneg=True), book.y))
    if shape.impact:  # |d|**1.5 in the homogeneous form is |trade|**1.5 / k**0.5, a power cone
        impact = cp.Variable(names)
        net -= cp.Parameter(names, name="impact_cost", nonneg=True) @ impact
        extra.append(cp.constraints.PowCone3D(impact, book.k * np.ones(names), book.trade, 2 / 3))
    return net, extra


@functools.lru_cache(maxsize=256)
def program(shape: Shape) -> CompiledProblem:
    """The compiled program of a structure; the last 256 are kept."""
    return _slack_program(shape) if shape.objective == "least_slack" else _mix_program(shape)


def limit_values(limits: Limits, shape: Shape) -> dict[str, Any]:
    """Parameter values of limits."""
    values: dict[str, Any] = {
        name: getattr(limits, name)
        for name in (
            "lower",
            "upper",
            "previous",
            "group_cap",
            "turnover",
            "gross",
            "net_low",
            "net_high",
            "beta_cap",
        )
    }
    linked = {(int(i), int(j)) for i, j in limits.links}
    caps = np.array([limits.pair_cap if pair in linked else FREE for pair in shape.pairs])
    return values | {
        "liquidity": limits.tradable,
        "beta": limits.betas,
        "pair_caps": caps,
    }


def belief_values(beliefs: Beliefs) -> dict[str, Any]:
    """Parameter values of beliefs."""
    specific = beliefs.risk.specific
    risk = {"loadings": beliefs.risk.loadings, "specific": specific, "specific_variance": np.square(specific)}
    doubt = {
        name: getattr(beliefs, name) for name in ("mean", "box", "ellipsoid", "linear_cost", "impact_cost")
    }
    return risk | doubt


def solve(shape: Shape, values: Mapping[str, Any], iterations: int) -> Answer:
    """One program from a cold start on one thread."""
    with _LOCK:  # compiling touches cvxpy's counters
        compiled = program(shape)
    return compiled.solve(values, iterations)


def weights_of(answer: Answer) -> Floats:
    """(s,) weights w = y / k."""
    scale = float(answer.values["k"][0])
    return np.asarray(answer.values["y"]) / scale if scale > 0 else np.full(len(answer.values["y"]), np.nan)
