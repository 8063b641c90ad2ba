"""Which past forecasts were issued in the regime of now: for calibrators that weigh their scores by it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from trading import calendar
from trading.frames import HORIZONS
from trading.history import Rows
from trading.interfaces import Floats, IntervalCalibrator
from trading.stages.layout import DAILY
from trading.stages.maturity import LONGEST
from trading.stages.stage import Read


def regime_reads(calibrator: IntervalCalibrator, window_sessions: int) -> tuple[Read, ...]:
    """What a stage reads of `regimes` for the scores of a window: nothing for a calibrator that does not ask."""
    if not calibrator.by_regime:
        return ()
    return (Read("regimes", lookback=window_sessions - 1 + LONGEST, timeframe=DAILY),)


def alike(regimes: Rows, matured: pd.DatetimeIndex) -> Floats:
    """(n, h) 1.0 where what matured at a session was issued in the regime of the last one, 0.0 in another.

    NaN where the regime of the session of issue, or of the last session, is unknown.
    """
    known = dict(zip(regimes["session"].astype("datetime64[us]").tolist(), regimes["regime"], strict=True))
    now = known.get(matured[-1].to_pydatetime())
    out = np.full((len(matured), len(HORIZONS)), np.nan)
    if now is None:
        return out
    first = calendar.shift(matured[0], -LONGEST)
    every = calendar.sessions_between(first, matured[-1]).to_pydatetime()
    same = np.array([np.nan if day not in known else float(known[day] == now) for day in every])
    for place, horizon in enumerate(HORIZONS):
        out[:, place] = same[LONGEST - horizon : len(same) - horizon]
    return out
