"""The face of signals."""

from __future__ import annotations

from assets.face import TRADING, Face

FACES = {
    "signals": Face(
        group="signals",
        description="Forecast, interval, skill and regime become what the strategy believes of each symbol: direction, "
        "probability, shrunk alpha, and whether the roadmap's gates would let it through.",
        owner=TRADING,
        kinds=("python", "numpy", "deltalake"),
    ),
}
