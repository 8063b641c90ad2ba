"""What all weightings share: averaged relative losses, the floor, and weights on a grid of the simplex."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from trading.bounds import ABOVE_ZERO, SHARE, check_bounds
from trading.errors import NotFittedError
from trading.interfaces import Evidence, Floats

GRID = 1_000_000  # weights are whole millionths: far below any meaning, and their sum is exact


@dataclass(frozen=True)
class TrackedWeighting:
    """Tracks the losses of k models, and weighs them all the same.

    A session's losses are divided by their mean over the models, so that neither the scale of
    returns nor a wild session decides; the average of these relative losses starts at 1 (the
    average model) and moves with a half-life. A subclass says how weights follow.

    Parameters
    ----------
    half_life_sessions : of the exponential average
    floor : least weight; with k models at most 1 / (2 k), so that more than ten models, or more than five,
        still leave half of the whole to be given by merit

    Attributes
    ----------
    average_loss_ : (k,) averaged relative loss, NaN for a model that was never seen
    score_ : (k,) what the method carries on, NaN for a model that was never seen
    observations_ : (k,) sessions in the average
    session_ : of the last update, None before one
    """

    half_life_sessions: float = 30.0
    floor: float = 0.1
    average_loss_: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    score_: Floats = field(default_factory=lambda: np.empty(0), compare=False, repr=False)
    observations_: NDArray[np.int64] = field(
        default_factory=lambda: np.empty(0, np.int64), compare=False, repr=False
    )
    session_: object = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_bounds(self, half_life_sessions=ABOVE_ZERO, floor=SHARE)

    @property
    def window_sessions(self) -> int:
        """No quantiles are needed."""
        return 0

    def resume(self, average_loss: Floats, score: Floats, observations: NDArray[np.int64]) -> Self:
        """A copy with the state (k,) of the previous session."""
        return replace(self, average_loss_=average_loss, score_=score, observations_=observations)

    def update(self, evidence: Evidence) -> Self:
        """A copy after one session: its losses moved the average of the models that were seen."""
        average, score, observations = self._state()
        told = replace(self, session_=evidence.session)
        relative = relative_losses(evidence.losses)
        seen = ~np.isnan(relative)
        if not seen.any():
            return told
        before = np.where(np.isnan(average), 1.0, average)
        moved = np.where(seen, self._keep * before + (1 - self._keep) * relative, average)
        scored = self._scored(evidence, relative)
        return told.resume(moved, np.where(seen, scored, score), observations + seen)

    @property
    def weights_(self) -> Floats:
        """(k,) whole millionths that sum to one million millionths, none below the floor."""
        raw = self._raw()
        floor = min(self.floor, 1 / (2 * len(raw)))
        return on_grid(floor + (1 - floor * len(raw)) * raw)

    @property
    def _keep(self) -> float:
        """Share of an average that a session leaves."""
        return float(0.5 ** (1 / self.half_life_sessions))

    @property
    def _known_loss(self) -> Floats:
        """(k,) averaged relative loss, 1 for a model that was never seen."""
        average, _, _ = self._state()
        return np.where(np.isnan(average), 1.0, average)

    @property
    def _known_score(self) -> Floats:
        """(k,) score, that of the average model for one that was never seen."""
        _, score, _ = self._state()
        known = ~np.isnan(score)
        return np.where(known, score, score[known].mean() if known.any() else 0.0)

    def _scored(self, evidence: Evidence, relative: Floats) -> Floats:
        """(k,) the score after a session with losses `relative` to their mean; none is kept here."""
        del evidence
        return np.zeros(len(relative))

    def _raw(self) -> Floats:
        """(k,) weights before the floor."""
        count = len(self._known_loss)
        return np.full(count, 1 / count)

    def _state(self) -> tuple[Floats, Floats, NDArray[np.int64]]:
        if not len(self.average_loss_):
            raise NotFittedError("the weighting has no state; call resume first")
        return self.average_loss_, self.score_, self.observations_


class EqualWeighting(TrackedWeighting):
    """Every model weighs the same, whatever it loses: what every other way has to beat."""


def relative_losses(losses: Floats) -> Floats:
    """(k,) losses over their mean, NaN everywhere if nothing matured or nobody lost."""
    seen = ~np.isnan(losses)
    scale = losses[seen].mean() if seen.any() else 0.0
    return losses / scale if scale > 0 else np.full(len(losses), np.nan)


def softmax(values: Floats) -> Floats:
    """(k,) shares in proportion to exp(values)."""
    raw = np.exp(values - values.max())
    return raw / raw.sum()


def on_grid(weights: Floats) -> Floats:
    """`weights` in whole millionths; what rounding leaves over goes to the largest."""
    units = np.rint(weights * GRID).astype(np.int64)
    units[units.argmax()] += GRID - units.sum()
    return units / GRID
