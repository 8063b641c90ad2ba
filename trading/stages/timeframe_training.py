"""What a version learns from that speaks of weeks or of five minutes: windows of a fixed number of such bars.

A quarter whose window holds too little gets no version of its own, and the daily one is carried over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from trading import calendar
from trading.errors import ShortHistoryError
from trading.features.intraday import grid_of
from trading.history import History
from trading.interfaces import TrainingTrigger, Window
from trading.stages.challengers import challengers
from trading.stages.layout import DAILY, WEEKLY
from trading.stages.training import (
    CHAMPION_AGE_SESSIONS,
    MINIMUM_TRAINING_RETURNS,
    Due,
    Trainable,
    View,
    due_versions,
)
from trading.stages.windows import WEEK_SESSIONS, BarCells, end_of, week_labels

BARS_OF_A_SESSION = 78
# Sessions that end early hold 42 bars instead; of two months no more than two do.
SPARE_SESSIONS = 3
_HALF = 2


def dues_of(
    spec: Trainable,
    timeframes: Sequence[str],
    first: pd.Timestamp,
    last: pd.Timestamp,
    triggers: Sequence[TrainingTrigger] = (),
) -> Iterator[Due]:
    """Versions that the sessions `first` to `last` need: the daily ones, then those of each other timeframe.

    Of each those of the calendar come first, then the challengers beside it.
    """
    beside = challengers(spec.cadence, triggers, first, last)
    for timeframe in (DAILY, *(one for one in timeframes if one in spec.training_bars)):
        for due in (*due_versions(spec.cadence, first, last), *beside):
            yield replace(due, timeframe=timeframe)


def training_span(spec: Trainable, timeframe: str) -> int:
    """Sessions up to the one trained through that hold the training window."""
    if timeframe == DAILY:
        return spec.training_sessions
    bars = spec.training_bars[timeframe]
    if timeframe == WEEKLY:
        return (bars + 1) * WEEK_SESSIONS  # the last whole week may have ended four sessions before
    return math.ceil(bars / BARS_OF_A_SESSION) + SPARE_SESSIONS


def weekly_look_back(spec: Trainable) -> int:
    """Sessions before t that a weekly forecast at t rests on, because its champion learned from them; 0 for none."""
    if WEEKLY not in spec.training_bars:
        return 0
    return CHAMPION_AGE_SESSIONS[spec.cadence] + training_span(spec, WEEKLY) - 1


def timeframe_window(features: History, spec: Trainable, through: pd.Timestamp, timeframe: str) -> Window:
    """The fixed window of bars of `timeframe` on which the version trained through `through` learns.

    A symbol takes part if it has a return in half of the bars.

    Raises
    ------
    ShortHistoryError
        If none has.
    """
    first = calendar.shift(through, 1 - training_span(spec, timeframe))
    rows = features.window(first, through, calendar.as_of(through))
    bars = spec.training_bars[timeframe]
    if timeframe == WEEKLY:
        labels, axis, as_of = week_labels(through, bars), "session", calendar.as_of(through)
    else:
        grid = grid_of(calendar.sessions_between(first, through))
        labels, axis = pd.DatetimeIndex(grid.starts), "ts"
        as_of = end_of(grid, len(grid.starts) - 1)
    view = View(spec.channels, spec.context)
    window = BarCells.of(rows, axis, labels, view).window(len(labels), bars, as_of, view, timeframe)
    known = np.isfinite(window.channel("log_return")).sum(axis=0)
    mask = known >= max(MINIMUM_TRAINING_RETURNS, bars // _HALF)
    if not mask.any():
        raise ShortHistoryError(
            f"{spec.name} cannot learn from {timeframe} bars through {through:%Y-%m-%d}: no symbol has a return in half "
            f"of {bars} of them; its daily version is carried over"
        )
    return replace(window, mask=mask)
