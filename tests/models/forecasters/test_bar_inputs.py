"""What a network reads of a bar follows from that bar and earlier ones alone, in one go or bar by bar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.forecasters.bar_inputs import bar_inputs, mirrored, next_inputs, variances_of
from trading.interfaces import Floats


def returns_of(seed: int, bars: int = 60) -> Floats:
    rng = np.random.default_rng(seed)
    returns = rng.standard_t(4, (3, bars)) * 0.02
    returns[1, :20] = np.nan  # listed late
    returns[2, rng.integers(0, bars, 5)] = np.nan  # gaps
    return returns


def test_the_first_bars_by_hand() -> None:
    inputs = bar_inputs(np.array([[0.01, 0.02, np.nan, -0.04]]))[0]

    slow = (0.99 * 0.01**2 + 0.02**2) / 1.99
    fast = (0.94 * 0.01**2 + 0.02**2) / 1.94
    assert inputs[0].tolist() == [0, 0, 1]  # no volatility was known before it
    assert inputs[1] == pytest.approx([2.0, 0.5 * np.log(fast / slow), 1])
    assert inputs[2] == pytest.approx([0.0, inputs[1, 1], 0])  # an unknown bar changes no mean
    assert inputs[3, 0] == pytest.approx(-0.04 / np.sqrt(fast))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), known=st.integers(2, 59))
def test_a_new_bar_gives_what_the_whole_gives(seed: int, known: int) -> None:
    returns = returns_of(seed)
    whole, variances = bar_inputs(returns), variances_of(returns[:, :known])

    for bar in range(known, 60):
        inputs, variances = next_inputs(returns[:, bar], variances)
        assert inputs == pytest.approx(whole[:, bar], abs=1e-9)  # sums in another order


@given(seed=st.integers(0, 1000), bar=st.integers(1, 58))
def test_later_bars_change_nothing(seed: int, bar: int) -> None:
    returns = returns_of(seed)
    changed = returns.copy()
    changed[:, bar + 1 :] *= -9

    assert np.array_equal(bar_inputs(returns)[:, : bar + 1], bar_inputs(changed)[:, : bar + 1])


def test_inputs_know_no_scale_and_stay_within_bounds() -> None:
    returns = returns_of(1)
    crash = returns.copy()
    crash[0, 30] = -5.0

    assert bar_inputs(1e-3 * returns) == pytest.approx(bar_inputs(returns), abs=1e-9)
    assert np.abs(bar_inputs(crash)).max() <= 8


def test_mirrored_returns_have_mirrored_inputs() -> None:
    returns = returns_of(2)

    assert np.array_equal(bar_inputs(-returns), mirrored(bar_inputs(returns)))


def test_returns_that_never_move_are_no_division_by_zero() -> None:
    assert np.isfinite(bar_inputs(np.zeros((2, 30)))).all()
    assert np.isfinite(bar_inputs(np.full((2, 30), np.nan))).all()
