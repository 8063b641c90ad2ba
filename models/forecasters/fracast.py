"""Fracast 0 (the `fracast` package, Apache-2.0): a small foundation model with its weights in the wheel.

Letters of the shapes: b rows of the fixed batch, w sessions of context, k steps ahead, m model levels.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from models.forecasters.inference import BATCH, infer
from models.forecasters.log_paths import at_levels, log_paths
from models.forecasters.weights import pack, unpack
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Forecast, TrainingJournal, Window


@dataclass(frozen=True)
class Fracast:
    """Quantiles of the cumulative log return from the log-price path of each symbol. Zero-shot.

    Parameters
    ----------
    batch : rows of a batch; a session's symbols are padded up to it
    threads : of torch while it predicts
    device : `cpu` or `cuda`
    """

    name: ClassVar[str] = "fracast"
    context_sessions: int = 512
    batch: int = BATCH
    threads: int = 1
    device: str = "cpu"

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - zero-shot
        """Itself."""
        return self

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q), from one batch of fixed shape."""
        paths, masked = log_paths(window.channel("log_return"), self.context_sessions)
        ready = window.mask & ~masked[:, -1]
        rows = np.where(masked & ready[:, None], np.nan, paths)  # its own mask is NaN, but never a whole row
        ahead = max(horizons)

        def run(device: str, tensors: tuple[Any, ...]) -> Any:
            import torch

            network = self.on(device)
            return torch.from_numpy(network.forecast_batch(tensors[0].cpu().numpy(), horizon=ahead))

        levels, fallback = infer(run, [rows], batch=self.batch, device=self.device, threads=self.threads)
        steps = [horizon - 1 for horizon in horizons]
        quantiles = at_levels(levels[:, steps], self.network.quantiles, LEVELS)
        quantiles[~ready] = np.nan
        return Forecast(window.symbols, tuple(horizons), quantiles, fallback=fallback)

    def to_bytes(self) -> bytes:
        """Safetensors without a tensor: the weights belong to the installed package."""
        return pack({})

    def from_bytes(self, payload: bytes) -> Self:
        """Itself, if the payload is an empty state."""
        unpack(payload, {}, self.name)
        return self

    @property
    def network(self) -> Any:
        """The network on the CPU."""
        return self.on("cpu")

    def on(self, device: str) -> Any:
        """The network with the weights of the package on a device, loaded when it is first needed."""
        return _network(device)


@functools.cache
def _network(device: str) -> Any:
    from fracast import FracastModel

    return FracastModel.from_pretrained(device=device, weights="fp32")
