"""The face of features."""

from __future__ import annotations

from assets.face import RESEARCH, Face

FACES = {
    "features": Face(
        group="features",
        description="Bars become features: returns, volatility, RSI, ADX, ATR, momentum, Bollinger and volume, "
        "free of price scale, each from a window of fixed length that ends at the session.",
        owner=RESEARCH,
        kinds=("python", "numpy", "deltalake"),
    ),
}
