"""The picture of coverage over rolling windows."""

import numpy as np
import pandas as pd
import pytest

from assets.plots import COVERAGE_WINDOWS, coverage
from trading import calendar

FIRST = calendar.session_of("2023-01-03")
SESSIONS = calendar.sessions_between(FIRST, calendar.shift(FIRST, 199))


def test_each_window_shows_the_share_of_its_own_sessions_that_held() -> None:
    held = np.arange(len(SESSIONS)) >= 137  # the last 63 of 200, and none before
    rows = pd.DataFrame({"session": SESSIONS, "horizon": 1, "covered": held.astype(float)})

    panels = coverage(rows).axes

    ends = [np.asarray(panel.get_lines()[0].get_ydata(), float)[-1] for panel in panels]
    assert ends == pytest.approx([63 / window for window in COVERAGE_WINDOWS])
    assert [
        str(window) in panel.get_title() for window, panel in zip(COVERAGE_WINDOWS, panels, strict=True)
    ] == [True] * 2
