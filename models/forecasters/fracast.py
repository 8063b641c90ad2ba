"""Fracast 0 (the `fracast` package, Apache-2.0): a small foundation model with its weights in the wheel.

Letters of the shapes: b rows of the fixed batch, w sessions of context, k steps ahead, m model levels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from models.forecasters.inference import fixed_threads
from models.forecasters.log_paths import at_levels, log_paths, padded
from models.forecasters.weights import pack, unpack
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Forecast, TrainingJournal, Window


@dataclass(frozen=True)
class Fracast:
    """Quantiles of the cumulative log return from the log-price path of each symbol. Zero-shot.

    Parameters
    ----------
    batch : rows of the one batch; a session's symbols are padded up to it
    threads : of torch while it predicts
    """

    name: ClassVar[str] = "fracast"
    context_sessions: int = 512
    batch: int = 10
    threads: int = 1

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - zero-shot
        """Itself."""
        return self

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q), from one batch of fixed shape."""
        paths, masked = log_paths(window.channel("log_return"), self.context_sessions)
        ready = window.mask & ~masked[:, -1]
        rows = np.where(masked & ready[:, None], np.nan, paths)  # its own mask is NaN, but never a whole row
        with fixed_threads(self.threads):
            levels = self.network.forecast_batch(padded(rows, self.batch, self.name), horizon=max(horizons))
        steps = [horizon - 1 for horizon in horizons]
        quantiles = at_levels(levels[: len(rows), steps], self.network.quantiles, LEVELS)
        quantiles[~ready] = np.nan
        return Forecast(window.symbols, tuple(horizons), quantiles)

    def to_bytes(self) -> bytes:
        """Safetensors without a tensor: the weights belong to the installed package."""
        return pack({})

    def from_bytes(self, payload: bytes) -> Self:
        """Itself, if the payload is an empty state."""
        unpack(payload, {}, self.name)
        return self

    @functools.cached_property
    def network(self) -> Any:
        """The network with the weights of the package, loaded when it is first needed."""
        from fracast import FracastModel

        return FracastModel.from_pretrained(device="cpu", weights="fp32")
