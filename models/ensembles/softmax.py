"""Weights of models from their past losses: a softmax of exponentially averaged relative losses."""

from __future__ import annotations

from dataclasses import dataclass

from models.ensembles.tracked import TrackedWeighting, softmax
from trading.bounds import ABOVE_ZERO, check_bounds
from trading.interfaces import Floats


@dataclass(frozen=True)
class SoftmaxWeighting(TrackedWeighting):
    """Better models weigh more, none less than a floor.

    A model that has been `temperature` worse than another (0.05: by five per cent of the mean loss)
    weighs 1/e of it, before the floor.

    Parameters
    ----------
    temperature : difference of relative losses that divides a weight by e
    """

    temperature: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, temperature=ABOVE_ZERO)

    def _raw(self) -> Floats:
        return softmax(-self._known_loss / self.temperature)
