"""The alarm for correlations that break: they have moved further than thirty sessions of chance explain.

One number a session, the mean over all pairs of Fisher's z, is compared with its own past: a CUSUM of its
distance, in units of its deviation, over a slow mean (Page 1954; Montgomery, "Introduction to
Statistical Quality Control", section 9.1). The sum rises on moves of either sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.bounds import ABOVE_ZERO, COUNT, check_bounds
from trading.features.correlation import fisher, pairwise_correlation
from trading.interfaces import Bools, Floats


@dataclass(frozen=True)
class BreakdownAlarm:
    """A two-sided CUSUM of how much each session moves names together.

    Attributes
    ----------
    window_sessions : of the past that is usual
    allowance : deviations by which a session may be off before it counts
    threshold : deviations of the sum at which the alarm rings, and starts anew
    """

    window_sessions: int = 126
    allowance: float = 0.25
    threshold: float = 8.0

    def __post_init__(self) -> None:
        check_bounds(self, window_sessions=COUNT, allowance=(0.0, np.inf), threshold=ABOVE_ZERO)

    def alarms(self, log_returns: Floats) -> Bools:
        """(w,) sessions at which the alarm rings, for log returns (w, s); each uses only its own past."""
        moves = common_part(log_returns)
        up = down = 0.0
        rung = np.zeros(len(moves), dtype=bool)
        for session in range(self.window_sessions, len(moves)):
            usual = moves[session - self.window_sessions : session]
            usual = usual[np.isfinite(usual)]
            if len(usual) < self.window_sessions // 2 or not np.isfinite(moves[session]):
                continue
            off = (moves[session] - usual.mean()) / max(float(usual.std()), 1e-12)
            up, down = max(0.0, up + off - self.allowance), max(0.0, down - off - self.allowance)
            if max(up, down) > self.threshold:
                rung[session], up, down = True, 0.0, 0.0
        return rung


def common_part(log_returns: Floats, memory: int = 21) -> Floats:
    """(w,) how much of each session's movement the names share, in [-1, 1]; NaN before `memory` sessions.

    Returns are divided by their deviation over the sessions before, so that a storm alone is no news:
    (square of the sum - sum of the squares) / ((s - 1) sum of the squares), the correlation of one session.
    """
    out = np.full(len(log_returns), np.nan)
    for session in range(memory, len(log_returns)):
        past = log_returns[session - memory : session]
        known = np.isfinite(past)
        energy = np.square(np.where(known, past, 0.0)).sum(axis=0)
        with np.errstate(invalid="ignore", divide="ignore"):
            unit = log_returns[session] / np.sqrt(energy / known.sum(axis=0))
        unit = unit[np.isfinite(unit)]
        squares = float(np.square(unit).sum())
        if len(unit) > 1 and squares > 0:
            out[session] = (float(unit.sum()) ** 2 - squares) / ((len(unit) - 1) * squares)
    return out


def stability(log_returns: Floats, window: int = 30, step: int = 5) -> Floats:
    """(n,) root mean square change of Fisher's z over all pairs between windows `step` sessions apart."""
    ends = range(window, len(log_returns) + 1, step)
    views = np.stack([log_returns[end - window : end] for end in ends])
    z = fisher(pairwise_correlation(views, window * 2 // 3))
    above = np.triu(np.ones(z.shape[-2:], dtype=bool), k=1)
    change = np.diff(z[:, above], axis=0)
    return np.sqrt(np.nanmean(np.square(change), axis=1))
