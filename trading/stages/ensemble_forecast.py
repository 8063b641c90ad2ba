"""One forecast from many: the champions' quantiles averaged, or their distributions pooled."""

from __future__ import annotations

import numpy as np

from trading.errors import DataError
from trading.evaluation.pooling import averaged, pooled, split_variance
from trading.frames import HORIZONS, QUANTILES
from trading.interfaces import Floats
from trading.stages.layout import DAILY, grid, same, selected
from trading.stages.maturity import MEDIAN
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS

COMBINATIONS = {"quantiles": averaged, "mixture": pooled}


def ensemble_forecast_stage(combination: str = "quantiles") -> Stage:
    """The stage that averages quantiles level by level (`quantiles`), or pools the distributions (`mixture`).

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
        columns = grid(horizon=HORIZONS, symbol=SYMBOLS) | _combined(
            np.nan_to_num(cells), shares, combination
        )
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


def _combined(cells: Floats, shares: Floats, combination: str) -> dict[str, np.ndarray]:
    """Columns from cells (m, h, s, q + 1) and shares (m, h, s), raveled."""
    quantiles = cells[..., :-1]
    center = (shares * quantiles[..., MEDIAN]).sum(axis=0)
    spread = np.sqrt((shares * (quantiles[..., MEDIAN] - center) ** 2).sum(axis=0))
    within, between = split_variance(quantiles, shares)
    used = shares > 0
    made = COMBINATIONS[combination](quantiles, shares)  # (h, s, q)
    return dict(zip(QUANTILES, made.reshape(-1, len(QUANTILES)).T, strict=True)) | {
        "between_models": spread.ravel(),
        "within_variance": within.ravel(),
        "between_variance": between.ravel(),
        "models": used.sum(axis=0).astype(np.int64).ravel(),
        "contaminated": (used & (cells[..., -1] == 1)).any(axis=0).ravel(),
    }
