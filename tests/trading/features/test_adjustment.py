"""Adjusted views of raw bars: worked by hand, free of scale, one basis a window."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading import calendar
from trading.errors import DataError
from trading.features.adjustment import AdjustedBars, adjusted_bars
from trading.history import History
from trading.testing.market_frames import actions_frame, bars_frame

FRIDAY, MONDAY, TUESDAY = "2024-06-07", "2024-06-10", "2024-06-11"


def adjusted(
    bars: pd.DataFrame, actions: pd.DataFrame, sessions: int = 3, last: str = TUESDAY
) -> AdjustedBars:
    end = calendar.session_of(last)
    first, now = calendar.shift(end, 1 - sessions), calendar.as_of(end)
    rows, events = History.from_frame("bars", bars), History.from_frame("corporate_actions", actions)
    symbols = list(dict.fromkeys(bars["symbol"]))
    return adjusted_bars(rows.window(first, end, now), events.window(first, end, now), symbols=symbols)


def test_a_ten_for_one_split_divides_earlier_prices_and_multiplies_earlier_volumes() -> None:
    bars = bars_frame({"NVDA": (1208.0, 121.0, 122.0)}, TUESDAY)

    view = adjusted(bars, actions_frame((MONDAY, "NVDA", "split", 10.0)))

    np.testing.assert_allclose(view.close[:, 0], (120.8, 121.0, 122.0), rtol=1e-15)
    np.testing.assert_allclose(view.high[:, 0], np.array((120.8, 121.0, 122.0)) * 1.01, rtol=1e-15)
    np.testing.assert_array_equal(view.volume[:, 0], (1e7, 1e6, 1e6))


def test_a_dividend_takes_its_share_of_the_close_before_it_from_earlier_prices() -> None:
    bars = bars_frame({"SPY": (90.0, 100.0, 99.0)}, TUESDAY)

    view = adjusted(bars, actions_frame((TUESDAY, "SPY", "dividend", 2.0)))

    np.testing.assert_allclose(view.close[:, 0], (90.0 * 0.98, 98.0, 99.0), rtol=1e-15)
    np.testing.assert_array_equal(view.volume[:, 0], 1e6)


def test_a_dividend_and_a_split_of_one_session_are_both_of_old_shares() -> None:
    """200 USD a share pay 4 USD, then 4 new shares for 1: (200 - 4) / 4 = 49."""
    bars = bars_frame({"QCOM": (200.0, 50.0, 51.0)}, TUESDAY)
    actions = actions_frame((MONDAY, "QCOM", "split", 4.0), (MONDAY, "QCOM", "dividend", 4.0))

    assert adjusted(bars, actions).close[0, 0] == pytest.approx(49.0, rel=1e-15)


def test_several_actions_multiply() -> None:
    bars = bars_frame({"AVGO": (100.0, 50.0, 24.0)}, TUESDAY)
    actions = actions_frame(
        (MONDAY, "AVGO", "split", 2.0), (TUESDAY, "AVGO", "split", 2.0), (TUESDAY, "AVGO", "dividend", 1.0)
    )

    np.testing.assert_allclose(adjusted(bars, actions).close[:, 0], (24.5, 24.5, 24.0), rtol=1e-15)


def test_a_dividend_after_a_gap_uses_the_last_close_there_was() -> None:
    bars = bars_frame({"TSM": (100.0, np.nan, 97.0), "NVDA": (1.0, 1.0, 1.0)}, TUESDAY)

    view = adjusted(bars, actions_frame((TUESDAY, "TSM", "dividend", 5.0)))

    np.testing.assert_allclose(view.close[:, view.symbols.index("TSM")], (95.0, np.nan, 97.0), rtol=1e-15)


def test_an_action_of_the_first_session_or_of_another_symbol_changes_nothing() -> None:
    bars = bars_frame({"NVDA": (100.0, 101.0, 102.0)}, TUESDAY)
    actions = actions_frame((FRIDAY, "NVDA", "split", 10.0), (FRIDAY, "NVDA", "dividend", 1.0))

    np.testing.assert_array_equal(adjusted(bars, actions).close[:, 0], (100.0, 101.0, 102.0))
    foreign = actions_frame((MONDAY, "AMD", "split", 4.0))
    np.testing.assert_array_equal(adjusted(bars, foreign).close[:, 0], (100.0, 101.0, 102.0))


def test_a_split_that_takes_effect_later_is_not_applied_yet() -> None:
    bars = bars_frame({"NVDA": (1200.0, 1208.0, 120.0)}, MONDAY)
    actions = actions_frame((MONDAY, "NVDA", "split", 10.0))

    assert adjusted(bars, actions, sessions=2, last=FRIDAY).close[-1, 0] == 1208.0


@pytest.mark.parametrize("basis", ["split_adjusted", "fully_adjusted"])
def test_bars_that_the_vendor_adjusted_stay_as_they_are(basis: str) -> None:
    bars = bars_frame({"NVDA": (100.0, 101.0, 102.0)}, TUESDAY, basis=basis)

    view = adjusted(bars, actions_frame((MONDAY, "NVDA", "split", 10.0)))

    np.testing.assert_array_equal(view.close[:, 0], (100.0, 101.0, 102.0))


def test_bases_that_mix_in_a_window_are_refused_with_symbol_and_session() -> None:
    bars = bars_frame({"NVDA": (100.0, 101.0, 102.0), "AMD": (1.0, 1.0, 1.0)}, TUESDAY)
    later = bars["session"].eq(pd.Timestamp(MONDAY)) & bars["symbol"].eq("NVDA")
    mixed = bars.assign(basis=bars["basis"].mask(later, "fully_adjusted"))

    with pytest.raises(DataError, match=r"NVDA changes from raw to fully_adjusted bars at 2024-06-10"):
        adjusted(mixed, actions_frame())


def test_each_symbol_may_have_a_basis_of_its_own() -> None:
    bars = bars_frame({"NVDA": (1000.0, 100.0, 101.0), "AMD": (50.0, 50.0, 50.0)}, TUESDAY)
    own = bars.assign(basis=bars["basis"].mask(bars["symbol"] == "AMD", "fully_adjusted"))
    actions = actions_frame((MONDAY, "NVDA", "split", 10.0), (MONDAY, "AMD", "split", 10.0))

    view = adjusted(own, actions)

    closes: Mapping[str, np.ndarray] = dict(zip(view.symbols, view.close.T, strict=True))
    np.testing.assert_array_equal(closes["NVDA"], (100.0, 100.0, 101.0))
    np.testing.assert_array_equal(closes["AMD"], 50.0)


@settings(max_examples=12, deadline=None)
@given(
    closes=st.lists(st.floats(1.0, 1e4), min_size=3, max_size=3),
    ratio=st.sampled_from((0.1, 2.0, 4.0, 10.0)),
    share=st.floats(0.0, 0.2),
)
def test_a_return_is_that_of_a_holder_who_reinvests(closes: list[float], ratio: float, share: float) -> None:
    """Close e over (close before - dividend) / ratio, whatever happens elsewhere in the window."""
    amount = share * closes[1]
    actions = actions_frame((TUESDAY, "MU", "split", ratio), (TUESDAY, "MU", "dividend", amount))

    view = adjusted(bars_frame({"MU": closes}, TUESDAY), actions)

    # Four roundings of relative size 1e-16 each.
    expected = closes[2] / ((closes[1] - amount) / ratio)
    assert view.close[2, 0] / view.close[1, 0] == pytest.approx(expected, rel=1e-14)
    assert view.close[1, 0] / view.close[0, 0] == pytest.approx(closes[1] / closes[0], rel=1e-14)
