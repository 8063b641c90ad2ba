"""The faces of market regimes."""

from __future__ import annotations

from assets import plots
from assets.face import RESEARCH, Face

FACES = {
    "regimes": Face(
        group="regimes",
        description="Alongside, features give the probability of Bull, Bear, Volatile and Range: filtered forward, never smoothed.",
        owner=RESEARCH,
        kinds=("python", "scikitlearn", "deltalake"),
        plot=plots.regimes,
    ),
    "regime_models": Face(
        group="regimes",
        description="The parameters of the hidden Markov model in force, refitted on the calendar and aligned to the fit before.",
        owner=RESEARCH,
        kinds=("python", "scikitlearn", "deltalake"),
    ),
}
