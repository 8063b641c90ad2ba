"""Bars whose order is destroyed keep what they claim to keep, and lose what they claim to lose."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar
from trading.digest import generator
from trading.errors import MissingBarsError
from trading.monitoring.bar_rules import separate_bars
from trading.testing.order_destroyed import (
    Legs,
    bars_of,
    block_shuffled,
    legs_of,
    sign_flipped,
    traded_throughout,
    turned_over,
    without_mean,
)

LAST = calendar.session_of("2024-03-08")
NAMES = ("NVDA", "AMD", "SPY")
DATA = Path(__file__).parents[3].parent / "shared" / "data"


def trending(count: int = 400, seed: int = 1, memory: float = 0.6, drift: float = 0.002) -> Legs:
    """Legs with everything that must go: a drift, and days that carry on; three names that move together."""
    rng = generator("test_order_destroyed", seed=seed)
    common, day = 0.02 * rng.normal(size=(count, 1)), np.zeros((count, 3))
    for t in range(count):
        carried = memory * (day[t - 1] - drift) if t else 0.0
        day[t] = drift + np.clip(carried + common[t] + 0.005 * rng.normal(size=3), -0.3, 0.3)
    gap = 1 + 0.3 * np.clip(0.02 * rng.normal(size=(count, 3)), -0.2, 0.2) + drift
    wick = 1 + 0.01 * rng.random((2, count, 3))
    high, low = np.maximum(1, 1 + day) * wick[0], np.minimum(1, 1 + day) / wick[1]
    index = np.column_stack([20 + rng.random(count)] * 4)
    return Legs(NAMES, gap, high, low, 1 + day, np.arange(3.0 * count).reshape(count, 3), index)


def autocorrelation(legs: Legs) -> float:
    """Of the days of the first name with those a session before."""
    return float(np.corrcoef(legs.day[:-1, 0], legs.day[1:, 0])[0, 1])


def gone_by(legs: Legs) -> list[bytes]:
    """Each session's legs as one value, by which it can be told."""
    return [np.concatenate([legs.gap[t], legs.day[t], legs.volume[t]]).tobytes() for t in range(len(legs))]


def test_bars_and_legs_are_each_other_s_inverse() -> None:
    legs = trending(60)

    again = legs_of(bars_of(legs, LAST, "test"), NAMES)

    assert again.symbols == NAMES
    for name in ("gap", "high", "low", "day"):
        assert getattr(again, name) == pytest.approx(getattr(legs, name)[1:], rel=1e-12)
    assert (again.volume == legs.volume[1:]).all()
    assert (again.index == legs.index[1:]).all()


def test_a_shuffled_session_is_a_whole_session_of_the_original() -> None:
    legs = trending()

    shuffled = block_shuffled(legs, 300, generator("a"))

    assert set(gone_by(shuffled)) <= set(gone_by(without_mean(legs)))
    assert len(shuffled) == 300


def test_a_shuffle_keeps_stretches_of_ten_sessions_on_average() -> None:
    legs = trending(2000)

    order = block_shuffled(legs, 2000, generator("a")).volume[:, 0] // 3

    breaks = (np.diff(order) != 1).mean()
    assert breaks == pytest.approx(0.1, abs=0.027)  # four standard errors of 2,000 coins of a tenth


def test_a_shuffle_destroys_what_carries_over_longer_than_a_stretch() -> None:
    slow = trending(2000, memory=0.0, drift=0.0)
    wave = 0.02 * np.sign(np.sin(np.arange(2000) * np.pi / 200))[:, np.newaxis]  # 200 sessions up, 200 down
    waved = Legs(NAMES, slow.gap, slow.high * 2, slow.low / 2, slow.day + wave, slow.volume, slow.index)

    def far(legs: Legs) -> float:
        return float(np.corrcoef(legs.day[:-60, 0], legs.day[60:, 0])[0, 1])

    assert far(waved) > 0.15
    assert (
        abs(far(block_shuffled(waved, 2000, generator("a")))) < 0.1
    )  # stretches of ten: 200 cases, an error of 0.05


def test_shuffled_legs_earn_nothing_on_average_whatever_they_earned() -> None:
    legs = without_mean(trending(drift=0.004))

    assert legs.day.mean(axis=0) == pytest.approx(np.ones(3), abs=1e-12)
    assert legs.gap.mean(axis=0) == pytest.approx(np.ones(3), abs=1e-12)


def test_turning_over_keeps_sizes_and_the_names_that_moved_together() -> None:
    legs = trending()

    flipped = sign_flipped(legs, len(legs), generator("a"))

    assert np.abs(flipped.day - 1) == pytest.approx(np.abs(legs.day - 1), abs=1e-12)
    assert np.abs(flipped.gap - 1) == pytest.approx(np.abs(legs.gap - 1), abs=1e-12)
    signs = np.sign((flipped.day - 1) * (legs.day - 1))
    assert (signs == signs[:, :1]).all()  # one coin for all names of a leg
    assert (flipped.volume == legs.volume).all()


def test_turning_over_destroys_drift_and_what_carries_on() -> None:
    legs = trending(2000)

    flipped = sign_flipped(legs, 2000, generator("a"))

    assert autocorrelation(legs) > 0.5
    assert abs(autocorrelation(flipped)) < 0.09  # four standard errors of 2,000 cases
    assert abs((flipped.day - 1).mean()) < 4 * legs.day.std() / np.sqrt(2000)


def test_gap_and_day_of_a_session_are_turned_by_coins_of_their_own() -> None:
    legs = trending()
    flipped = sign_flipped(legs, len(legs), generator("a"))

    gap, day = (np.sign((getattr(flipped, n) - 1) * (getattr(legs, n) - 1))[:, 0] for n in ("gap", "day"))

    both = (gap == day).mean()
    assert 0.4 < both < 0.6  # 400 coins: four standard errors


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), how=st.sampled_from([block_shuffled, sign_flipped]))
def test_every_bar_holds_its_open_and_close_between_its_low_and_its_high(seed: int, how: object) -> None:
    legs = how(trending(80, seed), 60, generator("a", seed=seed))  # type: ignore[operator]

    bars = bars_of(legs, LAST, "test")

    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] > 0).all()


def test_no_bar_is_kept_out_of_the_line_and_nothing_is_left_of_splits() -> None:
    bars = bars_of(sign_flipped(trending(), 300, generator("a")), LAST, "test")

    assert separate_bars(bars, basis="fully_adjusted").quarantined.empty
    assert set(bars["basis"]) == {"fully_adjusted"}
    assert bars["session"].max() == LAST


def test_a_twice_turned_session_is_as_it_was() -> None:
    legs, coins = trending(50), generator("a").random(50) < 0.5

    again = turned_over(turned_over(legs, coins, ~coins), coins, ~coins)

    assert all(getattr(again, n) == pytest.approx(getattr(legs, n)) for n in ("gap", "high", "low", "day"))


def test_a_price_that_doubles_cannot_be_turned() -> None:
    legs = trending(30)
    legs.high[3, 1] = 2.5

    with pytest.raises(MissingBarsError, match="doubles"):
        sign_flipped(legs, 30, generator("a"))


@pytest.mark.parametrize("how", [block_shuffled, sign_flipped])
def test_too_few_sessions_are_said(how: object) -> None:
    with pytest.raises(MissingBarsError, match="40 sessions are wanted, and the bars hold 30"):
        how(trending(30), 40, generator("a"))  # type: ignore[operator]


def test_who_was_listed_late_takes_no_part() -> None:
    bars = bars_of(trending(30), LAST, "test")
    late = bars[(bars["symbol"] != "AMD") | (bars["session"] > bars["session"].min())]

    assert traded_throughout(bars, ("NVDA", "AMD")) == ("NVDA", "AMD", "SPY")
    assert traded_throughout(late, ("NVDA", "AMD")) == ("NVDA", "SPY")


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared market data is not here")
def test_real_bars_have_nine_names_throughout_and_pass_every_rule() -> None:
    from pipelines.nulls import _legs

    legs = _legs(DATA)
    shuffled = block_shuffled(legs, 1400, generator("a"))

    assert len(legs.symbols) == 12  # nine names and three funds: ARM was listed in 2023
    assert separate_bars(bars_of(shuffled, LAST, "test"), basis="fully_adjusted").quarantined.empty


def together(legs: Legs) -> float:
    return float(np.corrcoef(legs.day[:, 0], legs.day[:, 1])[0, 1])


@pytest.mark.parametrize("how", [block_shuffled, sign_flipped])
def test_names_that_moved_together_still_do(how: object) -> None:
    legs = trending(1000, memory=0.0, drift=0.0)

    destroyed = how(legs, 1000, generator("a"))  # type: ignore[operator]

    assert together(destroyed) == pytest.approx(together(legs), abs=0.03)


def test_frames_of_bars_are_those_of_the_table() -> None:
    bars = bars_of(trending(25), LAST, "test")

    assert isinstance(bars["ts"].dtype, pd.DatetimeTZDtype)
    assert len(bars) == 25 * 4
