"""What every calibrator must do, whatever it is made of."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from models.intervals.choice import IntervalChoice, Method
from trading.errors import CalibrationError
from trading.frames import HORIZONS
from trading.interfaces import Floats, Forecast, Interval, IntervalCalibrator

SYMBOLS = ("AMD", "MU", "NVDA")
SHAPE = (len(SYMBOLS), len(HORIZONS))
CHOICES = [
    *(IntervalChoice(method=method) for method in get_args(Method)),
    IntervalChoice(asymmetric=True),
    IntervalChoice(method="pid", asymmetric=True),
    IntervalChoice(half_life_sessions=50.0),
    IntervalChoice(other_regime=0.2),
    IntervalChoice(method="enbpi", half_life_sessions=50.0, other_regime=0.2),
]
EVERY = pytest.mark.parametrize(
    "choice", CHOICES, ids=lambda c: f"{c.method}-{c.asymmetric}-{c.half_life_sessions:g}-{c.other_regime:g}"
)
FAN = Forecast(SYMBOLS, HORIZONS, np.broadcast_to([-2.0, -1, -0.5, 0, 0.5, 1, 2], (*SHAPE, 7)))
NOTHING = Interval(*(np.full(SHAPE, np.nan) for _ in range(3)))


def ready(choice: IntervalChoice, sessions: int, scale: float = 1.0, seed: int = 0) -> IntervalCalibrator:
    """A calibrator after `sessions` sessions of outcomes drawn from `scale` times a t distribution."""
    random = np.random.default_rng(seed)
    outcomes = scale * random.standard_t(5, (sessions, *SHAPE))
    alike = (random.random((sessions, len(HORIZONS))) < 0.5).astype(float)
    scores = np.abs(outcomes) / 2 - 0.5  # of raw intervals [-1, 1]
    return choice.chosen.conformalize(scores, None, ends=np.sign(outcomes), alike=alike)


def bounds(calibrator: IntervalCalibrator) -> Interval:
    return calibrator.update(NOTHING, np.full(SHAPE, np.nan)).predict_interval(FAN)


@EVERY
@pytest.mark.parametrize("sessions", [0, 5, 19])
def test_before_enough_has_matured_there_is_no_interval_yet(choice: IntervalChoice, sessions: int) -> None:
    made = bounds(ready(choice, sessions))

    assert np.isnan([made.lower, made.upper]).all()


@EVERY
@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0, 1e6])
def test_bounds_are_finite_and_ordered_however_wild_the_outcomes(
    choice: IntervalChoice, scale: float
) -> None:
    made = bounds(ready(choice, 120, scale))

    assert np.isfinite([made.lower, made.upper]).all()
    assert (made.lower <= made.upper).all()


@EVERY
def test_the_level_is_a_share_and_what_is_carried_has_both_ends(choice: IntervalChoice) -> None:
    made = bounds(ready(choice, 120))

    assert ((made.miscoverage > 0) & (made.miscoverage < 1)).all()
    assert made.carried is not None
    assert made.carried.shape == (*SHAPE, 2)


@EVERY
def test_wilder_outcomes_have_wider_intervals(choice: IntervalChoice) -> None:
    calm, wild = (bounds(ready(choice, 120, scale)) for scale in (0.5, 3.0))

    assert (wild.upper - wild.lower > calm.upper - calm.lower).all()


@EVERY
def test_state_that_went_through_a_table_goes_on_the_same(choice: IntervalChoice) -> None:
    scores, missed = ready(choice, 120), np.full(SHAPE, 9.0)
    issued = bounds(scores)
    once = scores.update(issued, missed).predict_interval(FAN)

    again = choice.chosen.conformalize(
        scores.scores_, once.miscoverage, ends=scores.ends_, carried=once.carried, alike=scores.alike_
    )

    twice = again.update(NOTHING, missed).predict_interval(FAN)  # nothing matured: nothing moves
    np.testing.assert_array_equal([twice.lower, twice.upper], [once.lower, once.upper])


@EVERY
def test_the_original_is_never_changed(choice: IntervalChoice) -> None:
    calibrator = ready(choice, 120)
    before = bounds(calibrator)

    calibrator.update(before, np.full(SHAPE, 9.0)).predict_interval(FAN)

    np.testing.assert_array_equal(bounds(calibrator).upper, before.upper)


@EVERY
def test_a_symbol_without_scores_has_the_interval_of_the_others_or_none(choice: IntervalChoice) -> None:
    calibrator = ready(choice, 120)
    scores = calibrator.scores_.copy()
    scores[:, 0] = np.nan

    made = bounds(replace(calibrator, scores_=scores))

    assert np.isfinite(made.lower[1:]).all()
    assert not np.isinf(made.lower[0]).any()


@EVERY
def test_asking_without_scores_says_what_to_call(choice: IntervalChoice) -> None:
    with pytest.raises(CalibrationError, match="call conformalize first"):
        choice.chosen.predict_interval(FAN)


def coverage_of(choice: IntervalChoice, outcomes: Floats) -> float:
    """Share of `outcomes` (n,), met one session ahead, that intervals from a window of 150 held."""
    level = carried = None
    held, issued = [], NOTHING
    scores, ends = np.full((len(outcomes), *SHAPE), np.nan), np.full((len(outcomes), *SHAPE), np.nan)
    for t, outcome in enumerate(outcomes):
        scores[t, :, 0], ends[t, :, 0] = abs(outcome) / 2 - 0.5, np.sign(outcome)
        realized = np.full(SHAPE, np.nan)
        realized[:, 0] = outcome
        if np.isfinite(issued.lower[0, 0]):
            held.append(issued.lower[0, 0] <= outcome <= issued.upper[0, 0])
        span = slice(max(0, t - 149), t + 1)
        walker = choice.chosen.conformalize(scores[span], level, ends=ends[span], carried=carried)
        issued = walker.update(issued, realized).predict_interval(FAN)
        level, carried = issued.miscoverage, issued.carried
    return float(np.mean(held))


@pytest.mark.parametrize("choice", [c for c in CHOICES if c.method != "jackknife_plus"], ids=repr)
def test_three_in_four_hold_on_a_fair_market(choice: IntervalChoice) -> None:
    rate = coverage_of(choice, np.random.default_rng(4).standard_t(5, 500))

    # a fair coin of 0.75 has a standard error of 2 points in 480 tries; in-sample residuals miss a little more
    assert rate == pytest.approx(0.75, abs=0.05)
