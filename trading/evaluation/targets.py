"""The roadmap's targets: met, not met or undecided, and never a condition of anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from trading.evaluation.uncertainty import Estimate

Verdict = Literal["met", "not met", "undecided"]
SESSIONS_PER_MONTH = 21
VALIDATION_SESSIONS = 63  # the roadmap validates over 90 days


@dataclass(frozen=True)
class RoadmapTargets:
    """What the roadmap hopes for."""

    monthly_return: float = 0.05
    sharpe_ratio: float = 2.0
    maximum_drawdown: float = 0.15


def above(target: float, estimate: Estimate) -> Verdict:
    """Whether a figure is above `target`: decided only if its whole interval is on one side."""
    if estimate.low >= target:
        return "met"
    return "not met" if estimate.high < target else "undecided"


def kept_below(limit: float, observed: float, sessions: int) -> Verdict:
    """Whether a limit was kept over a validation's length; once broken it is not met."""
    if observed >= limit:
        return "not met"
    return "met" if sessions >= VALIDATION_SESSIONS else "undecided"
