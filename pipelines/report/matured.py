"""Forecasts that met their outcome: one row a model, horizon, symbol and session, the ensemble among them."""

from __future__ import annotations

import pandas as pd

from pipelines.report.material import Material
from trading.evaluation.matured import ENSEMBLE
from trading.evaluation.matured import matured_ensemble as of_the_ensemble

__all__ = ["COLUMNS", "ENSEMBLE", "matured", "matured_ensemble"]
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
    return of_the_ensemble(material["ensemble_intervals"], material["ensemble_forecast"])[COLUMNS]
