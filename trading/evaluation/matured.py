"""Forecasts of the ensemble that met their outcome."""

from __future__ import annotations

import numpy as np
import pandas as pd

from trading import calendar
from trading.frames import HORIZONS, QUANTILES
from trading.stages.maturity import pinball

ENSEMBLE = "ensemble"


def matured_ensemble(intervals: pd.DataFrame, forecasts: pd.DataFrame) -> pd.DataFrame:
    """What the ensemble's quantiles lost and what its intervals met, one row a session, horizon and symbol.

    Parameters
    ----------
    intervals : rows of `ensemble_intervals`; forecasts : of `ensemble_forecast`

    Returns
    -------
    the outcomes with issued_session, model (`ensemble`), pinball, covered, contaminated
    """
    outcomes = intervals.dropna(subset=["realized"])
    outcomes = outcomes.assign(
        issued_session=_issued(outcomes["session"], outcomes["horizon"].to_numpy(dtype=np.int64))
    )
    said = forecasts[["session", "horizon", "symbol", *QUANTILES, "contaminated"]]
    said = said.rename(columns={"session": "issued_session"})
    rows = outcomes.merge(said, on=["issued_session", "horizon", "symbol"])
    loss = pinball(rows[list(QUANTILES)].to_numpy(dtype=float), rows["realized"].to_numpy(dtype=float))
    return rows.assign(pinball=loss, model=ENSEMBLE)


def _issued(sessions: pd.Series, horizons: np.ndarray) -> pd.DatetimeIndex:
    """The session `horizon` sessions before each of `sessions`."""
    if sessions.empty:
        return pd.DatetimeIndex([], dtype="datetime64[us]")
    known = calendar.sessions_between(calendar.shift(sessions.min(), -max(HORIZONS)), sessions.max())
    return known[known.get_indexer(pd.DatetimeIndex(sessions)) - horizons]
