"""How the models of a home that learn are trained, in place of what the catalogue says of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class TrainingChoice:
    """How often versions are made, and where their training begins.

    Parameters
    ----------
    update : `full` learns each version from nothing, or from shipped weights; `incremental` goes on from the
        weights of the version before, where a model's training can. Of a model that is solved in one step
        (AR(1), ridge, gradient boosting) there is nothing to go on from: it learns in full either way
    cadence : `default` is the catalogue's, `weekly`, `quarterly` or `yearly` that of every model that learns; a weekly one
        adds six challengers of ages up to 32 weeks to the versions of the quarters
    """

    update: Literal["full", "incremental"] = "full"
    cadence: Literal["default", "weekly", "quarterly", "yearly"] = "default"
