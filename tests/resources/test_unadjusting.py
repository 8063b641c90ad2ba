"""Raw prices of a vendor that divides the past by every later split."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.sources.unadjusting import factors, in_prices, raw_amounts, raw_prices

DAYS = pd.date_range("2024-06-03", periods=5).to_numpy()


def splits(*listed: tuple[int, float]) -> pd.Series:
    return pd.Series([ratio for _, ratio in listed], index=DAYS[[day for day, _ in listed]], dtype="float64")


def test_a_factor_is_the_product_of_all_later_ratios() -> None:
    listed = splits((1, 4.0), (3, 10.0))

    assert factors(DAYS, listed).tolist() == [40.0, 10.0, 10.0, 1.0, 1.0]
    assert factors(DAYS, listed, on_the_day=True).tolist() == [40.0, 40.0, 10.0, 10.0, 1.0]
    assert factors(DAYS, splits()).tolist() == [1.0] * 5


@given(
    cents=st.integers(100, 51_199),
    ratio=st.sampled_from([10.0, 4.0, 2.0, 3.0, 1.5, 7.0, 0.1, 1.0, 20.0]),
)
def test_prices_divided_and_sent_as_32_bit_numbers_come_back_to_the_cent(cents: int, ratio: float) -> None:
    sent = np.array([np.float32(cents / 100 / ratio)], dtype=np.float64)

    assert raw_prices(sent, np.array([ratio])).tolist() == [cents / 100]


@given(cents=st.integers(51_200, 8_000_000), ratio=st.sampled_from([10.0, 3.0, 1.0, 40.0]))
def test_large_prices_come_back_to_the_cent_too(cents: int, ratio: float) -> None:
    sent = np.array([np.float32(cents / 100 / ratio)], dtype=np.float64)

    assert raw_prices(sent, np.array([ratio])).tolist() == [cents / 100]


def test_a_hundredth_of_a_cent_survives_below_512_dollars() -> None:
    sent = np.array([np.float32(187.1234)], dtype=np.float64)

    assert raw_prices(sent, np.ones(1)).tolist() == [187.1234]


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
