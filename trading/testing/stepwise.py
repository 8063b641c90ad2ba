"""A forecaster that learns step by step, so that trainings can be killed, resumed and continued in tests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from trading.errors import CheckpointError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Forecast, TrainingJournal, Window


@dataclass(frozen=True)
class Stepwise:
    """Its weight moves half of the way to a number of the data in each epoch, by an amount that grows.

    A training that lost or repeated an epoch, or began elsewhere, ends at another weight. What it
    forecasts means nothing.

    Parameters
    ----------
    epochs : of a training
    weight_ : learned
    """

    name: ClassVar[str] = "stepwise"
    context_sessions: int = 2
    epochs: int = 6
    weight_: float = 0.0

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:
        """A copy that has learned for `epochs` epochs, those of a killed training included."""
        goal, kept = float(np.nansum(window.panel)), journal.resume()
        done, weight = (0, self.weight_) if kept is None else _unpacked(kept)
        for number in range(done + 1, self.epochs + 1):
            weight = (weight + goal + number) / 2
            figures = {"training_loss": 1.0 / number, "validation_loss": 1.5 / number}
            journal.epoch(number, self.epochs, figures, lambda n=number, w=weight: struct.pack("<qd", n, w))  # type: ignore[misc]
        return replace(self, weight_=weight)

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """The weight times each level."""
        shape = (len(window.symbols), len(horizons), len(LEVELS))
        quantiles = np.broadcast_to(abs(self.weight_) * np.asarray(LEVELS), shape).copy()
        quantiles[~window.mask] = np.nan
        return Forecast(window.symbols, tuple(horizons), quantiles)

    def to_bytes(self) -> bytes:
        """Its weight."""
        return struct.pack("<d", self.weight_)

    def from_bytes(self, payload: bytes) -> Self:
        """A copy with the weight of `payload`."""
        if len(payload) != struct.calcsize("<d"):
            raise CheckpointError("the state of stepwise is not one number")
        return replace(self, weight_=float(struct.unpack("<d", payload)[0]))


def _unpacked(kept: bytes) -> tuple[int, float]:
    try:
        done, weight = struct.unpack("<qd", kept)
    except struct.error:
        raise CheckpointError("what a killed training left is not of this code") from None
    return int(done), float(weight)
