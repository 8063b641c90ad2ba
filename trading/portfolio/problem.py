"""What an optimiser is asked: beliefs about the names, what trading costs, and what a mix must respect.

Letters of the shapes: s names, k factors, g groups, p linked pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trading.errors import InfeasibleError
from trading.interfaces import Bools, Floats

Objective = Literal["maximum_sharpe", "mean_variance", "minimum_variance", "volatility_target", "risk_budget"]
GRID = 1e-6  # weights are stored on it
FREE = 10.0  # of equity: no weight, sum of weights or turnover comes near, so it limits nothing
_LEAST_EIGENVALUE = 1e-9  # of the largest: below it a covariance has no root that a solver can use
_LEAST_VARIANCE = 1e-12


@dataclass(frozen=True)
class RiskModel:
    """A covariance in factor form, of one session: loadings' loadings + diag(specific ** 2).

    Attributes
    ----------
    loadings : (k, s) of factors of variance one
    specific : (s,) standard deviation that is a name's own
    repaired : whether a covariance had to be changed to have a root
    """

    loadings: Floats
    specific: Floats
    repaired: bool = False

    @classmethod
    def of(cls, covariance: Floats) -> RiskModel:
        """The root of any symmetric (s, s) matrix; negative eigenvalues are raised to a trace of the largest."""
        symmetric = (covariance + covariance.T) / 2
        specific = np.zeros(len(symmetric))
        try:
            return cls(np.asarray(np.linalg.cholesky(symmetric).T, dtype=float), specific)
        except np.linalg.LinAlgError:
            values, vectors = np.linalg.eigh(symmetric)
        least = max(float(values[-1]) * _LEAST_EIGENVALUE, _LEAST_VARIANCE)
        return cls((vectors * np.sqrt(np.maximum(values, least))).T, specific, repaired=True)

    @property
    def covariance(self) -> Floats:
        """(s, s)."""
        return self.loadings.T @ self.loadings + np.diag(np.square(self.specific))

    def variance(self, weights: Floats) -> float:
        """Of a mix (s,), one session."""
        return float(np.square(self.loadings @ weights).sum() + np.square(self.specific * weights).sum())

    def scaled(self, factor: float) -> RiskModel:
        """The model of returns that are `factor` times as large."""
        return replace(self, loadings=self.loadings * factor, specific=self.specific * factor)


@dataclass(frozen=True)
class Beliefs:
    """What is believed of the names, per session.

    Attributes
    ----------
    mean : (s,) expected return
    risk : how they move together
    box : (s,) half width of the interval of each mean: the worst mean of any name is `mean - box`
    ellipsoid : (s,) semi-axes: all means at once lie within mean + {e : sum((e / ellipsoid) ** 2) <= 1}
    linear_cost, impact_cost : (s,) cost of a change of weight d is linear |d| + impact |d|**1.5, in units of `mean`
    """

    mean: Floats
    risk: RiskModel
    box: Floats
    ellipsoid: Floats
    linear_cost: Floats
    impact_cost: Floats

    @classmethod
    def plain(cls, mean: Floats, covariance: Floats) -> Beliefs:
        """Of a mean and a covariance alone, trusted as they are and traded for nothing."""
        nothing = np.zeros(len(mean))
        return cls(mean, RiskModel.of(covariance), nothing, nothing, nothing, nothing)

    def cost(self, change: Floats) -> float:
        """Of a change of weights (s,)."""
        size = np.abs(change)
        return float(self.linear_cost @ size + self.impact_cost @ size**1.5)

    def net_mean(self, weights: Floats, previous: Floats) -> float:
        """Expected return of a mix (s,), at its worst within the uncertainty and after the cost of getting there."""
        doubt = self.box @ np.abs(weights) + float(np.linalg.norm(self.ellipsoid * weights))
        return float(self.mean @ weights) - float(doubt) - self.cost(weights - previous)


@dataclass(frozen=True)
class Limits:
    """What a mix must respect. `FREE` limits nothing.

    Attributes
    ----------
    lower, upper : (s,) smallest and largest weight, lower <= 0 <= upper; a short one needs shares to borrow
    members : (g, s) 1.0 where a name belongs to a group
    group_cap : largest sum of absolute weights of a group
    links : (p, 2) places of the two names of a linked pair, first < second
    pair_cap : largest sum of absolute weights of a linked pair
    previous : (s,) the mix before
    turnover : largest sum of absolute changes
    liquidity : (s,) largest absolute change of each name
    gross : largest sum of absolute weights
    net_low, net_high : range of the sum of weights
    beta : (s,) to the market; beta_cap : largest absolute beta of the mix
    """

    lower: Floats
    upper: Floats
    previous: Floats
    members: Floats
    group_cap: float = FREE
    links: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), dtype=np.int64))
    pair_cap: float = FREE
    turnover: float = FREE
    liquidity: Floats | None = None
    gross: float = FREE
    net_low: float = 1.0
    net_high: float = 1.0
    beta: Floats | None = None
    beta_cap: float = FREE

    @property
    def shorts(self) -> bool:
        """Whether any weight may be negative."""
        return bool((self.lower < 0).any())

    @property
    def tradable(self) -> Floats:
        """(s,) largest absolute change of each name."""
        return np.full(len(self.upper), FREE) if self.liquidity is None else np.minimum(self.liquidity, FREE)

    @property
    def betas(self) -> Floats:
        """(s,) beta of each name, 0 where none is asked."""
        return np.zeros(len(self.upper)) if self.beta is None else self.beta

    def without(self, kinds: tuple[str, ...]) -> Limits:
        """The limits less those of some kinds of `WAIVABLE`."""
        changes: dict[str, object] = {}
        if "turnover" in kinds:
            changes["turnover"] = FREE
        if "liquidity" in kinds:
            changes["liquidity"] = None
        if "net" in kinds:
            changes |= {"net_low": min(self.net_low, 0.0), "net_high": max(self.net_high, 0.0)}
        if "beta" in kinds:
            changes["beta_cap"] = FREE
        return replace(self, **changes)  # type: ignore[arg-type]


WAIVABLE = (
    "turnover",
    "liquidity",
    "net",
    "beta",
)  # in the order in which they give way; nothing else ever does


@dataclass(frozen=True)
class Question:
    """A problem for an optimiser; `names` are for the certificate, `groups` those of the rows of `members`."""

    beliefs: Beliefs
    limits: Limits
    names: tuple[str, ...]
    groups: tuple[str, ...]


def sane(question: Question) -> tuple[Question, tuple[str, ...]]:
    """The question without what is not finite: such a name gets no weight, and is named in the second answer.

    Raises
    ------
    InfeasibleError
        If arrays are not of one length, which is a fault of whoever asks.
    """
    _check_shapes(question)
    beliefs, limits = question.beliefs, question.limits
    known = np.asarray(np.isfinite(beliefs.risk.loadings).all(axis=0))
    for values in (
        beliefs.mean,
        beliefs.risk.specific,
        beliefs.box,
        beliefs.ellipsoid,
        beliefs.linear_cost,
        beliefs.impact_cost,
        limits.lower,
        limits.upper,
        limits.betas,
    ):
        known = np.logical_and(known, np.isfinite(values))
    risk = replace(
        beliefs.risk,
        loadings=np.where(known, beliefs.risk.loadings, 0.0),
        specific=np.where(known, beliefs.risk.specific, 1.0),
    )
    clean = Beliefs(
        _zeroed(beliefs.mean, known),
        risk,
        *(
            np.maximum(_zeroed(values, known), 0.0)
            for values in (beliefs.box, beliefs.ellipsoid, beliefs.linear_cost, beliefs.impact_cost)
        ),
    )
    masked = tuple(name for name, ok in zip(question.names, known, strict=True) if not ok)
    return replace(question, beliefs=clean, limits=_masked(limits, known)), masked


def _masked(limits: Limits, known: Bools) -> Limits:
    return replace(
        limits,
        lower=np.clip(_zeroed(limits.lower, known), -FREE, 0.0),
        upper=np.clip(_zeroed(limits.upper, known), 0.0, FREE),
        previous=np.where(np.isfinite(limits.previous), np.clip(limits.previous, -FREE, FREE), 0.0),
        liquidity=np.clip(np.nan_to_num(limits.tradable), 0.0, FREE),
        beta=_zeroed(limits.betas, known),
        group_cap=_finite(limits.group_cap),
        pair_cap=_finite(limits.pair_cap),
        turnover=_finite(limits.turnover),
        gross=_finite(limits.gross),
        beta_cap=_finite(limits.beta_cap),
    )


def _finite(limit: float) -> float:
    return FREE if np.isnan(limit) else float(np.clip(limit, 0.0, FREE))


def _zeroed(values: Floats, known: Bools) -> Floats:
    return np.where(known, values, 0.0)


def _check_shapes(question: Question) -> None:
    beliefs, limits, count = question.beliefs, question.limits, len(question.names)
    vectors = (
        beliefs.mean,
        beliefs.risk.specific,
        beliefs.box,
        beliefs.ellipsoid,
        beliefs.linear_cost,
        beliefs.impact_cost,
        limits.lower,
        limits.upper,
        limits.previous,
        limits.tradable,
        limits.betas,
    )
    wide = {beliefs.risk.loadings.shape[1], limits.members.shape[1]}
    if {len(vector) for vector in vectors} | wide != {count} or len(question.groups) != len(limits.members):
        raise InfeasibleError(
            f"the question is about {count} names, and some of its arrays are of other lengths"
        )
