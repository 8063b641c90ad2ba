import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import binom

from models.intervals.adaptive import AdaptiveConformal
from models.intervals.margins import conformal_quantile
from trading.errors import CalibrationError
from trading.frames import LEVELS
from trading.interfaces import Floats, Forecast, Interval

NAN = np.nan
CELL = (1, 1)


def forecast(low: float = -1.0, high: float = 1.0) -> Forecast:
    """One symbol and horizon whose q125 and q875 are given; the other levels lie around them."""
    return Forecast(("NVDA",), (1,), np.array([[[low, low, low, (low + high) / 2, high, high, high]]]))


def interval(low: float, high: float) -> Interval:
    return Interval(np.full(CELL, low), np.full(CELL, high), np.full(CELL, 0.25))


def calibrated(scores: Floats, level: float | None = None, **settings_: float) -> AdaptiveConformal:
    miscoverage = None if level is None else np.full(CELL, level)
    return AdaptiveConformal(**settings_).conformalize(scores.reshape(-1, 1, 1), miscoverage)


def test_bounds_are_widened_by_the_score_of_the_right_rank() -> None:
    # 39 scores at 0.25: rank ceil(40 * 0.75) = 30, the score 0.30, of a width of 2
    scores = np.arange(1, 40) / 100
    bounds = calibrated(scores).predict_interval(forecast())
    assert (bounds.lower[0, 0], bounds.upper[0, 0]) == (-1.6, 1.6)


def test_a_rank_beyond_all_scores_takes_the_largest_never_infinity() -> None:
    bounds = calibrated(np.arange(1, 21) / 100, level=0.02).predict_interval(forecast())
    assert bounds.upper[0, 0] == 1.4


def test_negative_scores_narrow_an_interval_but_never_turn_it_inside_out() -> None:
    bounds = calibrated(np.full(30, -5.0)).predict_interval(forecast(0.0, 1.0))
    assert bounds.lower[0, 0] == bounds.upper[0, 0] == 0.5


def test_with_too_few_scores_the_bounds_are_unknown() -> None:
    scores = np.concatenate([np.full(81, NAN), np.ones(19)])
    assert np.isnan(calibrated(scores).predict_interval(forecast()).lower).all()
    assert calibrated(np.append(scores, 1.0)).predict_interval(forecast()).lower[0, 0] == -3.0


def test_a_level_that_is_unknown_begins_at_the_target() -> None:
    assert (
        AdaptiveConformal().conformalize(np.zeros((0, 1, 1)), np.full(CELL, NAN)).miscoverage_[0, 0] == 0.25
    )


@pytest.mark.parametrize(("realized", "level"), [(0.5, 0.25625), (2.0, 0.23125), (NAN, 0.25)])
def test_the_level_answers_to_the_interval_that_was_issued(realized: float, level: float) -> None:
    # gamma (target - miss): 0.025 * 0.25 after a hit, 0.025 * -0.75 after a miss
    after = calibrated(np.ones(30), 0.25).update(interval(0.0, 1.0), np.full(CELL, realized))
    assert after.miscoverage_[0, 0] == pytest.approx(level, abs=1e-15)


@pytest.mark.parametrize(
    ("memory", "realized", "level"),
    # a hit adds 0.025 * 0.25; a hundredth of the way from 0.4 to 0.25 is 0.0015; what is unknown moves nothing
    [(100.0, 0.5, 0.40475), (0.0, 0.5, 0.40625), (100.0, NAN, 0.4)],
)
def test_a_level_returns_to_the_target_over_its_memory(memory: float, realized: float, level: float) -> None:
    walker = calibrated(np.ones(30), 0.4, memory_sessions=memory)

    after = walker.update(interval(0.0, 1.0), np.full(CELL, realized))

    assert after.miscoverage_[0, 0] == pytest.approx(level, abs=1e-15)


def test_each_end_returns_to_its_half_of_the_target() -> None:
    walker = AdaptiveConformal(asymmetric=True, memory_sessions=100.0)
    ready = walker.conformalize(np.ones((30, *CELL)), None, carried=np.full((*CELL, 2), 0.2))

    after = ready.update(interval(0.0, 1.0), np.full(CELL, 0.5)).carried_[0, 0]

    assert after == pytest.approx([0.2 - 0.00075 + 0.025 * 0.125] * 2)


def test_an_interval_that_still_warmed_up_moves_no_level() -> None:
    after = calibrated(np.ones(30), 0.25).update(interval(NAN, NAN), np.zeros(CELL))
    assert after.miscoverage_[0, 0] == 0.25


@pytest.mark.parametrize(("realized", "bound"), [(9.0, 0.02), (0.5, 0.6)])
def test_the_level_stays_in_its_range_however_long_the_run(realized: float, bound: float) -> None:
    walker = calibrated(np.ones(30), 0.25)
    for _ in range(200):
        walker = walker.update(interval(0.0, 1.0), np.full(CELL, realized))
    assert walker.miscoverage_[0, 0] == bound


def test_a_copy_is_made_and_the_original_stays() -> None:
    walker = calibrated(np.ones(30), 0.25)
    walker.update(interval(0.0, 1.0), np.full(CELL, 9.0))
    assert walker.miscoverage_[0, 0] == 0.25


def test_a_target_without_its_quantiles_is_refused() -> None:
    with pytest.raises(CalibrationError, match=r"needs the quantiles 0\.15 and 0\.85"):
        calibrated(np.ones(30), target=0.3).predict_interval(forecast())


def test_a_calibrator_without_scores_says_what_to_call() -> None:
    with pytest.raises(CalibrationError, match="call conformalize first"):
        AdaptiveConformal().predict_interval(forecast())


def by_brute_force(scores: Floats, miscoverage: float) -> float:
    """The smallest score that at least ceil((n + 1)(1 - a)) scores do not exceed, else the largest."""
    known = [s for s in scores.tolist() if not np.isnan(s)]
    needed = np.ceil((len(known) + 1) * (1 - miscoverage) - 1e-9)
    enough = [s for s in known if sum(other <= s for other in known) >= needed]
    return min(enough, default=max(known, default=NAN))


SCORES = arrays(np.float64, st.integers(1, 40), elements=st.one_of(st.just(NAN), st.floats(-1, 1)))


@given(SCORES, st.floats(0.02, 0.6))
def test_the_quantile_equals_brute_force(scores: Floats, miscoverage: float) -> None:
    ours = conformal_quantile(scores[:, np.newaxis], np.array([miscoverage]))[0]
    np.testing.assert_equal(ours, by_brute_force(scores, miscoverage))


@given(SCORES, st.floats(0.02, 0.6), st.floats(-1, 1), st.floats(0, 1))
def test_bounds_are_ordered_and_finite_or_both_unknown(
    scores: Floats, level: float, low: float, width: float
) -> None:
    bounds = calibrated(scores, level).predict_interval(forecast(low, low + width))
    lower, upper = bounds.lower[0, 0], bounds.upper[0, 0]
    assert np.isnan(lower) == np.isnan(upper)
    assert np.isnan(lower) or (lower <= upper and np.isfinite([lower, upper]).all())


def rate_of_walk(outcomes: Floats, walker: AdaptiveConformal | None = None) -> tuple[float, int]:
    """Share of intervals that held when a walker met `outcomes` one after another, horizon 1."""
    walker, held, issued = walker or AdaptiveConformal(), [], interval(NAN, NAN)
    level: Floats | None = None
    scores = np.maximum(-1.0 - outcomes, outcomes - 1.0) / 2.0
    for t in range(1, len(outcomes)):
        past = scores[max(0, t - 100) : t].reshape(-1, 1, 1)
        walker = walker.conformalize(past, level)
        issued = walker.predict_interval(forecast())
        if not np.isnan(issued.lower[0, 0]):
            held.append(bool(issued.lower[0, 0] <= outcomes[t] <= issued.upper[0, 0]))
        level = walker.update(issued, np.full(CELL, outcomes[t])).miscoverage_
    return float(np.mean(held)), len(held)


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000))
def test_on_exchangeable_data_three_intervals_in_four_hold(seed: int) -> None:
    rate, count = rate_of_walk(np.random.default_rng(seed).standard_t(4, 600))
    # Corrections make hits more even than independent ones: the 99.99 % range of a binomial is generous.
    low, high = binom.ppf([0.00005, 0.99995], count, 0.75) / count
    assert low <= rate <= high


def test_after_a_change_of_scale_the_promise_is_kept_again() -> None:
    random = np.random.default_rng(3)
    outcomes = np.concatenate([random.normal(0, 1, 300), random.normal(0, 4, 600)])
    rate, count = rate_of_walk(outcomes, AdaptiveConformal(gamma=0.03, memory_sessions=0.0))
    # Gibbs & Candès, prop. 4.1: |rate - target| <= (range of the level + gamma) / (gamma n)
    assert abs(rate - 0.75) <= (0.58 + 0.03) / (0.03 * count)
    assert abs(rate_of_walk(outcomes)[0] - 0.75) < 0.05


def of_symbols(*columns: Floats, **settings_: float) -> Interval:
    """Bounds of symbols whose raw interval is [-1, 1] and whose past scores are `columns`."""
    scores = np.stack(columns, axis=1)[:, :, np.newaxis]
    ready = AdaptiveConformal(**settings_).conformalize(scores, None)
    raw = np.repeat(forecast().quantiles, len(columns), axis=0)
    return ready.predict_interval(Forecast(("A", "B", "C")[: len(columns)], (1,), raw))


def test_a_symbol_s_own_scores_count_by_their_number() -> None:
    wild, calm = np.full(60, 0.9), np.full(60, 0.1)

    upper = of_symbols(wild, calm, pooling=180.0).upper[:, 0]

    # a quarter of 240 is its own; of all 120 scores the 91st is 0.9
    assert upper == pytest.approx([1 + 2 * 0.9, 1 + 2 * (0.25 * 0.1 + 0.75 * 0.9)])


def test_without_pooling_every_symbol_stands_alone() -> None:
    upper = of_symbols(np.full(60, 0.9), np.full(60, 0.1), pooling=0.0).upper[:, 0]

    assert upper == pytest.approx([2.8, 1.2])


def test_a_new_symbol_borrows_the_scores_of_the_others() -> None:
    upper = of_symbols(np.full(60, 0.4), np.full(60, NAN)).upper[:, 0]

    assert upper == pytest.approx([1.8, 1.8])


def test_sessions_are_counted_for_the_warming_up_not_scores() -> None:
    nineteen = np.concatenate([np.full(41, NAN), np.full(19, 0.4)])

    assert np.isnan(of_symbols(nineteen, nineteen, nineteen).upper).all()


def test_an_interval_twice_as_wide_is_widened_twice_as_much() -> None:
    scores = np.linspace(-0.5, 0.8, 50)
    one, two = (calibrated(scores).predict_interval(forecast(-half, half)).upper[0, 0] for half in (1.0, 2.0))

    assert two == pytest.approx(2 * one)


def test_every_symbol_and_horizon_walks_for_itself() -> None:
    levels = np.full((2, 3), 0.25)
    issued = Interval(np.zeros((2, 3)), np.ones((2, 3)), levels)
    realized = np.array([[0.5, 2.0, NAN], [2.0, 0.5, 0.5]])
    after = AdaptiveConformal().conformalize(np.ones((30, 2, 3)), levels).update(issued, realized)
    # steps of 0.025 / h for h = 1, 5, 20, a quarter of them after a hit, three quarters after a miss
    moved = [[0.25625, 0.24625, 0.25], [0.23125, 0.25125, 0.2503125]]
    np.testing.assert_allclose(after.miscoverage_, moved, atol=1e-15)


def test_the_levels_of_the_tables_hold_the_quantiles_of_the_target() -> None:
    assert {0.125, 0.875} <= set(LEVELS)
