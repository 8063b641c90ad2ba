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

    @property
    def needs_sessions(self) -> int:
        """Returns up to a session from which `told` can tell: those of a usual past, and a month of the sum."""
        return self.window_sessions + 2 * _MONTH

    def told(self, log_returns: Floats) -> str:
        """What the alarm says after the last of `needs_sessions` log returns (w, s); empty while it is silent.

        The sum starts at nothing a month before, so that what it says depends on a fixed window alone.
        """
        if not self.alarms(log_returns, len(log_returns) - _MONTH)[-1]:
            return ""
        moves = common_part(log_returns)
        now, usual = np.nanmean(moves[-5:]), np.nanmean(moves[-self.window_sessions : -5])
        return f"correlations broke: names share {now:.0%} of their movement in a week, {usual:.0%} before"

    def alarms(self, log_returns: Floats, first: int = 0) -> Bools:
        """(w,) sessions at which the alarm rings, for log returns (w, s); each uses only its own past.

        The sum begins at the place `first`, or where there is a usual past.
        """
        moves = common_part(log_returns)
        up = down = 0.0
        rung = np.zeros(len(moves), dtype=bool)
        for session in range(max(self.window_sessions, first), len(moves)):
            usual = moves[session - self.window_sessions : session]
            usual = usual[np.isfinite(usual)]
            if len(usual) < self.window_sessions // 2 or not np.isfinite(moves[session]):
                continue
            off = (moves[session] - usual.mean()) / max(float(usual.std()), 1e-12)
            up, down = max(0.0, up + off - self.allowance), max(0.0, down - off - self.allowance)
            if max(up, down) > self.threshold:
                rung[session], up, down = True, 0.0, 0.0
        return rung


_MONTH = 21


def common_part(log_returns: Floats, memory: int = _MONTH) -> Floats:
    """(w,) how much of each session's movement the names share, in [-1, 1]; NaN before `memory` sessions.

    Returns are divided by their deviation over the sessions before, so that a storm alone is no news:
    (square of the sum - sum of the squares) / ((s - 1) sum of the squares), the correlation of one session.
    """
    out = np.full(len(log_returns), np.nan)
    if len(log_returns) <= memory:
        return out
    known = np.isfinite(log_returns)
    energy, count = (
        np.lib.stride_tricks.sliding_window_view(values[:-1], memory, axis=0).sum(axis=-1)
        for values in (np.square(np.where(known, log_returns, 0.0)), known)
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = log_returns[memory:] / np.sqrt(energy / count)
        there = np.isfinite(unit)
        unit = np.where(there, unit, 0.0)
        squares, names = np.square(unit).sum(axis=1), there.sum(axis=1)
        shared = (np.square(unit.sum(axis=1)) - squares) / ((names - 1) * squares)
    out[memory:] = np.where((names > 1) & (squares > 0), shared, np.nan)
    return out


def stability(log_returns: Floats, window: int = 30, step: int = 5) -> Floats:
    """(n,) root mean square change of Fisher's z over all pairs between windows `step` sessions apart."""
    ends = range(window, len(log_returns) + 1, step)
    views = np.stack([log_returns[end - window : end] for end in ends])
    z = fisher(pairwise_correlation(views, window * 2 // 3))
    above = np.triu(np.ones(z.shape[-2:], dtype=bool), k=1)
    change = np.diff(z[:, above], axis=0)
    return np.sqrt(np.nanmean(np.square(change), axis=1))
