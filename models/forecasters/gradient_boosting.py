"""Gradient-boosted trees on the daily features, pooled over the symbols: a baseline that must be beaten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np

from models.forecasters.forest import SHAPES, Forest, forest_of
from models.forecasters.tabular import (
    CONTEXT_SESSIONS,
    Rows,
    latest_inputs,
    places_of,
    require_inputs,
    training_rows,
)
from models.forecasters.weights import pack, unpack
from trading.errors import NotFittedError
from trading.frames import HORIZONS, LEVELS
from trading.interfaces import SILENT, Floats, Forecast, TrainingJournal, Window


@dataclass(frozen=True)
class GradientBoosting:
    """Every quantile of the return ahead by boosted trees on the pinball loss (Friedman 2001).

    21 sums of scikit-learn's histogram trees: three horizons, seven levels. Inputs are those of the ridge regression; an unknown one goes where it did least harm in training. The
    number of trees of each horizon is the one with the least loss on the last fifth of the window,
    after an embargo of the horizon; then all rows are used. Quantiles are sorted.

    Parameters
    ----------
    trees : of one sum, at most
    leaves : of one tree, at most
    learning_rate : of each tree
    rows_in_leaf : fewest
    minimum_rows : fewest rows for a fit
    """

    name: ClassVar[str] = "gradient_boosting"
    context_sessions: int = CONTEXT_SESSIONS
    trees: int = 60
    leaves: int = 8
    learning_rate: float = 0.05
    rows_in_leaf: int = 100
    minimum_rows: int = 500
    inputs_: int = field(default=0, compare=False)
    forest_: Forest | None = field(default=None, compare=False)

    def fit(self, window: Window, *, journal: TrainingJournal = SILENT) -> Self:  # noqa: ARG002 - some seconds
        """A copy that learned from `window`.

        Raises
        ------
        ModelError
            If fewer than `minimum_rows` rows have a known return ahead.
        """
        rows = training_rows(window, HORIZONS, self.name, self.minimum_rows)
        grown = [one for place, horizon in enumerate(HORIZONS) for one in self._fit_one(rows, place, horizon)]
        return replace(self, forest_=forest_of(grown), inputs_=rows.inputs.shape[1])

    def predict(self, window: Window, *, horizons: Sequence[int] = HORIZONS) -> Forecast:
        """Quantiles of every unmasked symbol, (s, h, q).

        Raises
        ------
        NotFittedError
            Before `fit` or `from_bytes`.
        ModelError
            If a horizon was not trained, or the window has other channels.
        """
        forest, places = self._forest(window), places_of(horizons, self.name)
        inputs, unit = latest_inputs(window)
        sums = forest.sums(inputs).reshape(len(inputs), len(HORIZONS), len(LEVELS))
        spread = unit[:, None] * np.sqrt(np.asarray(horizons, dtype=float))
        return Forecast(
            window.symbols, tuple(horizons), spread[:, :, None] * np.sort(sums[:, places], axis=2)
        )

    def to_bytes(self) -> bytes:
        """Safetensors with the trees, or without one before the fit."""
        if self.forest_ is None:
            return pack({})
        return pack(vars(self.forest_) | {"inputs": np.array([float(self.inputs_)])})

    def from_bytes(self, payload: bytes) -> Self:
        """A copy with the trees of `payload`."""
        arrays = unpack(payload, {**SHAPES, "inputs": (1,)}, self.name)
        inputs = int(arrays.pop("inputs")[0])
        return replace(self, forest_=Forest(**arrays), inputs_=inputs)

    def _forest(self, window: Window) -> Forest:
        if self.forest_ is None:
            raise NotFittedError(
                "gradient_boosting was asked to predict before fit; train it or load a version"
            )
        require_inputs(self.inputs_, window, self.name)
        return self.forest_

    def _fit_one(self, rows: Rows, place: int, horizon: int) -> list[Any]:
        """The regressors of the levels at one horizon."""
        earlier, later = rows.split(horizon)
        unseen, wanted = later.for_horizon(place)
        losses = np.zeros(self.trees)
        for level in LEVELS:
            grown = self._grown(*earlier.for_horizon(place), level, self.trees)
            losses += [_pinball(wanted - said, level) for said in grown.staged_predict(unseen)]
        best = 1 + int(np.argmin(losses))
        return [self._grown(*rows.for_horizon(place), level, best) for level in LEVELS]

    def _grown(self, inputs: Floats, targets: Floats, level: float, trees: int) -> Any:
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        regressor = HistGradientBoostingRegressor(
            loss="quantile",
            quantile=level,
            max_iter=trees,
            max_leaf_nodes=self.leaves,
            learning_rate=self.learning_rate,
            min_samples_leaf=self.rows_in_leaf,
            early_stopping=False,  # its own would draw the rows that stop it from among the training rows
        )
        with threadpool_limits(1):
            return regressor.fit(inputs, targets)


def _pinball(errors: Floats, level: float) -> float:
    return float(np.maximum(level * errors, (level - 1) * errors).mean())
