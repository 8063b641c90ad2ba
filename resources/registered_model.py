"""A forecaster as MLflow serves it: this file, a safetensors file and a JSON file; nothing is pickled.

MLflow stores the file itself beside the model ("models from code") and runs it on load. Input: long
rows of features (session, symbol and one column a channel). Output: symbol, horizon, q050 ... q950.
"""

from __future__ import annotations

import json
import pkgutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd

from trading import calendar
from trading.errors import CheckpointError
from trading.frames import QUANTILES
from trading.interfaces import Floats, Forecaster, Window
from trading.universe import SYMBOLS

KEYS = ("session", "symbol")


class ServedForecaster(mlflow.pyfunc.PythonModel):
    """One version of a model behind MLflow's generic interface."""

    def load_context(self, context: Any) -> None:
        """Build the forecaster from its description and give it its weights."""
        description = json.loads(Path(context.artifacts["description"]).read_text(encoding="utf-8"))
        self.forecaster = built(description).from_bytes(Path(context.artifacts["weights"]).read_bytes())
        self.beside = tuple(description.get("beside", ()))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Quantile forecasts of every symbol of the rows, decided at their last session."""
        del context, params
        window = window_of(model_input, self.beside)
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


def window_of(rows: pd.DataFrame, beside: Sequence[str] = ()) -> Window:
    """The window of long rows; a symbol may be forecast if its last return is known.

    Parameters
    ----------
    beside : symbols that are not forecast but stand beside the names
    """
    channels = tuple(str(column) for column in rows.columns if column not in KEYS)
    # In the order of the universe, in which they were learned; what is not of it comes after.
    named = sorted(set(rows["symbol"].unique()) - set(beside), key=lambda name: (_place(name), name))
    days = pd.DatetimeIndex(sorted(pd.to_datetime(rows["session"]).unique())).as_unit("us")
    dated = rows.assign(session=pd.to_datetime(rows["session"]))
    panel = _panel(dated, days, named, channels)
    mask = np.isfinite(panel[-1, :, channels.index("log_return")])
    as_of = calendar.as_of(calendar.session_of(days[-1]))
    window = Window(as_of, days.to_numpy(), tuple(named), channels, panel, mask, "scale_free")
    if not beside:
        return window
    return replace(window, context_symbols=tuple(beside), context=_panel(dated, days, beside, channels))


def _place(symbol: str) -> int:
    return SYMBOLS.index(symbol) if symbol in SYMBOLS else len(SYMBOLS)


def _panel(
    rows: pd.DataFrame, days: pd.DatetimeIndex, symbols: Sequence[str], channels: Sequence[str]
) -> Floats:
    """(w, s, c) values, NaN where there is no row."""
    panel = np.full((len(days), len(symbols), len(channels)), np.nan)
    mine = rows[rows["symbol"].isin(symbols)]
    places = days.get_indexer(mine["session"]), pd.Index(symbols).get_indexer(mine["symbol"])
    panel[places] = mine[list(channels)].to_numpy(float)
    return panel


mlflow.models.set_model(ServedForecaster())
