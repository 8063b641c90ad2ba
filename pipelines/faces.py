"""How each table of a home shows in the Dagster UI; apart from the wiring, which the line without Dagster needs, too."""

from __future__ import annotations

from assets import ensemble, features, forecasts, graph, market, regimes, signals, trading
from assets.face import Face
from pipelines.settings import Settings


def faces_of(settings: Settings) -> dict[str, Face]:
    """The face of each table."""
    return {
        **market.FACES,
        **features.FACES,
        **graph.FACES,
        **forecasts.forecast_faces(settings.models),
        **forecasts.FACES,
        **ensemble.FACES,
        **regimes.FACES,
        **signals.FACES,
        **trading.FACES,
    }
