"""Forecasts that met their outcome: one row a model, horizon, symbol and session, the ensemble among them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.report.material import Material
from trading import calendar
from trading.frames import HORIZONS, QUANTILES
from trading.stages.maturity import pinball

ENSEMBLE = "ensemble"
COLUMNS = ["session", "issued_session", "model", "horizon", "symbol", "pinball", "covered", "contaminated"]
_KEY = ["session", "model", "version", "horizon", "symbol"]


def matured(material: Material) -> pd.DataFrame:
    """Everything that the champions and the ensemble said since inception and that has come due."""
    return pd.concat([_of_models(material), matured_ensemble(material)], ignore_index=True)


def _of_models(material: Material) -> pd.DataFrame:
    """Losses and hits of the versions that spoke, each for the session at which it spoke."""
    spoke = material["forecasts"][["session", "model", "version"]].drop_duplicates()
    spoke = spoke.rename(columns={"session": "issued_session"})
    intervals = material["version_intervals"][[*_KEY, "covered"]]
    losses = material["version_losses"].merge(spoke, on=["issued_session", "model", "version"])
    return losses.merge(intervals, on=_KEY, how="left")[COLUMNS]


def matured_ensemble(material: Material) -> pd.DataFrame:
    """The ensemble's loss from its quantiles and what its intervals met."""
    outcomes = material["ensemble_intervals"].dropna(subset=["realized"])
    outcomes = outcomes.assign(
        issued_session=_issued(outcomes["session"], outcomes["horizon"].to_numpy(dtype=np.int64))
    )
    said = material["ensemble_forecast"][["session", "horizon", "symbol", *QUANTILES, "contaminated"]]
    said = said.rename(columns={"session": "issued_session"})
    rows = outcomes.merge(said, on=["issued_session", "horizon", "symbol"])
    loss = pinball(rows[list(QUANTILES)].to_numpy(dtype=float), rows["realized"].to_numpy(dtype=float))
    return rows.assign(pinball=loss, model=ENSEMBLE)[COLUMNS]


def _issued(sessions: pd.Series, horizons: np.ndarray) -> pd.DatetimeIndex:
    """The session `horizon` sessions before each of `sessions`."""
    if sessions.empty:
        return pd.DatetimeIndex([], dtype="datetime64[us]")
    known = calendar.sessions_between(calendar.shift(sessions.min(), -max(HORIZONS)), sessions.max())
    return known[known.get_indexer(pd.DatetimeIndex(sessions)) - horizons]
