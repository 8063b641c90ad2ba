"""One opinion from forecasts over several timeframes: the higher one has priority, the rest is weighed.

The roadmap's `TimeframeCoordinator` (2.1.4) gives intraday 0.3, swing 0.5 and position 0.2, and lets the higher
timeframe win a conflict: weekly over daily over intraday.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from trading.bounds import NOT_NEGATIVE, SHARE, check_bound, check_bounds
from trading.errors import UsageError
from trading.interfaces import Bools, Floats
from trading.signals.distribution import mean_of, probability_positive

PRIORITY: tuple[str, ...] = ("1W", "1D", "5min")
# The bar count of a timeframe's horizon whose span comes nearest to a week of trading, and that span in sessions.
SPANS: Mapping[str, tuple[int, float]] = {"1W": (1, 5.0), "5min": (20, 20 / 78)}


@dataclass(frozen=True)
class CoordinationRules:
    """Hyper-parameters of the aggregation over timeframes.

    Parameters
    ----------
    resolution : `priority` drops a decided view that a decided higher timeframe contradicts; `weights` only weighs
    weights : of each timeframe's view, among those that speak
    decided_margin : a probability this far from 1/2 is a decided one
    left_out : timeframes that have no say, as if the home did not have them; where 1D is one of them, the others
        alone turn a direction, and no alpha is left
    """

    resolution: Literal["priority", "weights"] = "priority"
    weights: Mapping[str, float] = field(default_factory=lambda: {"1W": 0.2, "1D": 0.5, "5min": 0.3})
    decided_margin: float = 0.02
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_bounds(self, decided_margin=SHARE)
        unknown = sorted(set(self.left_out) - set(PRIORITY))
        if unknown:
            raise UsageError(f"no timeframe {unknown[0]!r} can be left out; there are {', '.join(PRIORITY)}")
        for timeframe, weight in self.weights.items():
            check_bound(f"weight of {timeframe}", weight, NOT_NEGATIVE)


@dataclass(frozen=True)
class View:
    """What one timeframe forecasts.

    Attributes
    ----------
    probability, mean : (s,) of a positive return, and of the log return over `sessions`; NaN where nothing was forecast
    sessions : that the forecast spans
    skill : measured slope of what came on what was said, 0 where none was measured
    """

    timeframe: str
    probability: Floats
    mean: Floats
    sessions: float
    skill: float = 0.0

    @classmethod
    def of(cls, timeframe: str, quantiles: Floats, sessions: float, skill: float = 0.0) -> View:
        """The view that quantiles (..., q) stand for."""
        known = np.isfinite(quantiles).all(axis=-1)
        probability, mean = probability_positive(quantiles), mean_of(quantiles)
        return cls(
            timeframe, np.where(known, probability, np.nan), np.where(known, mean, np.nan), sessions, skill
        )


@dataclass(frozen=True)
class Opinion:
    """The views as one, arrays (s,), NaN where none spoke.

    Attributes
    ----------
    probability : of a positive return; expected_return, alpha : log returns over the strategy's horizon
    counted : (v, s) whether each view had a say, in the order of `PRIORITY`
    timeframes : of those views
    """

    probability: Floats
    expected_return: Floats
    alpha: Floats
    counted: Bools
    timeframes: tuple[str, ...]

    def spoken(self) -> np.ndarray:
        """(s,) the timeframes that had a say, as text."""
        names = [" ".join(np.array(self.timeframes)[mine]) for mine in self.counted.T]
        return np.array(names, dtype=object)


def coordinated(views: Sequence[View], horizon: int, rules: CoordinationRules) -> Opinion:
    """One opinion over `horizon` sessions.

    Probability and expected return are weighed over all that have a say. Alpha is weighed over those whose
    skill was measured: an unproven timeframe may turn an opinion, and never makes a bet larger. Where all that
    speak are left out, the opinion is 1/2 and nothing.
    """
    heard = [view for view in views if view.timeframe not in rules.left_out]
    if len(heard) == len(views):
        return _weighed(views, horizon, rules)
    made = _weighed(heard or [_silenced(views[0])], horizon, rules)
    undecided = np.nan_to_num(made.probability, nan=0.5)
    return replace(made, probability=undecided, expected_return=np.nan_to_num(made.expected_return))


def _silenced(view: View) -> View:
    unknown = np.full(len(view.probability), np.nan)
    return View(view.timeframe, unknown, unknown, view.sessions)


def _weighed(views: Sequence[View], horizon: int, rules: CoordinationRules) -> Opinion:
    ordered = sorted(views, key=lambda view: PRIORITY.index(view.timeframe))
    probability = np.stack([view.probability for view in ordered])
    means = np.stack([view.mean * (horizon / view.sessions) for view in ordered])
    counted = np.isfinite(probability)
    if rules.resolution == "priority":
        counted &= ~contradicted(probability, rules.decided_margin)
    weights = np.array([rules.weights.get(view.timeframe, 0.0) for view in ordered])[:, None] * counted
    skill = np.array([view.skill for view in ordered])[:, None]
    return Opinion(
        probability=_weighted(probability, weights),
        expected_return=_weighted(means, weights),
        alpha=np.nan_to_num(_weighted(skill * means, weights * (skill > 0))) + 0.0,
        counted=weights > 0,
        timeframes=tuple(view.timeframe for view in ordered),
    )


def contradicted(probability: Floats, margin: float) -> Bools:
    """(v, s) whether a decided view above says the opposite of this one, the highest being first."""
    decided = np.where(
        np.abs(np.nan_to_num(probability, nan=0.5) - 0.5) > margin, np.sign(probability - 0.5), 0.0
    )
    leader, out = np.zeros(probability.shape[1]), np.zeros(probability.shape, dtype=bool)
    for place, says in enumerate(decided):
        out[place] = leader * says < 0
        leader = np.where(leader == 0, says, leader)
    return out


def _weighted(values: Floats, weights: Floats) -> Floats:
    """(s,) weighted mean over the views (v, s), NaN where none counts; a single one as it is."""
    if len(values) == 1:
        return np.where(weights[0] > 0, values[0], np.nan)
    total = weights.sum(axis=0)
    summed = np.where(weights > 0, weights * np.nan_to_num(values), 0.0).sum(axis=0)
    return np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan)
