"""Past windows against brute force, bar by bar."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation

from trading.interfaces import Floats
from trading.monitoring import bar_series
from trading.monitoring.bar_series import Ints, Look, past_median, past_spread, series_of
from trading.testing.market import SimulatedMarket

LOOKS = st.builds(Look, width=st.integers(1, 6), within=st.integers(1, 12), lag=st.integers(0, 3))


def brute(values: Floats, groups: Ints, places: Ints, look: Look) -> list[Floats]:
    """The window of each element, empty where there is no whole one."""
    windows = []
    for at in range(len(values)):
        end = at - look.lag + 1
        first = end - look.width
        whole = first >= 0 and groups[first] == groups[at] and places[at] - places[first] <= look.within
        windows.append(values[first:end] if whole else np.empty(0))
    return windows


@settings(max_examples=80, deadline=None)
@given(look=LOOKS, seed=st.integers(0, 10**6), block=st.sampled_from((3, 7, 65_536)))
def test_medians_and_spreads_are_those_of_each_window(look: Look, seed: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.sort(rng.integers(0, 3, 40))
    places = np.cumsum(rng.integers(0, 3, 40))
    values = rng.normal(size=40)
    windows = brute(values, groups, places, look)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bar_series, "_BLOCK", block)
        middle, spread = past_spread(values, groups, places, look)
    median = past_median(values, groups, places, look, np.ones(40, dtype=bool))

    expected = [np.median(window) if len(window) else np.nan for window in windows]
    scaled = [median_abs_deviation(window) * 1.4826 if len(window) else np.nan for window in windows]
    np.testing.assert_array_equal(middle, expected)
    np.testing.assert_array_equal(median, expected)
    np.testing.assert_allclose(spread, scaled, rtol=1e-12)  # scipy subtracts in another order


def test_only_wanted_medians_are_made() -> None:
    wanted = np.array([False, False, True, False])
    zeros = np.zeros(4, dtype=np.int64)

    median = past_median(np.arange(4.0), zeros, zeros, Look(2, 5), wanted)

    np.testing.assert_array_equal(median, [np.nan, np.nan, 0.5, np.nan])


def test_a_series_holds_the_newest_revision_of_each_bar_by_symbol_and_time() -> None:
    session = pd.Timestamp("2024-06-10")
    rows = SimulatedMarket().bars(("NVDA", "AMD"), session, session, "5min")
    revised = rows.iloc[[5]].assign(close=1.0, known_at=rows["known_at"].iloc[5] + pd.Timedelta(hours=2))

    series = series_of(pd.concat([rows, revised]).sample(frac=1.0, random_state=1), "5min")

    assert series.rows["symbol"].tolist() == ["AMD"] * 78 + ["NVDA"] * 78
    assert (series.rows["close"] == 1.0).sum() == 1
    assert series.slots.tolist() == list(range(78)) * 2
    assert (np.diff(series.known.astype("int64"))[series.follows[1:]] >= 0).all()
    assert np.isnan(series.returns[[0, 78]]).all()
