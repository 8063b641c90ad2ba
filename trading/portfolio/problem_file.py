"""One optimisation problem as plain data, as a person writes it into a JSON file, and its answer likewise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from trading.bounds import ABOVE_ZERO, COUNT, NOT_NEGATIVE, check_bound
from trading.errors import UsageError
from trading.interfaces import Floats, Mix
from trading.portfolio.certificate import TOLERANCE, violations
from trading.portfolio.chain import Goal
from trading.portfolio.mandates import filled, linked_pairs, unknown_names
from trading.portfolio.problem import FREE, Beliefs, Limits, Objective, Question, RiskModel

_VECTORS = ("box", "ellipsoid", "linear_cost", "impact_cost")
_SIZES = ("group_cap", "pair_cap", "turnover", "gross", "beta_cap")  # of which a negative one is a slip
_GOAL = tuple(field.name for field in fields(Goal))
KNOWN = (
    "names", "mean", "covariance", "loadings", "specific", "lower", "upper", "previous", "groups", "links",
    "correlation", "linked_from", "liquidity", "beta", "net_low", "net_high", *_VECTORS, *_SIZES, *_GOAL,
)  # fmt: skip


def question_of(data: Mapping[str, Any]) -> tuple[Question, Goal]:
    """The problem in a mapping: `mean` and `covariance` (or `loadings` and `specific`) are enough.

    Limits are long only within 1 and fully invested where nothing else is said. `null` is a number that
    is not known; its name gets no weight, and a covariance of two names that is not known counts as 0.

    Raises
    ------
    UsageError
        If a field is unknown, missing, no number, out of its range, or not of as many names as there are.
    """
    unknown = sorted(set(data) - set(KNOWN))
    if unknown:
        raise UsageError(f"a problem has no {', '.join(unknown)}; it may have {', '.join(KNOWN)}")
    if not isinstance(data.get("mean"), list) or not data["mean"]:
        raise UsageError("a problem needs mean, a list of one number a name")
    count = len(data["mean"])
    names = _words(data, "names", [f"N{place}" for place in range(count)])
    if len(set(names)) < count:
        raise UsageError("names must differ from one another")
    groups = _words(data, "groups", names)
    labels = tuple(sorted(set(groups)))
    beliefs, limits = _beliefs(data, count), _limits(data, groups, labels)
    return Question(beliefs, limits, tuple(names), labels), _goal(data)


def answer_of(mix: Mix, question: Question) -> dict[str, Any]:
    """Weights by name and the certificate, ready for JSON.

    `violated` says by how much limits are missed that gave way; what caps leave over is `cash`, which misses none.
    """
    proof = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(mix).items()}
    proof["gap"] = None if np.isnan(mix.gap) else float(mix.gap)
    proof["violated"] = {
        kind: round(missed, 6)
        for kind, missed in violations(mix.weights, question.limits).items()
        if missed > TOLERANCE and (kind != "net" or mix.fallback)
    }
    proof["cash"] = round(1.0 - float(mix.weights.sum()), 6)
    proof["covariance_repaired"] = question.beliefs.risk.repaired
    weights = dict(zip(question.names, (float(weight) for weight in mix.weights), strict=True))
    return {"weights": weights, "certificate": {k: v for k, v in proof.items() if k != "weights"}}


def _words(data: Mapping[str, Any], name: str, default: list[str]) -> list[str]:
    found, count = data.get(name, default), len(data["mean"])
    if not isinstance(found, list) or len(found) != count:
        raise UsageError(f"{name} must be {count} words, one a name")
    return [str(word) for word in found]


def _beliefs(data: Mapping[str, Any], count: int) -> Beliefs:
    mean = _array(data, "mean", (count,))
    if "covariance" in data:
        covariance = _array(data, "covariance", (count, count))
        if not np.allclose(covariance, covariance.T, equal_nan=True):
            raise UsageError("covariance must be symmetric")
        unknown = unknown_names(covariance)
        mean, risk = np.where(unknown, np.nan, mean), RiskModel.of(filled(covariance, unknown))
    elif "loadings" in data and "specific" in data:
        risk = RiskModel(_array(data, "loadings", (-1, count)), _sizes(data, "specific", (count,)))
    else:
        raise UsageError("a problem needs covariance, or loadings and specific")
    return Beliefs(mean, risk, *(_sizes(data, name, (count,), 0.0) for name in _VECTORS))


def _limits(data: Mapping[str, Any], groups: list[str], labels: tuple[str, ...]) -> Limits:
    count = len(data["mean"])
    lower, upper = _array(data, "lower", (count,), 0.0), _array(data, "upper", (count,), 1.0)
    if (lower > 0).any() or (upper < 0).any():
        raise UsageError("no name can be forced into a mix: lower must be at most 0, and upper at least 0")
    return Limits(
        lower=lower,
        upper=upper,
        previous=_array(data, "previous", (count,), 0.0),
        members=np.array([[float(label == group) for group in groups] for label in labels]),
        links=_links(data, count),
        liquidity=_sizes(data, "liquidity", (count,), FREE),
        beta=_array(data, "beta", (count,), 0.0),
        **{name: float(_sizes(data, name, ())) for name in _SIZES if name in data},
        **{name: float(_array(data, name, ())) for name in ("net_low", "net_high") if name in data},
    )


def _links(data: Mapping[str, Any], count: int) -> NDArray[np.int64]:
    """(p, 2) of the pairs that are given, or of those whose correlation is above a threshold."""
    if "correlation" in data:
        return linked_pairs(
            _array(data, "correlation", (count, count)), float(_array(data, "linked_from", (), 0.7))
        )
    try:
        links = np.asarray(data.get("links", []), dtype=np.int64).reshape(-1, 2)
    except (TypeError, ValueError, OverflowError):
        raise UsageError("links must be pairs of places of names, such as [[0, 1]]") from None
    if ((links < 0) | (links >= count)).any() or (links[:, 0] == links[:, 1]).any():
        raise UsageError(f"links must be pairs of two places from 0 to {count - 1}")
    return np.sort(links, axis=1)


def _goal(data: Mapping[str, Any]) -> Goal:
    given = {name: data[name] for name in _GOAL if name in data}
    if given.get("objective", "maximum_sharpe") not in get_args(Objective):
        raise UsageError(f"objective is one of {', '.join(get_args(Objective))}, not {given['objective']!r}")
    for name, bound in (("risk_aversion", ABOVE_ZERO), ("volatility", ABOVE_ZERO), ("iterations", COUNT)):
        if name in given:
            given[name] = float(_array(data, name, ()))
            check_bound(name, given[name], bound)
    if "iterations" in given:
        given["iterations"] = int(given["iterations"])
    if "budgets" in given:
        given["budgets"] = _sizes(data, "budgets", (len(data["mean"]),))
    return Goal(**given)


def _sizes(data: Mapping[str, Any], name: str, shape: tuple[int, ...], default: float = np.nan) -> Floats:
    """`_array` of numbers of which none is negative."""
    found = _array(data, name, shape, default)
    check_bound(name, float(np.nanmin(found, initial=0.0)), NOT_NEGATIVE)
    return found


def _array(data: Mapping[str, Any], name: str, shape: tuple[int, ...], default: float = np.nan) -> Floats:
    """The numbers of a field, `null` as NaN, in a shape of which -1 is any length; one number fills it."""
    given = data.get(name, default)
    try:
        found = np.asarray(np.nan if given is None else given, dtype=float)
        return np.broadcast_to(found, shape).copy() if -1 not in shape else found.reshape(shape)
    except (TypeError, ValueError):
        wanted = " x ".join("any" if size < 0 else str(size) for size in shape)
        raise UsageError(
            f"{name} must be {wanted} numbers" if wanted else f"{name} must be a number"
        ) from None
