"""Intervals of fits equal MAPIE's, where MAPIE is right: same folds, no embargo, miscoverage of two decimals."""

import numpy as np
import pytest

from models.intervals.fits import FitInterval, Predict
from trading.interfaces import Floats

pytest.importorskip("mapie", reason="needs the extra `test`")

from mapie.regression import CrossConformalRegressor, SplitConformalRegressor
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, LeaveOneOut

MAPIE_METHODS = {"cv": "base", "cv_plus": "plus", "jackknife_plus": "plus"}


def data(count: int = 97) -> tuple[Floats, Floats, Floats]:
    random = np.random.default_rng(count)
    inputs = random.normal(size=(count, 3))
    return inputs, inputs @ [1.0, -0.5, 0.0] + random.standard_t(4, count), random.normal(size=(11, 3))


def ridge(inputs: Floats, targets: Floats) -> Predict:
    return Ridge(2.0).fit(inputs, targets).predict


def boosted(inputs: Floats, targets: Floats) -> Predict:
    return GradientBoostingRegressor(n_estimators=10, random_state=0).fit(inputs, targets).predict


@pytest.mark.parametrize("miscoverage", [0.25, 0.1])
@pytest.mark.parametrize("method", ["cv", "cv_plus", "jackknife_plus"])
def test_cross_cv_plus_and_jackknife_plus_are_those_of_mapie(method: str, miscoverage: float) -> None:
    inputs, targets, asked = data()
    folds = LeaveOneOut() if method == "jackknife_plus" else KFold(5)
    theirs = CrossConformalRegressor(
        Ridge(2.0), confidence_level=1 - miscoverage, method=MAPIE_METHODS[method], cv=folds
    )
    expected = theirs.fit_conformalize(inputs, targets).predict_interval(asked)[1][:, :, 0]

    ours = FitInterval(ridge, method, miscoverage).conformalize(inputs, targets).predict_interval(asked)

    np.testing.assert_allclose(np.column_stack(ours), expected, rtol=1e-12)  # sums in another order


def test_gradient_boosting_can_be_the_model_that_is_fitted() -> None:
    inputs, targets, asked = data()
    theirs = CrossConformalRegressor(
        GradientBoostingRegressor(n_estimators=10, random_state=0), confidence_level=0.75, cv=KFold(5)
    )
    expected = theirs.fit_conformalize(inputs, targets).predict_interval(asked)[1][:, :, 0]

    ours = FitInterval(boosted, "cv_plus").conformalize(inputs, targets).predict_interval(asked)

    np.testing.assert_allclose(np.column_stack(ours), expected, rtol=1e-12)


def test_naive_is_a_split_whose_halves_are_the_same() -> None:
    inputs, targets, asked = data()
    theirs = SplitConformalRegressor(Ridge(2.0).fit(inputs, targets), confidence_level=0.75, prefit=True)
    expected = theirs.conformalize(inputs, targets).predict_interval(asked)[1][:, :, 0]

    ours = FitInterval(ridge, "naive").conformalize(inputs, targets).predict_interval(asked)

    np.testing.assert_allclose(np.column_stack(ours), expected, rtol=1e-12)


def test_a_miscoverage_of_three_decimals_is_not_rounded() -> None:
    # 199 rows: 0.025 of 200 is rank 195, which MAPIE's time series regressor would round to 0.02 or 0.03
    inputs, targets, asked = data(199)

    low, high = FitInterval(ridge, "naive", 0.025).conformalize(inputs, targets).predict_interval(asked)

    left = np.sort(np.abs(targets - ridge(inputs, targets)(inputs)))
    np.testing.assert_allclose((high - low) / 2, left[194], rtol=1e-12)
