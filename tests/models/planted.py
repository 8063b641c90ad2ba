"""How much of what can be foreseen a forecaster finds: the harness that all models share.

    skill = skill_of(walk_forward(spec, market.features(), sessions), market)
    skill.share, skill.share_error, skill.deviate

Every figure is over the next session; bounds follow from the number of cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.forecasters.catalogue import CATALOGUE, ModelSpec
from trading.evaluation.walk_forward import Walk, walk_forward
from trading.interfaces import Floats
from trading.stages.maturity import MEDIAN
from trading.stages.training import Cadence
from trading.testing.planted_market import PlantedMarket

NEXT = 0  # place of the horizon of one session
CERTAIN = 3.3  # standard errors: one false alarm in a thousand


@dataclass(frozen=True)
class Skill:
    """What a forecaster found.

    Attributes
    ----------
    ic : correlation of its medians with what came; 0 if they do not vary
    achievable : the same of the true expectation, on the same cases
    error : standard error of `ic` if there were no skill, the names of a session taken together
    cases : forecasts that it rests on
    """

    ic: float
    achievable: float
    error: float
    cases: int

    @property
    def share(self) -> float:
        """Part of the achievable correlation that was found."""
        return self.ic / self.achievable

    @property
    def share_error(self) -> float:
        """Standard error of the share."""
        return self.error / abs(self.achievable)

    @property
    def deviate(self) -> float:
        """How many standard errors the correlation is away from none."""
        return self.ic / self.error


def skill_of(walk: Walk, market: PlantedMarket) -> Skill:
    """The skill of a walk over sessions of `market`, the session after each of which is in the market."""
    said, came = walk.quantiles[..., NEXT, MEDIAN], walk.realized[..., NEXT]
    after = market.sessions.searchsorted(walk.sessions) + 1
    inside = after < len(market.sessions)
    expected = np.full_like(said, np.nan)
    expected[inside] = market.expected[after[inside]]
    known = np.isfinite(said) & np.isfinite(came) & np.isfinite(expected)
    products = _standardised(said, known) * _standardised(came, known)
    best = _standardised(expected, known) * _standardised(came, known)
    cases = int(known.sum())
    error = max(float(np.sqrt((products.sum(axis=1) ** 2).sum())) / cases, 1 / np.sqrt(cases))
    return Skill(float(products.sum()) / cases, float(best.sum()) / cases, error, cases)


def _standardised(values: Floats, known: np.ndarray) -> Floats:
    chosen = values[known]
    deviation = chosen.std()
    return np.where(known, (values - chosen.mean()) / (deviation if deviation > 0 else 1.0), 0.0)


def spec_named(name: str) -> ModelSpec:
    return next(spec for spec in CATALOGUE if spec.name == name)


def walked(
    model: str, market: PlantedMarket, sessions: int, cadence: Cadence | None = None
) -> tuple[Walk, Skill]:
    """A model of the catalogue over the last `sessions` of a market, and its skill."""
    walk = walk_forward(spec_named(model), market.features(), market.sessions[-sessions:], cadence=cadence)
    return walk, skill_of(walk, market)
