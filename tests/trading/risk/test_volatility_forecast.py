"""The overlay's forecast: by hand, on markets of known volatility, and what makes it change."""

from __future__ import annotations

import numpy as np
import pytest

from trading.interfaces import Floats
from trading.risk.volatility_forecast import VolatilityForecast, outcomes_of_known

HALF = np.array([0.5, 0.5])
UNUSED = np.eye(2)


def returns(deviation: float = 0.02, correlation: float = 0.0, seed: int = 0, sessions: int = 63) -> Floats:
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(sessions, 1)), rng.normal(size=(sessions, 2))
    return deviation * (np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own)


def test_a_steady_market_of_one_size_is_told_exactly() -> None:
    steady = np.log1p(np.tile([0.01, -0.01], 40))[:, None]

    assert VolatilityForecast().forecast(np.ones(1), steady, np.eye(1)) == pytest.approx(0.01 * np.sqrt(252))


def test_what_forecasts_missed_on_average_puts_the_next_one_right() -> None:
    outcomes = 0.01 * 1.05 ** np.arange(63) * np.tile([1, -1], 32)[:63]

    deaf, heard = (
        VolatilityForecast(feedback=on).forecast(np.ones(1), np.log1p(outcomes)[:, None], np.eye(1))
        for on in (False, True)
    )

    variance, missed = float(np.mean(outcomes**2)), []
    for place, outcome in enumerate(outcomes):
        missed += [outcome**2 / variance] if place >= 21 else []
        variance = 0.5**0.1 * variance + (1 - 0.5**0.1) * outcome**2
    assert deaf == pytest.approx(np.sqrt(variance * 252))
    assert heard / deaf == pytest.approx(np.sqrt(np.mean(missed)))


def test_one_wild_past_does_not_halve_the_book() -> None:
    calm_then_wild = np.vstack([returns(0.001)[:42], returns(0.05)[:21]])

    deaf, heard = (
        VolatilityForecast(feedback=on).forecast(HALF, calm_then_wild, UNUSED) for on in (False, True)
    )

    assert heard == pytest.approx(1.5 * deaf)


def test_names_that_move_together_swing_more() -> None:
    told = [VolatilityForecast().forecast(HALF, returns(correlation=c, seed=3), UNUSED) for c in (0.0, 0.9)]

    assert told[1] > 1.2 * told[0]  # in truth by sqrt(1.9 / 1) = 1.38


@pytest.mark.parametrize("deviation", [0.005, 0.02, 0.08])
def test_over_many_markets_the_forecast_is_right_on_average(deviation: float) -> None:
    truth = deviation / np.sqrt(2) * np.sqrt(252)

    told = [VolatilityForecast().forecast(HALF, returns(deviation, seed=s), UNUSED) for s in range(200)]

    assert np.mean(told) == pytest.approx(truth, rel=0.08)  # simple returns of a wild market are lopsided


def test_the_last_weeks_count_more_than_those_before() -> None:
    storm = np.vstack([returns(0.01)[:42], returns(0.04)[:21]])

    later, earlier = (VolatilityForecast().forecast(HALF, w, UNUSED) for w in (storm, storm[::-1]))

    assert later > 1.5 * earlier


def test_a_name_without_returns_does_as_the_rest_does() -> None:
    known = returns()
    holes = known.copy()
    holes[:, 1] = np.nan

    assert outcomes_of_known(HALF, holes) == pytest.approx(np.expm1(known[:, 0]))


def test_a_book_of_few_returns_or_by_setting_is_told_from_the_covariance() -> None:
    short, long = returns(sessions=30), returns()
    covariance = np.diag([4e-4, 0.0])

    assert VolatilityForecast().forecast(HALF, short, covariance) == pytest.approx(0.01 * np.sqrt(252))
    by_setting = VolatilityForecast(method="covariance").forecast(HALF, long, covariance)
    assert by_setting == pytest.approx(0.01 * np.sqrt(252))


def test_a_book_without_weights_swings_by_nothing() -> None:
    assert VolatilityForecast().forecast(np.zeros(2), returns(), UNUSED) == 0.0


def test_returns_older_than_the_window_change_nothing() -> None:
    recent = returns(sessions=168)
    older = np.vstack([returns(0.2, sessions=40), recent])

    told = [VolatilityForecast().forecast(HALF, window, UNUSED) for window in (recent, older)]

    assert told[0] == told[1]


def test_a_longer_memory_of_misses_is_nearer_to_the_truth_on_average_than_a_short_one() -> None:
    """Few misses are noise, and dividing by noise makes what is held too large (Jensen)."""
    squares: dict[int, list[float]] = {63: [], 168: []}
    for seed in range(300):
        market = returns(seed=seed, sessions=169)
        outcome = float(np.expm1(market[-1]).mean())
        for window, found in squares.items():
            said = VolatilityForecast(window_sessions=window).forecast(HALF, market[:-1], UNUSED)
            found.append(252 * (outcome / said) ** 2)

    assert np.mean(squares[168]) < np.mean(squares[63])
    assert np.mean(squares[168]) == pytest.approx(1.0, abs=0.25)  # standard error sqrt(2 / 300) = 0.08
