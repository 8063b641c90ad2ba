"""Weights of models from their past losses: a softmax of exponentially averaged relative losses."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trading.bounds import ABOVE_ZERO, SHARE, check_bounds
from trading.errors import NotFittedError
from trading.interfaces import Floats

GRID = 1_000_000  # weights are whole millionths: far below any meaning, and their sum is exact


@dataclass(frozen=True)
class SoftmaxWeighting:
    """Better models weigh more, none less than a floor.

    A session's losses are divided by their mean over the models, so that neither the scale of
    returns nor a wild session decides; the average of these relative losses starts at 1 (the
    average model) and moves with a half-life. A model that has been `temperature` worse than
    another (0.05: by five per cent of the mean loss) weighs 1/e of it, before the floor.

    Parameters
    ----------
    half_life_sessions : of the exponential average
    temperature : difference of relative losses that divides a weight by e
    floor : least weight; with k models at most 1 / (2 k)

    Attributes
    ----------
    average_loss_ : (k,) averaged relative loss, NaN for a model that was never seen
    observations_ : (k,) sessions in the average
    """

    half_life_sessions: float = 30.0
    temperature: float = 0.05
    floor: float = 0.1
    average_loss_: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    observations_: NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, np.int64), compare=False, repr=False
    )

    def __post_init__(self) -> None:
        check_bounds(self, half_life_sessions=ABOVE_ZERO, temperature=ABOVE_ZERO, floor=SHARE)

    def resume(self, average_loss: Floats, observations: NDArray[np.int64]) -> Self:
        """A copy with the state (k,) of the previous session."""
        return replace(self, average_loss_=average_loss, observations_=observations)

    def update(self, losses: Floats) -> Self:
        """A copy after one session's losses (k,), over the same forecasts, NaN where none matured."""
        average, observations = self._state()
        seen = ~np.isnan(losses)
        scale = losses[seen].mean() if seen.any() else 0.0
        if scale <= 0:
            return self
        before = np.where(np.isnan(average), 1.0, average)
        keep = 0.5 ** (1 / self.half_life_sessions)
        moved = keep * before + (1 - keep) * losses / scale
        return self.resume(np.where(seen, moved, average), observations + seen)

    @property
    def weights_(self) -> Floats:
        """(k,) whole millionths that sum to one million millionths, none below the floor."""
        average, _ = self._state()
        loss = np.where(np.isnan(average), 1.0, average)
        raw = np.exp(-(loss - loss.min()) / self.temperature)
        floor = min(self.floor, 1 / (2 * len(loss)))
        return _on_grid(floor + (1 - floor * len(loss)) * raw / raw.sum())

    def _state(self) -> tuple[Floats, NDArray[np.int64]]:
        if not len(self.average_loss_):
            raise NotFittedError("the weighting has no state; call resume first")
        return self.average_loss_, self.observations_


def _on_grid(weights: Floats) -> Floats:
    """`weights` in whole millionths; what rounding leaves over goes to the largest."""
    units = np.rint(weights * GRID).astype(np.int64)
    units[units.argmax()] += GRID - units.sum()
    return units / GRID
