"""One optimisation problem as plain data, as a person writes it into a JSON file, and its answer likewise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

import numpy as np

from trading.errors import UsageError
from trading.interfaces import Floats, Mix
from trading.portfolio.chain import Goal
from trading.portfolio.mandates import linked_pairs
from trading.portfolio.problem import FREE, Beliefs, Limits, Objective, Question, RiskModel

_VECTORS = ("box", "ellipsoid", "linear_cost", "impact_cost")
_NUMBERS = ("group_cap", "pair_cap", "turnover", "gross", "net_low", "net_high", "beta_cap")
_GOAL = tuple(field.name for field in fields(Goal))
KNOWN = (
    "names", "mean", "covariance", "loadings", "specific", "lower", "upper", "previous", "groups", "links",
    "correlation", "linked_from", "liquidity", "beta", *_VECTORS, *_NUMBERS, *_GOAL,
)  # fmt: skip


def question_of(data: Mapping[str, Any]) -> tuple[Question, Goal]:
    """The problem in a mapping: `mean` and `covariance` (or `loadings` and `specific`) are enough.

    Limits are long only within 1 and fully invested where nothing else is said. `null` is a number that
    is not known; its name gets no weight.

    Raises
    ------
    UsageError
        If a field is unknown, missing, no number, or not of as many names as there are.
    """
    unknown = sorted(set(data) - set(KNOWN))
    if unknown:
        raise UsageError(f"a problem has no {', '.join(unknown)}; it may have {', '.join(KNOWN)}")
    if "mean" not in data:
        raise UsageError("a problem needs mean, one number a name")
    count = len(data["mean"])
    names = tuple(str(name) for name in data.get("names", [f"N{place}" for place in range(count)]))
    groups = [str(name) for name in data.get("groups", names)]
    labels = tuple(sorted(set(groups)))
    beliefs, limits = _beliefs(data, count), _limits(data, groups, labels)
    return Question(beliefs, limits, names, labels), _goal(data)


def answer_of(mix: Mix, question: Question) -> dict[str, Any]:
    """Weights by name and the certificate, ready for JSON."""
    proof = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(mix).items()}
    proof["gap"] = None if np.isnan(mix.gap) else float(mix.gap)
    weights = dict(zip(question.names, (float(weight) for weight in mix.weights), strict=True))
    return {"weights": weights, "certificate": {k: v for k, v in proof.items() if k != "weights"}}


def _beliefs(data: Mapping[str, Any], count: int) -> Beliefs:
    if "covariance" in data:
        risk = RiskModel.of(np.nan_to_num(_array(data, "covariance", (count, count))))
    elif "loadings" in data and "specific" in data:
        risk = RiskModel(_array(data, "loadings", (-1, count)), _array(data, "specific", (count,)))
    else:
        raise UsageError("a problem needs covariance, or loadings and specific")
    doubts = (_array(data, name, (count,), 0.0) for name in _VECTORS)
    return Beliefs(_array(data, "mean", (count,)), risk, *doubts)


def _limits(data: Mapping[str, Any], groups: list[str], labels: tuple[str, ...]) -> Limits:
    count = len(data["mean"])
    if "correlation" in data:
        links = linked_pairs(_array(data, "correlation", (count, count)), float(data.get("linked_from", 0.7)))
    else:
        links = np.asarray(data.get("links", []), dtype=np.int64).reshape(-1, 2)
    return Limits(
        lower=_array(data, "lower", (count,), 0.0),
        upper=_array(data, "upper", (count,), 1.0),
        previous=_array(data, "previous", (count,), 0.0),
        members=np.array([[float(label == group) for group in groups] for label in labels]),
        links=links,
        liquidity=_array(data, "liquidity", (count,), FREE),
        beta=_array(data, "beta", (count,), 0.0),
        **{name: float(_array(data, name, ())) for name in _NUMBERS if name in data},
    )


def _goal(data: Mapping[str, Any]) -> Goal:
    given = {name: data[name] for name in _GOAL if name in data}
    if given.get("objective", "maximum_sharpe") not in get_args(Objective):
        raise UsageError(f"objective is one of {', '.join(get_args(Objective))}, not {given['objective']!r}")
    if "budgets" in given:
        given["budgets"] = _array(data, "budgets", (len(data["mean"]),))
    return Goal(**given)


def _array(data: Mapping[str, Any], name: str, shape: tuple[int, ...], default: float = np.nan) -> Floats:
    """The numbers of a field, `null` as NaN, in a shape of which -1 is any length; one number fills it."""
    given = data.get(name, default)
    try:
        found = np.asarray(np.nan if given is None else given, dtype=float)
        return np.broadcast_to(found, shape).copy() if -1 not in shape else found.reshape(shape)
    except (TypeError, ValueError):
        wanted = " x ".join(map(str, shape)) or "one"
        raise UsageError(f"{name} must be {wanted} numbers") from None
