"""PID, EnbPI, experts, weights and margins for each end, worked by hand and against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.intervals.adaptive import AdaptiveConformal
from models.intervals.aggregated import FEWEST, GAMMAS, AggregatedConformal
from models.intervals.choice import IntervalChoice
from models.intervals.enbpi import EnbpiConformal
from models.intervals.expert_kernels import betas, levels
from models.intervals.margins import conformal_quantile, weighted_quantiles
from models.intervals.pid import PidConformal
from models.intervals.sequential import SequentialConformal
from trading.errors import CalibrationError, UsageError
from trading.interfaces import Floats, Forecast, Interval

NAN, CELL = np.nan, (1, 1)
UNIT = Forecast(
    ("NVDA",), (1,), np.array([[[-1.0, -0.5, -0.2, 0.0, 0.2, 0.5, 1.0]]])
)  # raw interval of width 1


def after(calibrator: SequentialConformal, positions: Floats, **state: Floats) -> SequentialConformal:
    """The calibrator after outcomes at these positions of the raw interval, in widths from its middle."""
    column = positions.reshape(-1, 1, 1)
    return calibrator.conformalize(np.abs(column) - 0.5, None, ends=np.sign(column), **state)


def issued(low: float, high: float) -> Interval:
    return Interval(np.full(CELL, low), np.full(CELL, high), np.full(CELL, 0.25))


def ends_of(calibrator: SequentialConformal) -> tuple[float, float]:
    made = calibrator.predict_interval(UNIT)
    return float(made.lower[0, 0]), float(made.upper[0, 0])


def test_each_end_has_the_quantile_of_its_own_side() -> None:
    # of 63 outcomes at k / 63 the rank ceil(64 * 0.875) = 56 bounds either end; no position is below zero
    positions = np.arange(1, 64) / 63
    low, high = ends_of(after(AdaptiveConformal(asymmetric=True, pooling=0.0), positions))

    assert high == pytest.approx(56 / 63)
    assert low == pytest.approx(8 / 63)


def test_a_miss_below_moves_the_lower_level_alone() -> None:
    walker = after(AdaptiveConformal(asymmetric=True), np.linspace(-1, 1, 40))
    moved = walker.update(issued(-1.0, 1.0), np.full(CELL, -2.0)).carried_[0, 0]

    assert moved == pytest.approx([0.125 - 0.025 * 0.875, 0.125 + 0.025 * 0.125])


def test_margins_for_each_end_need_to_know_the_ends() -> None:
    blind = AdaptiveConformal(asymmetric=True).conformalize(np.ones((30, *CELL)), None)
    with pytest.raises(CalibrationError, match="needs the ends of its scores"):
        blind.predict_interval(UNIT)


def test_a_step_of_pid_worked_by_hand() -> None:
    walker = after(PidConformal(learning_rate=0.1, integral_gain=0.2, saturation=0.5), np.full(30, 0.7))
    moved = walker.update(issued(-1.0, 1.0), np.full(CELL, 2.0))

    # a miss exceeds the promise by 0.75: the tracked part by a tenth of it, the average by a hundredth
    assert moved.carried_[0, 0] == pytest.approx([0.075, 0.075])
    assert moved.miscoverage_[0, 0] == pytest.approx(0.25 - 0.0075)
    margin = 0.2 + 0.075 + 0.2 * np.tan(0.0075 / 0.5 * np.pi / 4)
    assert ends_of(moved) == pytest.approx((-0.5 - margin, 0.5 + margin))


def test_pid_with_margins_for_each_end_moves_the_end_that_missed() -> None:
    walker = after(PidConformal(learning_rate=0.1, asymmetric=True), np.linspace(-1, 1, 40))
    moved = walker.update(issued(-1.0, 1.0), np.full(CELL, 2.0)).carried_[0, 0]

    assert moved == pytest.approx([-0.0125, 0.0875])


def test_pid_stays_finite_when_everything_misses_for_years() -> None:
    walker = after(PidConformal(), np.linspace(-1, 1, 40))
    for _ in range(1000):
        walker = walker.update(issued(-1.0, 1.0), np.full(CELL, 9.0))

    assert np.isfinite(ends_of(walker)).all()
    assert walker.carried_[0, 0, 0] == PidConformal.furthest


def test_enbpi_takes_the_shortest_interval_of_skewed_outcomes() -> None:
    skewed = np.random.default_rng(1).exponential(size=200)
    shortest, even = (after(c, skewed) for c in (EnbpiConformal(), AdaptiveConformal(asymmetric=True)))
    (low, high), (even_low, even_high) = ends_of(shortest), ends_of(even)

    assert high - low < even_high - even_low
    assert np.mean((low <= skewed) & (skewed <= high)) == pytest.approx(0.75, abs=0.02)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.floats(0.02, 0.6))
def test_weights_of_one_are_no_weights(scores: list[float], miscoverage: float) -> None:
    column, level = np.array(scores), np.array([miscoverage])

    weighted = weighted_quantiles(column, np.ones(len(column)), level)

    assert weighted[0] == conformal_quantile(column[:, np.newaxis], level)[0]


def test_a_score_of_weight_zero_is_no_score() -> None:
    scores, weights = np.arange(1.0, 61), np.repeat([1.0, 0.0], [40, 20])

    found = weighted_quantiles(scores, weights, np.array([0.25, 0.5]))

    assert (
        found.tolist()
        == conformal_quantile(scores[:40, np.newaxis], np.array([[0.25], [0.5]]))[:, 0].tolist()
    )


def test_recent_scores_count_more_with_a_half_life() -> None:
    calm_then_wild = np.repeat([0.6, 2.0], [200, 40])
    even, recent = (after(AdaptiveConformal(half_life_sessions=h), calm_then_wild) for h in (0.0, 20.0))

    assert ends_of(recent)[1] > 1.5 > ends_of(even)[1]


def test_scores_of_today_s_regime_count_more() -> None:
    positions = np.tile([0.6, 2.0], 100)
    alike = np.tile([1.0, 0.0], 100)[:, np.newaxis]
    calm = after(AdaptiveConformal(other_regime=0.05), positions, alike=alike)
    wild = after(AdaptiveConformal(other_regime=0.05), positions, alike=1 - alike)

    assert ends_of(calm)[1] < 1 < ends_of(wild)[1]


def test_where_the_regime_is_unknown_scores_count_alike() -> None:
    positions, unknown = np.tile([0.6, 2.0], 100), np.full((200, 1), NAN)

    told = after(AdaptiveConformal(other_regime=0.05), positions, alike=unknown)

    assert ends_of(told) == ends_of(after(AdaptiveConformal(), positions))


def beta_by_brute_force(scores: Floats, t: int, s: int, horizon: int, pooling: float) -> float:
    known = scores[: max(0, t - horizon + 1)]
    own, everyone = ([x for x in part.ravel() if not np.isnan(x)] for part in (known[:, s], known))
    if len(everyone) < FEWEST or np.isnan(scores[t, s]):
        return NAN
    share = len(own) / (len(own) + pooling) if own else 0.0
    mine = (1 + sum(x >= scores[t, s] for x in own)) / (len(own) + 1)
    all_of_them = (1 + sum(x >= scores[t, s] for x in everyone)) / (len(everyone) + 1)
    return share * mine + (1 - share) * all_of_them


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 100), st.sampled_from([1, 5]), st.sampled_from([0.0, 50.0]))
def test_betas_equal_counting(seed: int, horizon: int, pooling: float) -> None:
    random = np.random.default_rng(seed)
    scores = np.where(random.random((30, 3)) < 0.2, NAN, random.normal(size=(30, 3)).round(1))

    found = betas(scores, horizon, pooling, FEWEST)

    counted = [[beta_by_brute_force(scores, t, s, horizon, pooling) for s in range(3)] for t in range(30)]
    np.testing.assert_allclose(found, counted, rtol=1e-12)


def test_one_expert_alone_walks_as_adaptive_conformal_inference() -> None:
    met = np.random.default_rng(5).random(200)
    level = 0.25
    for beta in met:
        level = min(max(level + 0.03 * (0.25 - (beta < level)), 0.02), 0.6)

    assert levels(met[:, np.newaxis], np.array([0.03]), 0.25, 0.02, 0.6, 1.0, 0.01)[0] == pytest.approx(level)


def test_after_a_shift_the_fast_expert_leads() -> None:
    # all outcomes at the edge of the scores: every level misses, the fastest falls furthest
    met = np.full((60, 1), 0.01)
    slow, fast, mixed = (
        levels(met, np.array(g), 0.25, 0.02, 0.6, 5.0, 0.005)[0] for g in ([0.003], [0.1], GAMMAS)
    )

    assert fast <= mixed < (slow + fast) / 2


def test_experts_have_one_level_for_both_ends() -> None:
    with pytest.raises(UsageError, match="leave asymmetric off"):
        AggregatedConformal(asymmetric=True)
    with pytest.raises(UsageError, match="leave asymmetric off"):
        IntervalChoice(method="aggregated", asymmetric=True)


def test_a_split_is_a_level_that_never_moves() -> None:
    walker = after(IntervalChoice(method="split").chosen, np.linspace(-1, 1, 40))

    assert walker.update(issued(-1.0, 1.0), np.full(CELL, 9.0)).miscoverage_[0, 0] == 0.25
