"""A weighting walked over sessions without a line: for measurements, and for models whose quality is known.

Letters of the shapes: w sessions, k models, c cells of a session and horizon, h horizons, q quantile levels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading.evaluation.pooling import averaged
from trading.frames import HORIZONS
from trading.interfaces import Bools, EnsembleWeighting, Evidence, Floats, Matured
from trading.stages.maturity import pinball

Combine = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class EnsembleWalk:
    """Quantile forecasts of k models with what came of them, all per square root of the horizon.

    Attributes
    ----------
    sessions : (w,) of issue
    quantiles : (w, h, c, k, q) NaN where a model had none; realized : (w, h, c) over the next h sessions
    horizons : (h,) sessions until each matures
    """

    sessions: pd.DatetimeIndex
    quantiles: Floats
    realized: Floats
    horizons: tuple[int, ...] = HORIZONS

    @functools.cached_property
    def complete(self) -> Bools:
        """(w, h, c) cells that every model forecast and that matured."""
        spoken = np.isfinite(self.quantiles[..., 0]).all(axis=-1)
        return np.asarray(spoken & np.isfinite(self.realized))

    def weights(self, weighting: EnsembleWeighting) -> Floats:
        """(w, k) weights in force at each session, each from what had matured by then."""
        models = self.quantiles.shape[3]
        nothing = np.full(models, np.nan)
        now = weighting.resume(nothing, nothing, np.zeros(models, np.int64))
        out = np.empty((len(self.sessions), models))
        months = self.sessions.month
        for t, session in enumerate(self.sessions):
            opens = bool(t and months[t] != months[t - 1])
            losses = self._losses(self.matured(t, 1))
            now = now.update(Evidence(session, losses, lambda n, t=t: self.matured(t, n), opens))  # type: ignore[misc]
            out[t] = now.weights_
        return out

    def matured(self, t: int, sessions: int) -> Matured:
        """The cells that matured in the sessions t - `sessions` + 1 to t."""
        parts = [
            (place, slice(max(t - sessions + 1 - h, 0), max(t + 1 - h, 0)))
            for place, h in enumerate(self.horizons)
        ]
        known = [self.complete[span, place] for place, span in parts]
        said = [self.quantiles[span, place][k] for (place, span), k in zip(parts, known, strict=True)]
        came = [self.realized[span, place][k] for (place, span), k in zip(parts, known, strict=True)]
        return Matured(np.concatenate(said), np.concatenate(came))

    def losses(self, weights: Floats, combine: Combine = averaged) -> Floats:
        """(w,) mean pinball loss of the combination with weights (w, k), by session of issue; NaN without a cell."""
        models_first = np.moveaxis(self.quantiles, 3, 0)
        shares = np.broadcast_to(weights.T[:, :, np.newaxis, np.newaxis], models_first.shape[:-1])
        lost = pinball(combine(np.nan_to_num(models_first), shares), np.nan_to_num(self.realized))
        count = self.complete.sum(axis=(1, 2))
        total = np.where(self.complete, lost, 0.0).sum(axis=(1, 2))
        return np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0)

    @property
    def whole(self) -> Matured:
        """All cells at once: what hindsight sees."""
        return Matured(self.quantiles[self.complete], self.realized[self.complete])

    @staticmethod
    def _losses(cells: Matured) -> Floats:
        if not len(cells.realized):
            return np.full(cells.quantiles.shape[1], np.nan)
        return np.asarray(pinball(cells.quantiles, cells.realized[:, np.newaxis]).mean(axis=0))
