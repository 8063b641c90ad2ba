"""MAPIE where it is right: conformalized quantiles, and the walk of the level one session ahead."""

import warnings

import numpy as np
import pytest

from models.intervals.adaptive import AdaptiveConformal
from models.intervals.margins import conformal_quantile
from trading.interfaces import Floats, Forecast

pytest.importorskip("mapie", reason="needs the extra `test`")

from mapie.conformity_scores import AbsoluteConformityScore
from mapie.regression import ConformalizedQuantileRegressor, TimeSeriesRegressor
from sklearn.base import BaseEstimator, RegressorMixin


class Column(RegressorMixin, BaseEstimator):
    """Predicts one column of X."""

    def __init__(self, place: int = 0) -> None:
        self.place = place

    def fit(self, X: Floats, y: Floats | None = None) -> "Column":
        del X, y
        self.fitted_ = True
        return self

    def predict(self, X: Floats) -> Floats:
        return X[:, self.place]


def column(place: int) -> Column:
    return Column(place).fit(np.empty((0, 3)))


@pytest.mark.parametrize("count", [20, 39, 137])
def test_conformalized_quantiles_are_those_of_mapie(count: int) -> None:
    random = np.random.default_rng(count)
    low, median, high = np.sort(random.normal(size=(3, count)), axis=0)
    y = random.normal(size=count)
    X = np.column_stack([low, high, median])
    theirs = ConformalizedQuantileRegressor([column(k) for k in range(3)], confidence_level=0.75, prefit=True)
    bounds = theirs.conformalize(X, y).predict_interval(X, symmetric_correction=True)[1][:, :, 0]
    margin = conformal_quantile(np.maximum(low - y, y - high)[:, np.newaxis], np.array([0.25]))
    np.testing.assert_array_equal(bounds, np.column_stack([low - margin, high + margin]))


def test_the_level_walks_as_in_mapie_one_session_ahead() -> None:
    random = np.random.default_rng(1)
    calibration, outcomes = random.normal(size=50), random.normal(size=80) * np.repeat([1.0, 2.0], 40)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns that few points bound the level
        theirs = TimeSeriesRegressor(
            column(0), method="aci", cv="prefit", conformity_score=AbsoluteConformityScore(sym=True)
        )
        theirs.fit(np.zeros((50, 1)), calibration)
    published = AdaptiveConformal(gamma=0.005, memory_sessions=0.0)  # theirs never returns to the target
    ours = published.conformalize((np.abs(calibration) - 0.5).reshape(-1, 1, 1), None)
    unit = Forecast(("NVDA",), (1,), np.array([[[-0.5, -0.5, -0.5, 0.0, 0.5, 0.5, 0.5]]]))  # of width 1
    for y in outcomes:
        ours = ours.update(ours.predict_interval(unit), np.array([[y]]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.adapt_conformal_inference(
                np.zeros((1, 1)), np.array([y]), gamma=0.005, confidence_level=0.75
            )
        (level,) = theirs.current_alpha.values()
        assert ours.miscoverage_[0, 0] == pytest.approx(level, abs=1e-12)  # sums of the same steps
