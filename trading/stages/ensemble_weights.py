"""How much each model counts, from what its champion's matured forecasts were worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from trading.frames import HORIZONS
from trading.history import Rows
from trading.interfaces import EnsembleWeighting, Floats
from trading.stages.champions import champions_in
from trading.stages.layout import DAILY, labelled, same
from trading.stages.stage import Inputs, Moment, Outputs, Read, Stage
from trading.universe import SYMBOLS

_PINBALL, _CONTAMINATED = range(2)


def ensemble_weights_stage(models: Sequence[str], weighting: EnsembleWeighting) -> Stage:
    """The stage that weighs `models` by the losses of those who were champions at t - 1."""

    def make(_moment: Moment, inputs: Inputs) -> Outputs:
        losses = _session_losses(inputs["version_losses"], champions_in(inputs["champions"]), models)
        state = inputs["ensemble_weights"].block(
            ("average_loss", "observations"), timeframe=(DAILY,), model=models
        )
        observations = np.nan_to_num(state[0, :, 1]).astype(np.int64)
        now = weighting.resume(state[0, :, 0], observations).update(losses)
        columns = {
            "model": labelled(models),
            "average_loss": now.average_loss_,
            "weight": now.weights_,
            "observations": now.observations_,
        }
        return {"ensemble_weights": columns | same(len(models), timeframe=DAILY)}

    return Stage(
        name="ensemble_weights",
        reads=(Read("version_losses", timeframe=DAILY), Read("champions", offset=1)),
        makes=("ensemble_weights",),
        make=make,
        keeps=(Read("ensemble_weights", offset=1),),
    )


def _session_losses(rows: Rows, champions: Mapping[str, str], models: Sequence[str]) -> Floats:
    """(k,) mean pinball loss of each model over the forecasts that matured for all that had any.

    Contaminated forecasts are left out. Losses over h sessions are divided by sqrt(h), so that
    every horizon counts.
    """
    if not len(rows) or not champions:
        return np.full(len(models), np.nan)
    cells = _champion_cells(rows, champions, models)
    losses = np.where(cells[..., _CONTAMINATED] == 0, cells[..., _PINBALL], np.nan)  # (k, h, s)
    known = ~np.isnan(losses)
    present = known.any(axis=(1, 2))
    shared = known[present].all(axis=0)
    if not present.any() or not shared.any():
        return np.full(len(models), np.nan)
    per_session = losses / np.sqrt(np.array(HORIZONS))[:, np.newaxis]
    return np.where(present, np.where(shared, per_session, 0.0).sum(axis=(1, 2)) / shared.sum(), np.nan)


def _champion_cells(rows: Rows, champions: Mapping[str, str], models: Sequence[str]) -> Floats:
    """(k, h, s, 2) loss and contamination of each model's champion, NaN for a model without one."""
    versions = list(dict.fromkeys(champions.values()))
    block = rows.block(
        ("pinball", "contaminated"),
        timeframe=(DAILY,),
        model=models,
        version=versions,
        horizon=HORIZONS,
        symbol=SYMBOLS,
    )[0]
    crowned = [versions.index(champions[model]) if model in champions else -1 for model in models]
    cells = block[np.arange(len(models)), crowned]
    cells[np.array(crowned) < 0] = np.nan
    return cells
