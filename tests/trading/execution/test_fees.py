"""Fees by date: exact rates, rounded up, capped, and never before their table begins."""

from __future__ import annotations

import itertools
from fractions import Fraction

import pandas as pd
import pytest

from trading.errors import SchemaError
from trading.execution.fees import SECTION_31, TAF, fee_rates, rate_at, sale_fees


@pytest.mark.parametrize(
    ("day", "shares", "notional", "cents"),
    [
        ("2024-05-21", 100, 10_000_00, 8 + 2),  # 8.00 a million: 0.08; 0.000166 x 100 = 0.0166, up to 0.02
        ("2024-05-22", 100, 10_000_00, 28 + 2),  # 27.80 a million: 0.278, up to 0.28
        ("2025-05-14", 100, 10_000_00, 0 + 2),  # no Section 31 fee since then
        ("2024-06-07", 1_000_000, 100_00, 1 + 830),  # 166 USD, but never more than 8.30 a trade
        ("1999-01-04", 100, 10_000_00, 0),
    ],
)
def test_a_sale_pays_what_was_in_force_that_day(day: str, shares: int, notional: int, cents: int) -> None:
    assert sale_fees(pd.Timestamp(day), shares, notional) == cents


def test_a_part_of_a_share_pays_for_that_part_and_at_least_a_cent() -> None:
    assert sale_fees(pd.Timestamp("2025-06-02"), Fraction(1, 1000), 15) == 1


@pytest.mark.parametrize("fee", [SECTION_31, TAF])
def test_the_table_is_dated_without_repeats_and_ends_open(fee: str) -> None:
    rates = fee_rates(fee)

    assert all(a.effective < b.effective for a, b in itertools.pairwise(rates))
    assert rate_at(fee, rates[0].effective - pd.Timedelta(days=1)) is None
    assert rate_at(fee, pd.Timestamp("2099-01-01")) == rates[-1]


def test_an_unknown_fee_is_named() -> None:
    with pytest.raises(SchemaError, match="no rate of 'stamp_duty'"):
        fee_rates("stamp_duty")
