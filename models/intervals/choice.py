"""Which calibrator makes the intervals of a home, by name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from models.intervals.adaptive import AdaptiveConformal
from models.intervals.aggregated import AggregatedConformal
from models.intervals.enbpi import EnbpiConformal
from models.intervals.fitted import FittedConformal
from models.intervals.pid import PidConformal
from models.intervals.sequential import SequentialConformal
from trading.errors import UsageError

Method = Literal[
    "adaptive", "aggregated", "pid", "enbpi", "split", "naive", "cv", "cv_plus", "jackknife_plus"
]


@dataclass(frozen=True)
class IntervalChoice(SequentialConformal):
    """The calibrator that is meant by `method`, with what all of them share.

    Parameters
    ----------
    method : `adaptive` walks one level (adaptive conformal inference), `aggregated` several, `pid` steers the
        margin, `enbpi` takes the shortest interval, `split` is a sliding window at a fixed level; `naive`, `cv`,
        `cv_plus` and `jackknife_plus` fit where outcomes lie in their raw interval
    gamma, memory_sessions : step of the level of `adaptive`, and over how many sessions it returns to the target
    n_splits : folds of `cv` and `cv_plus`
    """

    method: Method = "adaptive"
    gamma: float = AdaptiveConformal.gamma
    memory_sessions: float = AdaptiveConformal.memory_sessions
    n_splits: int = FittedConformal.n_splits

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chosen  # noqa: B018 - what cannot be made is refused where it is set

    @property
    def chosen(self) -> SequentialConformal:
        """The calibrator of that name.

        Raises
        ------
        UsageError
            If it cannot do what is asked of it.
        """
        shared = {
            f.name: getattr(self, f.name) for f in fields(SequentialConformal) if not f.name.endswith("_")
        }
        match self.method:
            case "adaptive":
                return AdaptiveConformal(**shared, gamma=self.gamma, memory_sessions=self.memory_sessions)
            case "split":
                return AdaptiveConformal(**shared, gamma=0.0)
            case "aggregated":
                return AggregatedConformal(**shared)
            case "pid":
                return PidConformal(**shared)
            case "enbpi":
                return EnbpiConformal(**shared | {"asymmetric": True})
        if self.method not in FittedConformal.METHODS:
            raise UsageError(f"there is no way {self.method!r} to calibrate intervals")
        return FittedConformal(**shared, method=self.method, n_splits=self.n_splits)
