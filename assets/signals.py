"""The faces of signals and selection."""

from __future__ import annotations

from assets import signals_plot
from assets.face import TRADING, Face

FACES = {
    "selection": Face(
        group="signals",
        description="Regime, features, graph and dividends become the names that the regime asks for: momentum, defensive, "
        "uncorrelated or oversold ones, and a mix of the four that follows slowly.",
        owner=TRADING,
        kinds=("python", "numpy", "deltalake"),
        plot=signals_plot.selection,
    ),
    "signals": Face(
        group="signals",
        description="Forecast, interval, skill and regime become what the strategy believes of each symbol: direction, "
        "probability, shrunk alpha, and whether the roadmap's gates would let it through.",
        owner=TRADING,
        kinds=("python", "numpy", "deltalake"),
        plot=signals_plot.signals,
    ),
}
