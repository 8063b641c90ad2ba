"""One forecast from many: the weighted average of the champions' quantiles."""

from __future__ import annotations

import numpy as np

from trading.errors import DataError
from trading.frames import HORIZONS, QUANTILES
from trading.interfaces import Floats
from trading.stages.layout import DAILY, grid, same, selected
from trading.stages.maturity import MEDIAN
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS


def ensemble_forecast_stage() -> Stage:
    """The stage that averages quantiles level by level (Vincentization; Ratcliff 1979).

    The weights of the models that have a forecast for a symbol are scaled to sum to 1.
    """

    def make(moment: Moment, inputs: Inputs) -> Outputs:
        weights = inputs["ensemble_weights"]
        models = weights["model"]
        cells = inputs["forecasts"].block(
            (*QUANTILES, "contaminated"), timeframe=(DAILY,), model=models, horizon=HORIZONS, symbol=SYMBOLS
        )[0]
        shares = _shares(~np.isnan(cells[..., 0]), weights["weight"])
        known = shares.sum(axis=0).ravel() > 0
        if not known.any():
            raise DataError(
                f"no model that has a weight has a forecast at {moment.session:%Y-%m-%d}; "
                "make forecasts and ensemble_weights of that session again"
            )
        columns = grid(horizon=HORIZONS, symbol=SYMBOLS) | _averages(np.nan_to_num(cells), shares)
        return {"ensemble_forecast": selected(columns | same(len(known), timeframe=DAILY), known)}

    return Stage(
        name="ensemble_forecast",
        reads=(Read("forecasts", timeframe=DAILY), Read("ensemble_weights")),
        makes=("ensemble_forecast",),
        make=make,
    )


def _shares(present: np.ndarray, weight: Floats) -> Floats:
    """(m, h, s) weight of each model where it is present, scaled to sum to 1 over the models."""
    raw = np.where(present, weight[:, np.newaxis, np.newaxis], 0.0)
    total = raw.sum(axis=0)
    return raw / np.where(total > 0, total, 1.0)


def _averages(cells: Floats, shares: Floats) -> dict[str, np.ndarray]:
    """Columns from cells (m, h, s, q + 1) and shares (m, h, s), raveled."""
    average = (shares[..., np.newaxis] * cells[..., :-1]).sum(axis=0)  # (h, s, q)
    deviation = cells[..., MEDIAN] - average[..., MEDIAN]
    spread = np.sqrt((shares * deviation**2).sum(axis=0))
    used = shares > 0
    return dict(zip(QUANTILES, average.reshape(-1, len(QUANTILES)).T, strict=True)) | {
        "between_models": spread.ravel(),
        "models": used.sum(axis=0).astype(np.int64).ravel(),
        "contaminated": (used & (cells[..., -1] == 1)).any(axis=0).ravel(),
    }
