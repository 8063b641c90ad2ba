"""The roadmap's gate on the width of an interval, a limit a timeframe."""

import numpy as np
import pytest

from trading.errors import UsageError
from trading.frames import TIMEFRAMES
from trading.signals.rules import SignalRules


def test_every_timeframe_has_the_roadmap_s_three_percent() -> None:
    assert SignalRules().interval_width_limits == dict.fromkeys(TIMEFRAMES, 0.03)


def test_the_gate_looks_at_the_limit_of_its_timeframe() -> None:
    rules = SignalRules(interval_width_limits={"5min": 0.005, "1D": 0.03, "1W": 0.08})
    sure, width = np.array([0.9]), np.array([0.04])

    through = {timeframe: bool(rules.passes(sure, width, timeframe)[0]) for timeframe in TIMEFRAMES}

    assert through == {"5min": False, "1D": False, "1W": True}


def test_a_limit_that_no_interval_can_meet_is_refused() -> None:
    with pytest.raises(UsageError, match="width limit of 1W must be above 0"):
        SignalRules(interval_width_limits={"1D": 0.03, "1W": 0.0})
