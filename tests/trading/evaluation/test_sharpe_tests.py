import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.evaluation.performance import sharpe_standard_error
from trading.evaluation.resampling import paired_figures
from trading.evaluation.sharpe_tests import (
    SharpeMoments,
    deflated_sharpe,
    drawdown_distribution,
    expected_maximum_sharpe,
    lo_interval,
    minimum_track_record,
    months_to_detect,
    probabilistic_sharpe,
)

# Bailey and López de Prado (2014), "A numerical example": five years of daily returns, annual Sharpe 2.5.
PUBLISHED = SharpeMoments(2.5 / math.sqrt(250), skewness=-3.0, kurtosis=10.0, count=1250)
PUBLISHED_DEVIATION = math.sqrt(0.5 / 250)


def returns_of(seed: int, count: int = 1000, mean: float = 0.0005) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 0.01, count)


def test_the_published_example_of_the_deflated_ratio_is_reached() -> None:
    hurdle = expected_maximum_sharpe(100, PUBLISHED_DEVIATION)

    assert hurdle == pytest.approx(0.1132, abs=5e-5)  # both as printed in the paper
    assert probabilistic_sharpe(PUBLISHED, hurdle) == pytest.approx(0.9004, abs=5e-5)


def test_more_trials_of_the_same_spread_make_a_ratio_less_credible() -> None:
    moments = SharpeMoments.of(returns_of(0))
    spread = [-0.05, 0.0, 0.05]

    credible = [deflated_sharpe(moments, spread, trials) for trials in (3, 30, 300)]

    assert credible == sorted(credible, reverse=True)
    assert credible[0] > credible[-1]


def test_a_single_trial_is_not_deflated() -> None:
    moments = SharpeMoments.of(returns_of(1))

    assert deflated_sharpe(moments, [moments.sharpe]) == probabilistic_sharpe(moments)


def test_forgetting_the_count_of_trials_is_not_possible_below_the_ratios_at_hand() -> None:
    moments = SharpeMoments.of(returns_of(2))
    ratios = [0.01, 0.02, 0.05, -0.03]

    assert deflated_sharpe(moments, ratios, trials=1) == deflated_sharpe(moments, ratios)


def test_the_best_of_many_lucky_strategies_is_as_good_as_expected() -> None:
    ratios = np.random.default_rng(3).normal(0.0, 0.04, (4000, 50))

    best = ratios.max(axis=1).mean()

    # The formula's own error at 50 trials is below 1 %, the mean of 4,000 maxima errs by 0.4 %.
    assert expected_maximum_sharpe(50, 0.04) == pytest.approx(best, rel=0.02)


def test_without_skill_the_probability_is_uniform() -> None:
    probabilities = [
        probabilistic_sharpe(SharpeMoments.of(returns_of(seed, 250, 0.0))) for seed in range(600)
    ]

    # Share below 5 % of 600 fair samples: 0.05 with a standard error of 0.009.
    assert np.mean(np.array(probabilities) > 0.95) == pytest.approx(0.05, abs=0.03)


def test_the_minimum_track_record_is_where_the_probability_reaches_its_confidence() -> None:
    moments = SharpeMoments(0.08, -0.5, 5.0, 400)

    needed = minimum_track_record(moments, confidence=0.95)
    after = SharpeMoments(0.08, -0.5, 5.0, math.ceil(needed))

    assert probabilistic_sharpe(after) == pytest.approx(0.95, abs=1e-3)


def test_no_track_record_is_long_enough_for_a_ratio_below_its_benchmark() -> None:
    assert minimum_track_record(SharpeMoments(0.01, 0.0, 3.0, 100), benchmark=0.02) == math.inf


def test_a_test_with_the_promised_months_has_the_promised_power() -> None:
    months = months_to_detect(1.5)
    rng = np.random.default_rng(5)
    samples = rng.normal(1.5 / math.sqrt(252), 1.0, (2000, round(months * 21)))

    statistics = samples.mean(axis=1) / samples.std(axis=1, ddof=1) * math.sqrt(samples.shape[1])

    assert np.mean(statistics > 1.645) == pytest.approx(0.8, abs=0.03)  # 2,000 samples: 0.009


def test_lo_interval_agrees_with_the_closed_form_for_independent_returns() -> None:
    returns = returns_of(6, 2500)

    estimate = lo_interval(returns)
    closed = 1.96 * sharpe_standard_error(returns)

    # The long-run variance rests on some 70 cosine weights: 17 % of error.
    assert (estimate.high - estimate.low) / 2 == pytest.approx(closed, rel=0.35)


def test_lo_interval_covers_the_true_ratio_of_dependent_returns() -> None:
    covered = 0
    for seed in range(200):
        shocks = np.random.default_rng(seed).normal(0.0005, 0.01, 1001)
        estimate = lo_interval(shocks[1:] + 0.5 * shocks[:-1])
        truth = 0.0005 * 1.5 / (0.01 * math.sqrt(1.25)) * math.sqrt(252)
        covered += estimate.low <= truth <= estimate.high

    assert covered / 200 == pytest.approx(0.95, abs=0.05)  # 200 samples: 0.015


def test_intervals_by_lo_and_by_bootstrap_are_alike() -> None:
    returns = returns_of(8, 1500)

    lo, (drawn, _, _) = lo_interval(returns), paired_figures(returns, returns)["sharpe"]

    assert lo.low == pytest.approx(drawn.low, abs=0.3)
    assert lo.high == pytest.approx(drawn.high, abs=0.3)


def test_too_few_or_constant_returns_say_that_nothing_is_known() -> None:
    assert math.isnan(probabilistic_sharpe(SharpeMoments.of(returns_of(9, 20))))
    assert math.isnan(lo_interval(np.zeros(100)).value)
    assert np.isnan(drawdown_distribution(np.zeros(5), [0.5])).all()


def test_drawdowns_that_might_have_been_lie_around_the_one_that_was() -> None:
    returns = returns_of(10, 750)
    wealth = np.cumprod(1 + returns)
    seen = (1 - wealth / np.maximum.accumulate(wealth)).max()

    low, high = drawdown_distribution(returns, [0.01, 0.99])

    assert low < seen < high


@given(st.floats(0.01, 0.3), st.floats(-2, 1), st.floats(3, 12), st.integers(30, 3000))
def test_a_higher_hurdle_is_never_more_probably_passed(
    sharpe: float, skewness: float, kurtosis: float, count: int
) -> None:
    moments = SharpeMoments(sharpe, skewness, kurtosis, count)

    assert probabilistic_sharpe(moments, 0.2) <= probabilistic_sharpe(moments, 0.1)
