"""The faces of forecasts, their losses, intervals, and who is champion."""

from __future__ import annotations

from assets.face import RESEARCH, Face
from trading.frames import FORECAST_PREFIX


def forecast_face(model: str) -> Face:
    """The face of one model's forecasts."""
    return Face(
        group="forecasts",
        description=f"Each live version of {model} turns features into quantiles of the cumulative log return "
        "over 1, 5 and 20 sessions: the champion and its challengers, one row set each.",
        owner=RESEARCH,
        kinds=("python", "pytorch" if model in {"timesfm", "fracast"} else "numpy", "deltalake"),
    )


def forecast_faces(models: tuple[str, ...]) -> dict[str, Face]:
    """The faces of all forecast tables."""
    return {f"{FORECAST_PREFIX}{model}": forecast_face(model) for model in models}


FACES = {
    "version_losses": Face(
        group="forecasts",
        description="Forecasts that matured become losses: pinball, absolute error, conformity score and direction "
        "of each version, beside what happened.",
        owner=RESEARCH,
        kinds=("python", "numpy", "deltalake"),
    ),
    "version_intervals": Face(
        group="intervals",
        description="Each version's forecast gets an interval that is meant to hold three times in four, by adaptive "
        "conformal inference on its own past misses.",
        owner=RESEARCH,
        kinds=("python", "numpy", "deltalake"),
    ),
    "champions": Face(
        group="ensemble",
        description="Losses decide who speaks for each model and who only challenges. The champions log is the truth; the alias in "
        "MLflow mirrors it. So far the only rule is the calendar.",
        owner=RESEARCH,
        kinds=("python", "mlflow", "sql"),
    ),
    "forecasts": Face(
        group="ensemble",
        description="The champions' forecasts with their intervals: one version a model speaks in the ensemble.",
        owner=RESEARCH,
        kinds=("python", "numpy", "deltalake"),
    ),
}
