"""Market regimes by the statistical jump model: clusters in time, with a price on each change of state.

Minimised over means and states: sum_t |x_t - mean_{s_t}|^2 / 2 + penalty * (number of changes) (Bemporad et al.,
"Fitting jump models", Automatica 2018; Shu, Yu and Mulvey, "Downside risk reduction using regime-switching
signals: a statistical jump model approach", Journal of Asset Management 2024).
Letters: w sessions, k states, c features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.regimes.estimator import RegimeEstimator
from models.regimes.filtering import Onward, over_best_path
from trading import digest
from trading.bounds import NOT_NEGATIVE, check_bounds
from trading.frames import REGIMES
from trading.interfaces import Floats, RegimeFit

_STATES = len(REGIMES)


@dataclass(frozen=True)
class JumpRegimes(RegimeEstimator):
    """A jump model, said as the hidden Markov model that has the same best paths.

    Unit covariances and transitions in proportion to exp(-penalty) for a change give each path the
    log-probability of minus its cost, up to a constant. So the likeliest state of `filter` is the one in
    which the cheapest path up to the session ends: the online inference of Nystrup, Kolm and Lindström
    ("Greedy online classification of persistent market states", Journal of Financial Data Science 2020).
    Its probabilities are exp(-cost) of the cheapest path into each state, scaled to sum to 1.

    Parameters
    ----------
    penalty : of one change of state, in squared standard deviations of the features
    memory_sessions : as in every model, but shorter: from 14 on names begin to depend on where a home began, below
        10 a regime that the window lacks is lost (docs/decisions/0046)
    """

    penalty: float = 5.0
    memory_sessions: float = 12.0

    def __post_init__(self) -> None:
        check_bounds(self, penalty=NOT_NEGATIVE)

    @property
    def onward(self) -> Onward:
        """Costs are of the cheapest path, not of all of them."""
        return over_best_path

    def _drawn(self, values: Floats, start: int) -> Floats:
        """Sessions far from one another (k-means++, Arthur and Vassilvitskii 2007)."""
        random = digest.generator(f"jump_regimes/start/{start}", seed=self.seed)
        chosen = [int(random.integers(len(values)))]
        for _ in range(_STATES - 1):
            nearest = _losses(values, values[chosen]).min(axis=1)
            total = nearest.sum()
            chances = nearest / total if total > 0 else None
            chosen.append(int(random.choice(len(values), p=chances)))
        return values[chosen]

    def _climb(
        self, values: Floats, start: RegimeFit, remembered: Floats | None = None
    ) -> tuple[RegimeFit, float]:
        """Coordinate descent: the cheapest path for the means, the means for the path, until nothing moves.

        A state that no session is in keeps its mean.
        """
        memory = 0.0 if remembered is None else self.memory_sessions
        mean, path, cost = start.mean, np.full(len(values), -1), np.inf
        for _ in range(self.iterations):
            new, cost = cheapest_path(_losses(values, mean), self.penalty)
            if np.array_equal(new, path):
                break
            path = new
            mean = _means(values, path, mean if remembered is None else remembered, memory)
        return self._start(mean, start.center, start.scale), -cost

    def _start(self, mean: Floats, center: Floats, scale: Floats) -> RegimeFit:
        """The model with these means."""
        stay = np.exp(-self.penalty * (1 - np.eye(_STATES)))
        unit = np.tile(np.eye(mean.shape[1]), (_STATES, 1, 1))
        uniform = np.full(_STATES, 1 / _STATES)
        return RegimeFit(uniform, stay / stay.sum(axis=1, keepdims=True), mean, unit, center, scale)


def cheapest_path(losses: Floats, penalty: float) -> tuple[NDArray[np.intp], float]:
    """(w,) states that minimise the sum of `losses` (w, k) and of a `penalty` for each change; and that sum."""
    cost = losses[0]
    came_from = np.zeros(losses.shape, dtype=np.intp)
    here = np.arange(losses.shape[1])
    for t in range(1, len(losses)):
        cheapest = int(cost.argmin())
        jumps = cost > cost[cheapest] + penalty
        came_from[t] = np.where(jumps, cheapest, here)
        cost = losses[t] + np.where(jumps, cost[cheapest] + penalty, cost)
    path = np.empty(len(losses), dtype=np.intp)
    path[-1] = cost.argmin()
    for t in range(len(losses) - 1, 0, -1):
        path[t - 1] = came_from[t, path[t]]
    return path, float(cost.min())


def _means(values: Floats, path: NDArray[np.intp], before: Floats, memory: float) -> Floats:
    """(k, c) mean of the sessions of each state and of `memory` sessions at `before`; that one if there is none."""
    here = path[:, np.newaxis] == np.arange(len(before))  # (w, k)
    count = here.sum(axis=0)[:, np.newaxis]
    weight = np.where(count > 0, memory, 1.0)
    return (here.T.astype(float) @ values + weight * before) / (count + weight)


def _losses(values: Floats, mean: Floats) -> Floats:
    """(w, k) half the squared distance of each session from each mean."""
    return 0.5 * ((values[:, np.newaxis] - mean[np.newaxis]) ** 2).sum(axis=2)
