"""Conformal intervals around a model that is fitted: naive, cross, CV+ and jackknife+, and EnbPI.

Barber, Candès, Ramdas and Tibshirani (2021), "Predictive inference with the jackknife+", Annals of Statistics 49.
Rows in order of time are neither independent nor exchangeable, so folds are blocks of consecutive rows, and rows
within `embargo` of a block are left out of the fit that judges it: their targets overlap its own.
Letters of the shapes: n rows of the fit, m rows that are asked for, f inputs, k folds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from models.intervals.margins import conformal_quantile
from trading.bounds import NOT_NEGATIVE, SHARE, check_bounds
from trading.digest import generator
from trading.errors import CalibrationError
from trading.interfaces import Bools, Floats

Predict = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats], Predict]
FitMethod = Literal["naive", "cv", "cv_plus", "jackknife_plus"]


def blocks(count: int, splits: int) -> NDArray[np.int64]:
    """(n,) number of the block of consecutive rows in which each row lies, as scikit-learn's KFold parts them."""
    return np.repeat(np.arange(splits), [len(part) for part in np.array_split(np.arange(count), splits)])


@dataclass(frozen=True)
class FitInterval:
    """An interval around the prediction of a fitted model, from residuals in or out of its fit.

    Parameters
    ----------
    fit : makes a prediction (m, f) -> (m,) of inputs (n, f) and targets (n,)
    method : `naive` takes residuals of the fit itself, which are too small; `cv` those of the folds, around the
        model of all rows; `cv_plus` those of the folds, around the folds' models; `jackknife_plus` leaves out one row
    miscoverage : that is promised; with the plus methods at most twice as much is guaranteed
    n_splits : folds
    embargo : rows on both sides of a fold that its model does not see; the horizon less one, times rows a session

    Attributes
    ----------
    whole_ : model of all rows; models_ : of the folds; fold_ : (n,) whose model judged a row; residuals_ : (n,)
    """

    fit: Fit
    method: FitMethod = "cv_plus"
    miscoverage: float = 0.25
    n_splits: int = 5
    embargo: int = 0
    whole_: Predict | None = field(default=None, compare=False, repr=False)
    models_: tuple[Predict, ...] = field(default=(), compare=False, repr=False)
    fold_: NDArray[np.int64] | None = field(default=None, compare=False, repr=False)
    residuals_: Floats | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_bounds(self, miscoverage=SHARE, n_splits=(2, np.inf), embargo=NOT_NEGATIVE)

    def conformalize(self, inputs: Floats, targets: Floats) -> Self:
        """A copy fitted on rows in order of time, (n, f) and (n,).

        Raises
        ------
        CalibrationError
            If there are fewer rows than folds, or an embargo leaves a fold without any to learn from.
        """
        count = len(targets)
        splits = count if self.method == "jackknife_plus" else self.n_splits
        if count < max(splits, 2):
            raise CalibrationError(f"{count} rows cannot be parted into {splits} folds; give more rows")
        whole = self.fit(inputs, targets)
        if self.method == "naive":
            left = np.abs(targets - whole(inputs))
            return replace(self, whole_=whole, models_=(), fold_=None, residuals_=left)
        fold = blocks(count, splits)
        models, left = [], np.empty(count)
        for number in range(splits):
            learned = self.fit(*(part[self._outside(fold, number)] for part in (inputs, targets)))
            mine = fold == number
            left[mine] = np.abs(targets[mine] - learned(inputs[mine]))
            models.append(learned)
        return replace(self, whole_=whole, models_=tuple(models), fold_=fold, residuals_=left)

    def predict_interval(self, inputs: Floats) -> tuple[Floats, Floats]:
        """(m,) lower and upper bounds, finite: beyond all residuals stands the largest."""
        if self.whole_ is None or self.residuals_ is None:
            raise CalibrationError("the interval was asked for before conformalize")
        if self.method in ("naive", "cv"):
            middle = self.whole_(inputs)
            margin = conformal_quantile(self.residuals_[:, np.newaxis], np.array([self.miscoverage]))[0]
            return middle - margin, middle + margin
        said = np.stack([model(inputs) for model in self.models_])[self.fold_]  # (n, m)
        level = np.full(said.shape[1], self.miscoverage)
        return (
            -conformal_quantile(self.residuals_[:, np.newaxis] - said, level),
            conformal_quantile(said + self.residuals_[:, np.newaxis], level),
        )

    def _outside(self, fold: NDArray[np.int64], number: int) -> Bools:
        """(n,) rows that the model of a fold may see."""
        mine = np.flatnonzero(fold == number)
        place = np.arange(len(fold))
        seen: Bools = (place < mine[0] - self.embargo) | (place > mine[-1] + self.embargo)
        if not seen.any():
            raise CalibrationError(
                f"an embargo of {self.embargo} rows leaves fold {number} nothing to learn from"
            )
        return seen


@dataclass(frozen=True)
class EnbpiFit:
    """EnbPI around a bootstrap ensemble (Xu and Xie 2021, algorithm 1): residuals without refitting.

    A row is predicted by the mean of the models whose blocks left it out; the last `len(residuals_)` residuals
    slide on as outcomes come.

    Parameters
    ----------
    fit : as of `FitInterval`; resamples : models; block : rows drawn together; seed : of the draws
    miscoverage : that is promised
    """

    fit: Fit
    miscoverage: float = 0.25
    resamples: int = 20
    block: int = 20
    seed: int = 0
    models_: tuple[Predict, ...] = field(default=(), compare=False, repr=False)
    residuals_: Floats | None = field(default=None, compare=False, repr=False)

    def conformalize(self, inputs: Floats, targets: Floats) -> Self:
        """A copy fitted on rows in order of time; a row that every model has seen has no residual."""
        count = len(targets)
        random = generator("enbpi", seed=self.seed)
        starts = random.integers(0, count, (self.resamples, -(-count // self.block)))
        drawn = ((starts[:, :, np.newaxis] + np.arange(self.block)) % count).reshape(self.resamples, -1)[
            :, :count
        ]
        models = tuple(self.fit(inputs[rows], targets[rows]) for rows in drawn)
        unseen = np.stack([~np.isin(np.arange(count), rows) for rows in drawn])
        said = np.stack([model(inputs) for model in models])
        judged = unseen.any(axis=0)
        mean = (said * unseen).sum(axis=0)[judged] / unseen.sum(axis=0)[judged]
        return replace(self, models_=models, residuals_=targets[judged] - mean)

    def predict_interval(self, inputs: Floats) -> tuple[Floats, Floats]:
        """(m,) bounds at the parting of the miscoverage for which the interval is shortest."""
        if self.residuals_ is None:
            raise CalibrationError("the interval was asked for before conformalize")
        middle = np.stack([model(inputs) for model in self.models_]).mean(axis=0)
        below = np.linspace(0, self.miscoverage, 21)
        low, high = np.quantile(self.residuals_, [below, 1 - self.miscoverage + below])
        best = int((high - low).argmin())
        return middle + low[best], middle + high[best]

    def update(self, inputs: Floats, targets: Floats) -> Self:
        """A copy whose oldest residuals gave way to those of rows that have met their outcome."""
        if self.residuals_ is None:
            raise CalibrationError("update before conformalize")
        fresh = targets - np.stack([model(inputs) for model in self.models_]).mean(axis=0)
        return replace(self, residuals_=np.concatenate([self.residuals_, fresh])[len(fresh) :])
