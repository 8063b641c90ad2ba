"""Which way models are weighed and combined in a home, by name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from models.ensembles.bayesian import BayesianAveraging
from models.ensembles.exponentiated import ExponentiatedGradient
from models.ensembles.softmax import SoftmaxWeighting
from models.ensembles.stacked import StackedWeighting
from models.ensembles.thompson import ThompsonSelection
from models.ensembles.tracked import EqualWeighting, TrackedWeighting

Method = Literal["softmax", "gradient", "bayesian", "thompson", "stacked", "equal"]
METHODS: dict[str, type[TrackedWeighting]] = {
    "softmax": SoftmaxWeighting,
    "gradient": ExponentiatedGradient,
    "bayesian": BayesianAveraging,
    "thompson": ThompsonSelection,
    "stacked": StackedWeighting,
    "equal": EqualWeighting,
}
Combination = Literal["quantiles", "mixture"]


@dataclass(frozen=True)
class EnsembleChoice:
    """The weighting that is meant by `method`, with the settings of all of them.

    Parameters
    ----------
    method : `softmax` of averaged losses, `gradient` (exponentiated), `bayesian` model averaging, `thompson`
        sampling of one model, `stacked` on a past window, `equal`
    combination : `quantiles` averages them level by level, `mixture` pools the distributions
    half_life_sessions : of `TrackedWeighting`; floor : least weight of all but `stacked`, which has `stacked_floor`
    temperature : of `softmax`; learning_rate : of `gradient`; fit_sessions : of `stacked`; seed : of `thompson`
    """

    method: Method = "stacked"
    combination: Combination = "quantiles"
    half_life_sessions: float = SoftmaxWeighting.half_life_sessions
    temperature: float = SoftmaxWeighting.temperature
    floor: float = SoftmaxWeighting.floor
    stacked_floor: float = StackedWeighting.floor
    learning_rate: float = ExponentiatedGradient.learning_rate
    fit_sessions: int = StackedWeighting.fit_sessions
    seed: int = ThompsonSelection.seed

    def __post_init__(self) -> None:
        for name in METHODS:
            self._made(name)  # what cannot be made is refused where it is set

    @property
    def chosen(self) -> TrackedWeighting:
        """The weighting of that name."""
        return self._made(self.method)

    def _made(self, method: str) -> TrackedWeighting:
        kind = METHODS[method]
        mine = {f.name for f in fields(kind) if not f.name.endswith("_")}
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name in mine}
        return kind(**given | ({"floor": self.stacked_floor} if method == "stacked" else {}))
