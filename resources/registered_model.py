"""A forecaster as MLflow serves it: this file, a safetensors file and a JSON file; nothing is pickled.

MLflow stores the file itself beside the model ("models from code") and runs it on load. Input: long
rows of features (session, symbol and one column a channel). Output: symbol, horizon, q050 ... q950.
"""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from trading import calendar
from trading.errors import CheckpointError
from trading.frames import QUANTILES
from trading.interfaces import Forecaster, Window

KEYS = ("session", "symbol")


class ServedForecaster(mlflow.pyfunc.PythonModel):
    """One version of a model behind MLflow's generic interface."""

    def load_context(self, context: Any) -> None:
        """Build the forecaster from its description and give it its weights."""
        description = json.loads(Path(context.artifacts["description"]).read_text(encoding="utf-8"))
        self.forecaster = built(description).from_bytes(Path(context.artifacts["weights"]).read_bytes())

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Quantile forecasts of every symbol of the rows, decided at their last session."""
        del context, params
        window = window_of(model_input)
        forecast = self.forecaster.predict(window)
        symbols, horizons = len(forecast.symbols), len(forecast.horizons)
        table = {
            "symbol": np.repeat(np.asarray(forecast.symbols, dtype=object), horizons),
            "horizon": np.tile(np.asarray(forecast.horizons, dtype=np.int64), symbols),
        }
        levels = forecast.quantiles.reshape(symbols * horizons, -1).T
        return pd.DataFrame({**table, **dict(zip(QUANTILES, levels, strict=True))})


def built(description: dict[str, Any]) -> Forecaster:
    """The unfitted forecaster of a description; CheckpointError unless its class is one of our models."""
    name = str(description["class"])
    if not name.startswith("models."):
        raise CheckpointError(f"{name} is no model of Fabline: the registered version was tampered with")
    return pkgutil.resolve_name(name)(**description["settings"])


def window_of(rows: pd.DataFrame) -> Window:
    """The window of long rows; a symbol may be forecast if its last return is known."""
    channels = tuple(str(column) for column in rows.columns if column not in KEYS)
    symbols = tuple(sorted(rows["symbol"].unique()))
    days = pd.DatetimeIndex(sorted(pd.to_datetime(rows["session"]).unique())).as_unit("us")
    dated = rows.assign(session=pd.to_datetime(rows["session"]))
    panel = np.full((len(days), len(symbols), len(channels)), np.nan)
    places = days.get_indexer(dated["session"]), np.searchsorted(symbols, dated["symbol"])
    panel[places] = dated[list(channels)].to_numpy(float)
    mask = np.isfinite(panel[-1, :, channels.index("log_return")])
    as_of = calendar.as_of(calendar.session_of(days[-1]))
    return Window(as_of, days.to_numpy(), symbols, channels, panel, mask, "scale_free")


mlflow.models.set_model(ServedForecaster())
