"""A regime model walked forward over the state of a market, without a home: what the stage would have said.

Letters: w sessions of features, n sessions that were told, k regimes, c features.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading.frames import REGIMES
from trading.interfaces import Bools, Floats, RegimeModel
from trading.stages.regimes import RegimeRules


@dataclass(frozen=True)
class RegimeWalk:
    """What was said at each session, from nothing later.

    Attributes
    ----------
    sessions : (n,); beliefs : (n, k) filtered; labels : (n,) places in `frames.REGIMES`; dwell : (n,)
    multipliers : (n,) share of the volatility target that the rules allow
    """

    sessions: pd.DatetimeIndex
    beliefs: Floats
    labels: NDArray[np.int64]
    dwell: NDArray[np.int64]
    multipliers: Floats

    @property
    def changed(self) -> Bools:
        """(n,) whether the regime is another than the session before; not at the first."""
        return np.append(False, self.labels[1:] != self.labels[:-1])

    @property
    def names(self) -> NDArray[np.object_]:
        """(n,) regimes by name."""
        return np.array(REGIMES, dtype=object)[self.labels]


def walk_regimes(
    model: RegimeModel, rules: RegimeRules, state: Floats, sessions: pd.DatetimeIndex
) -> RegimeWalk:
    """Fit on the first window of (w, c) features, then go on session by session as the stage does."""
    beliefs = beliefs_of(model, rules, state, sessions)
    return named_walk(rules, beliefs, sessions[rules.window_sessions - 1 :])


def beliefs_of(model: RegimeModel, rules: RegimeRules, state: Floats, sessions: pd.DatetimeIndex) -> Floats:
    """(n, k) filtered probabilities from the end of the first window on."""
    first = rules.window_sessions - 1
    beliefs = np.empty((len(state) - first, len(REGIMES)))
    for place, end in enumerate(range(first, len(state))):
        if not place or rules.is_refit(sessions[end]):
            window = state[end - first : end + 1]
            model = model.fit(window, model.fit_ if place else None)
            beliefs[place] = model.filter(window[-rules.filter_sessions :])[-1]
        else:
            beliefs[place] = model.update(beliefs[place - 1], state[end])
    return beliefs


def walk_fitted(
    fitted: RegimeModel, rules: RegimeRules, state: Floats, sessions: pd.DatetimeIndex
) -> RegimeWalk:
    """From the end of the first window on with one fit of it in force: a refit would learn what is to be found."""
    size = rules.window_sessions
    beliefs = [fitted.filter(state[size - rules.filter_sessions : size])[-1]]
    for row in state[size:]:
        beliefs.append(fitted.update(beliefs[-1], row))
    return named_walk(rules, np.stack(beliefs), sessions[size - 1 :])


def named_walk(rules: RegimeRules, beliefs: Floats, sessions: pd.DatetimeIndex) -> RegimeWalk:
    """Names and multipliers that the rules give to (n, k) beliefs."""
    named: tuple[str, int] | None = None
    multiplier: float | None = None
    labels, dwell = np.empty((2, len(beliefs)), dtype=np.int64)
    multipliers = np.empty(len(beliefs))
    for t, belief in enumerate(beliefs):
        named = rules.named(belief, named)
        labels[t], dwell[t] = REGIMES.index(named[0]), named[1]
        multipliers[t] = multiplier = rules.smoothed(belief, multiplier)
    return RegimeWalk(sessions, beliefs, labels, dwell, multipliers)
