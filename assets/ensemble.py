"""The faces of the ensemble."""

from __future__ import annotations

from assets import plots
from assets.face import RESEARCH, Face

_KINDS = ("python", "numpy", "deltalake")

FACES = {
    "ensemble_weights": Face(
        group="ensemble",
        description="Losses decide the weights of the models, none below a floor; a model that degraded weighs less for a while.",
        owner=RESEARCH,
        kinds=_KINDS,
        plot=plots.ensemble_weights,
    ),
    "ensemble_forecast": Face(
        group="ensemble",
        description="The champions' forecasts, averaged or pooled by weight, are one; its variance within and between models stands beside it.",
        owner=RESEARCH,
        kinds=_KINDS,
    ),
    "ensemble_intervals": Face(
        group="ensemble",
        description="The ensemble's own calibrated interval, and whether the one that matured today held.",
        owner=RESEARCH,
        kinds=_KINDS,
        plot=plots.coverage,
    ),
    "ensemble_skill": Face(
        group="ensemble",
        description="How much of the ensemble's forecast came true so far, between 0 and 1: what alpha is shrunk by.",
        owner=RESEARCH,
        kinds=_KINDS,
    ),
}
