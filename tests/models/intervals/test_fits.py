"""Intervals of fitted models: folds in order of time, embargo, and what each method promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.intervals.fits import EnbpiFit, FitInterval, Predict, blocks
from models.intervals.fitted import FittedConformal, ridge
from trading.errors import CalibrationError, UsageError
from trading.interfaces import Floats


def mean(_inputs: Floats, targets: Floats) -> Predict:
    """A model that says the mean of what it has seen."""
    level = targets.mean()
    return lambda asked: np.full(len(asked), level)


class Spy:
    """A model that remembers what it was given."""

    def __init__(self) -> None:
        self.seen: list[list[float]] = []

    def __call__(self, inputs: Floats, targets: Floats) -> Predict:
        self.seen.append(targets.tolist())
        return mean(inputs, targets)


ROWS = np.zeros((10, 1))


def test_blocks_are_consecutive_and_differ_by_one_row_at_most() -> None:
    assert blocks(11, 3).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2]


def test_a_fold_is_judged_by_a_model_that_saw_neither_it_nor_its_neighbours() -> None:
    spy = Spy()

    FitInterval(spy, "cv", n_splits=5, embargo=1).conformalize(ROWS, np.arange(10.0))

    assert spy.seen[0] == list(range(10))  # the whole
    assert spy.seen[1] == [3, 4, 5, 6, 7, 8, 9]
    assert spy.seen[3] == [0, 1, 2, 7, 8, 9]  # rows 4 and 5, with 3 and 6 between


def test_jackknife_plus_worked_by_hand() -> None:
    # of 0, 1, 5: left out in turn, the others' means are 3, 2.5, 0.5, the residuals 3, 1.5, 4.5
    made = FitInterval(mean, "jackknife_plus", 0.5).conformalize(ROWS[:3], np.array([0.0, 1, 5]))

    low, high = made.predict_interval(ROWS[:1])

    # the second largest of 3 - 3, 2.5 - 1.5, 0.5 - 4.5 is 0; the second smallest of 6, 4, 5 is 5
    assert (low[0], high[0]) == (0.0, 5.0)


def test_an_embargo_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(CalibrationError, match="leaves fold"):
        FitInterval(mean, "cv", n_splits=2, embargo=9).conformalize(ROWS, np.arange(10.0))


def test_fewer_rows_than_folds_are_refused() -> None:
    with pytest.raises(CalibrationError, match="3 rows cannot be parted into 5 folds"):
        FitInterval(mean, "cv").conformalize(ROWS[:3], np.arange(3.0))


def test_bounds_before_the_fit_are_refused() -> None:
    with pytest.raises(CalibrationError, match="before conformalize"):
        FitInterval(mean).predict_interval(ROWS)
    with pytest.raises(CalibrationError, match="before conformalize"):
        EnbpiFit(mean).predict_interval(ROWS)


def held(count: int, trials: int, how: FitInterval | EnbpiFit) -> float:
    """Share of fresh rows within the intervals of a regression on `count` rows and ten inputs."""
    random = np.random.default_rng(8)
    hits = []
    for _ in range(trials):
        inputs = random.normal(size=(count + 50, 10))
        targets = inputs[:, 0] + random.normal(size=count + 50)
        low, high = how.conformalize(inputs[:count], targets[:count]).predict_interval(inputs[count:])
        hits.append(np.mean((low <= targets[count:]) & (targets[count:] <= high)))
    return float(np.mean(hits))


def test_residuals_of_the_fit_itself_promise_too_much_and_those_of_folds_do_not() -> None:
    naive, plus = (held(40, 60, FitInterval(ridge, method)) for method in ("naive", "cv_plus"))

    assert naive < 0.70  # ten inputs on forty rows: the fit has taken a quarter of the noise
    assert plus > 0.74


def test_enbpi_nearly_holds_what_it_promises_without_refitting() -> None:
    # the shortest of 21 partings is chosen on the residuals themselves, which promises two points too much
    assert 0.71 < held(120, 40, EnbpiFit(ridge, block=5)) < 0.80


def test_enbpi_forgets_old_residuals_as_outcomes_come() -> None:
    random = np.random.default_rng(2)
    made = EnbpiFit(mean).conformalize(np.zeros((100, 1)), random.normal(size=100))
    low, high = made.predict_interval(ROWS[:1])

    wilder = made.update(np.zeros((100, 1)), 5 * random.normal(size=100)).predict_interval(ROWS[:1])

    assert (wilder[1] - wilder[0])[0] > 3 * (high - low)[0]


def test_enbpi_parts_the_miscoverage_where_the_interval_is_shortest() -> None:
    skewed = np.random.default_rng(3).exponential(size=400)
    low, high = EnbpiFit(mean).conformalize(np.zeros((400, 1)), skewed).predict_interval(ROWS[:1])

    # of an exponential the shortest 75 % begin at its mode, zero, and end at log 4
    assert low[0] == pytest.approx(0.0, abs=0.1)
    assert high[0] == pytest.approx(np.log(4), abs=0.25)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.sampled_from(["naive", "cv", "cv_plus", "jackknife_plus"]), st.integers(0, 3))
def test_bounds_move_with_the_targets(seed: int, method: str, embargo: int) -> None:
    random = np.random.default_rng(seed)
    inputs, targets = random.normal(size=(25, 2)), random.normal(size=25)
    how = FitInterval(ridge, method, embargo=embargo)

    one = how.conformalize(inputs, targets).predict_interval(inputs)
    two = how.conformalize(inputs, 2 * targets + 3).predict_interval(inputs)

    np.testing.assert_allclose(two, 2 * np.array(one) + 3, atol=1e-9)  # a regression is equivariant


def test_the_calibrator_of_fits_refuses_what_it_cannot_do() -> None:
    with pytest.raises(UsageError, match="neither margins for each end nor weights"):
        FittedConformal(half_life_sessions=20.0)
