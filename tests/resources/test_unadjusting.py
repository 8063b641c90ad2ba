"""Raw prices of a vendor that divides the past by every later split."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.sources.unadjusting import factors, in_prices, raw_amounts, raw_prices

DATA = Path(__file__).parents[3] / "shared" / "data"
DAYS = pd.date_range("2024-06-03", periods=5).to_numpy()


def splits(*listed: tuple[int, float]) -> pd.Series:
    return pd.Series([ratio for _, ratio in listed], index=DAYS[[day for day, _ in listed]], dtype="float64")


def test_a_factor_is_the_product_of_all_later_ratios() -> None:
    listed = splits((1, 4.0), (3, 10.0))

    assert factors(DAYS, listed).tolist() == [40.0, 10.0, 10.0, 1.0, 1.0]
    assert factors(DAYS, listed, on_the_day=True).tolist() == [40.0, 40.0, 10.0, 10.0, 1.0]
    assert factors(DAYS, splits()).tolist() == [1.0] * 5


RATIOS = st.sampled_from([10.0, 4.0, 2.0, 3.0, 1.5, 7.0, 0.1, 1.0, 20.0])


@pytest.mark.parametrize(("low", "high", "decimals"), [(1, 800, 4), (800, 8_000, 3), (8_000, 80_000, 2)])
@given(share=st.floats(0, 1, exclude_max=True), ratio=RATIOS)
def test_prices_divided_and_sent_as_32_bit_numbers_come_back_to_the_last_decimal(
    low: int, high: int, decimals: int, share: float, ratio: float
) -> None:
    price = np.floor((low + share * (high - low)) * 10**decimals) / 10**decimals
    sent = np.array([np.float32(price / ratio)], dtype=np.float64)

    assert raw_prices(sent, np.array([ratio])).tolist() == [pytest.approx(price, rel=1e-12)]


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_real_prices_around_real_splits_come_back() -> None:
    bars = pd.read_parquet(DATA / "daily/raw_with_actions.parquet").sort_values(["symbol", "session"])
    for _, mine in bars.groupby("symbol"):
        sessions, prices = mine["session"].to_numpy(), mine[["open", "close"]].to_numpy()
        listed = mine.loc[mine["split_factor"] != 1].set_index("session")["split_factor"]
        factor = factors(sessions, listed)
        sent = (prices / factor[:, None]).astype(np.float32).astype(np.float64)

        assert in_prices(sessions, sent[:, 0], sent[:, 1], listed).all()
        assert not in_prices(sessions, prices[:, 0], prices[:, 1], listed).any()
        # Half of a thousandth of a dollar: some prices above 800 USD hold more decimals than 32 bits do.
        assert np.abs(raw_prices(sent, factor[:, None]) - prices).max() <= 5e-4


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        ([120.0, 121.0, 119.0, 122.0, 121.0], True),  # all in the scale of now
        ([1200.0, 1210.0, 119.0, 122.0, 121.0], False),  # the past is not divided yet
        ([120.0, 121.0, 60.0, 62.0, 61.0], True),  # halved in a night: a crash, far from a tenth
    ],
)
def test_a_split_that_is_listed_before_prices_are_divided_is_seen(
    closes: list[float], *, expected: bool
) -> None:
    prices = np.array(closes)

    assert in_prices(DAYS, prices, prices, splits((2, 10.0))).tolist() == [expected]


def test_a_split_at_the_edge_or_too_small_to_tell_is_believed() -> None:
    prices = np.array([100.0, 96.0, 95.0, 94.0, 93.0])

    assert in_prices(DAYS, prices, prices, splits((0, 10.0))).tolist() == [True]
    assert in_prices(DAYS, prices, prices, splits((1, 1.05))).tolist() == [True]
    assert in_prices(DAYS[:2], prices[:2], prices[:2], splits((4, 10.0))).tolist() == [True]


def test_dividends_are_told_divided_or_not_and_come_out_the_same() -> None:
    factor = np.array([10.0, 10.0, 1.0, 10.0, 0.1])
    listed = np.array([0.004, 0.04, 0.04, 0.004, 0.4])
    implied = np.array([0.0041, 0.0039, 0.04, np.nan, 4.0])  # Yahoo's closes are 32-bit numbers

    assert raw_amounts(listed, implied, factor) == pytest.approx([0.04, 0.04, 0.04, 0.04, 0.4])
