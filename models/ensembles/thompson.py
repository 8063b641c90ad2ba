"""One model a session, drawn by how likely it is the best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.ensembles.tracked import TrackedWeighting
from trading.bounds import NOT_NEGATIVE, check_bounds
from trading.digest import generator
from trading.interfaces import Evidence, Floats

PRIOR_VARIANCE = 0.01  # of a session's relative loss, before anything was seen: one tenth each way


@dataclass(frozen=True)
class ThompsonSelection(TrackedWeighting):
    """Draws each model's mean relative loss from its posterior and gives the weight to the smallest draw.

    Thompson (1933), "On the likelihood that one unknown probability exceeds another", Biometrika 25. The
    posterior is normal around the average, with the average's variance; the score is the exponentially
    averaged squared distance of a session's relative loss from the average. Draws are seeded by the session.

    Parameters
    ----------
    seed : of the draws
    """

    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_bounds(self, seed=NOT_NEGATIVE)

    def _scored(self, evidence: Evidence, relative: Floats) -> Floats:
        del evidence
        before = np.where(np.isnan(self.score_), PRIOR_VARIANCE, self.score_)
        return np.asarray(self._keep * before + (1 - self._keep) * (relative - self._known_loss) ** 2)

    def _raw(self) -> Floats:
        loss = self._known_loss
        session = self.session_ if isinstance(self.session_, pd.Timestamp) else None
        draws = generator("thompson", session, self.seed).standard_normal(len(loss))
        variance = np.where(np.isnan(self.score_), PRIOR_VARIANCE, self.score_)
        known = np.minimum(self.observations_ + 1, (1 + self._keep) / (1 - self._keep))
        chosen = np.zeros(len(loss))
        chosen[np.argmin(loss + draws * np.sqrt(variance / known))] = 1.0
        return chosen
