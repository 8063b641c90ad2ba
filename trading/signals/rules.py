"""What the strategy makes of a forecast: direction, confidence, alpha, and the roadmap's gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from trading.bounds import ABOVE_ZERO, COUNT, SHARE, check_bound, check_bounds
from trading.frames import TIMEFRAMES
from trading.interfaces import Bools, Floats
from trading.signals.calibration import CalibrationRules
from trading.signals.coordination import CoordinationRules


@dataclass(frozen=True)
class SignalRules:
    """Hyper-parameters of the signals.

    Parameters
    ----------
    strategy : name under which the signals are booked
    horizon : sessions ahead to which the strategy listens
    confidence_threshold : probability of the direction that the roadmap's gate asks for
    interval_width_limits : width that the roadmap's gate asks for, at any horizon, by timeframe; for the continuous
        confidence it is the width one bar ahead, and grows with the root of the horizon
    selection : `tilt` lets the regime's selection replace equal weight as what is held without a forecast
    calibration : how probabilities are put right by what came of earlier ones
    coordination : how forecasts of several timeframes become one, where a home has them
    """

    strategy: str = "swing"
    horizon: int = 5
    confidence_threshold: float = 0.75
    interval_width_limits: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(TIMEFRAMES, 0.03)
    )
    selection: Literal["off", "tilt"] = "off"
    calibration: CalibrationRules = field(default_factory=CalibrationRules)
    coordination: CoordinationRules = field(default_factory=CoordinationRules)

    def __post_init__(self) -> None:
        check_bounds(self, horizon=COUNT, confidence_threshold=SHARE)
        for timeframe, limit in self.interval_width_limits.items():
            check_bound(f"width limit of {timeframe}", limit, ABOVE_ZERO)

    @property
    def interval_width_limit(self) -> float:
        """The width limit of daily bars, on which the book is traded."""
        return self.interval_width_limits["1D"]

    def direction(self, probability: Floats) -> NDArray[np.int64]:
        """1 up, -1 down, 0 undecided, from the probability of a positive return."""
        return np.sign(probability - 0.5).astype(np.int64)

    def confidence(self, probability: Floats, width: Floats) -> Floats:
        """Probability of the direction, scaled down as the interval gets wider than usual for its horizon.

        Continuous, in (0, 1]; 0 where the width is unknown because the interval still warms up.
        """
        usual = self.interval_width_limit * np.sqrt(self.horizon)
        known = np.where(np.isnan(width), np.inf, np.maximum(width, usual))
        return np.maximum(probability, 1 - probability) * usual / known

    def passes(self, probability: Floats, width: Floats, timeframe: str = "1D") -> Bools:
        """Whether both gates of the roadmap let the symbol through; never with an unknown width."""
        sure = np.maximum(probability, 1 - probability) >= self.confidence_threshold
        return sure & (np.nan_to_num(width, nan=np.inf) < self.interval_width_limits[timeframe])
