"""Which model tells the regime: one setting, and the settings of each model beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from models.regimes.estimator import RegimeEstimator
from models.regimes.gaussian_hmm import GaussianRegimes
from models.regimes.jump import JumpRegimes


@dataclass(frozen=True)
class RegimeChoice:
    """A statistical jump model or a hidden Markov model.

    Parameters
    ----------
    model : which of the two
    hmm, jump : how each is fitted
    """

    model: Literal["hmm", "jump"] = "jump"
    hmm: GaussianRegimes = field(default_factory=GaussianRegimes)
    jump: JumpRegimes = field(default_factory=JumpRegimes)

    @property
    def chosen(self) -> RegimeEstimator:
        """The model that the setting names."""
        return {"hmm": self.hmm, "jump": self.jump}[self.model]
