"""The stage of one model: its live versions turn the features up to t into forecasts at t."""

from __future__ import annotations

import numpy as np

from trading.errors import ModelError
from trading.frames import FORECAST_PREFIX, HORIZONS, QUANTILES
from trading.interfaces import Forecast, ModelVersion
from trading.stages.layout import DAILY, Column, daily_keys, grid, same, selected, stacked
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.stages.training import View, window_at


def forecast_stage(
    model: str, context_sessions: int, view: View, look_back_sessions: int | None = None
) -> Stage:
    """The stage `forecast_<model>`.

    Parameters
    ----------
    context_sessions : length of the window that each version is given, always the same
    view : what of the features the model looks at, and how much history a symbol needs
    look_back_sessions : how far before t features must reach, where training needs more than the window
    """
    table = f"{FORECAST_PREFIX}{model}"

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        window = window_at(inputs["features"], moment.session, context_sessions, view)
        versions = moment.models.live(model, moment.session)
        return {table: stacked(_rows(version, by.predict(window), moment) for version, by in versions)}

    depth = max(context_sessions - 1, look_back_sessions or 0)
    reads = (Read("features", lookback=depth, timeframe=DAILY),)
    return Stage(name=table, reads=reads, makes=(table,), make=make, uses_models=(model,))


def _rows(version: ModelVersion, forecast: Forecast, moment: Moment) -> dict[str, Column]:
    """Columns of one version's forecasts, without the symbols that were masked."""
    cube = forecast.quantiles.transpose(1, 0, 2)  # (h, s, q)
    known = np.isfinite(cube).all(axis=2).ravel()
    _check(version, forecast, cube, moment)
    keys = grid(horizon=forecast.horizons, symbol=forecast.symbols)
    texts = same(len(known), model=version.model, version=version.version)
    texts |= daily_keys(len(known), moment.session)
    values = dict(zip(QUANTILES, cube.reshape(-1, len(QUANTILES)).T, strict=True))
    contaminated = np.full(len(known), version.is_contaminated(moment.session))
    return selected({**keys, **texts, **values, "contaminated": contaminated}, known)


def _check(version: ModelVersion, forecast: Forecast, cube: np.ndarray, moment: Moment) -> None:
    """Refuse what the tables downstream must be able to rely on."""
    if forecast.horizons != HORIZONS:
        raise ModelError(
            f"model {version.model!r} forecast {forecast.horizons} sessions ahead, not {HORIZONS}"
        )
    crossed = (np.diff(cube, axis=2) < 0).any(axis=(0, 2))
    if crossed.any():
        symbol = forecast.symbols[int(np.argmax(crossed))]
        raise ModelError(
            f"model {version.model!r}, version {version.version}, gave crossing quantiles for {symbol} at "
            f"{moment.session:%Y-%m-%d}; sort them in the model"
        )
