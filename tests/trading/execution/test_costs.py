"""Charges worked by hand to the cent, and what they may never be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.execution.account import cents
from trading.execution.costs import Charge, CostModel

DEAR = CostModel(half_spread_bps=2.0, slippage_bps=2.0, commission_per_share=0.005, minimum_commission=0.35)
PRICES = st.floats(0.05, 5_000.0)
SHARES = st.integers(1, 100_000)


def test_a_buy_is_charged_to_the_cent() -> None:
    # 67 at 150.00: price 150.00 x 1.0004 = 150.06; notional 10,054.02; the open alone 10,050.00, so the
    # price costs 4.02, of which half the spread 2.01; commission 67 x 0.005 = 0.335, raised to 0.35.
    assert DEAR.charge(150.0, 67) == Charge(150.0, 150.06, 1_005_402, 201, 201, 35)


def test_a_sell_is_charged_to_the_cent() -> None:
    # 1,000 at 37.41: 37.41 x 0.9996 = 37.395036, rounded 37.3950; 37,395.00 against 37,410.00.
    assert DEAR.charge(37.41, -1000) == Charge(37.41, 37.395, 3_739_500, 748, 752, 500)


@pytest.mark.parametrize(("usd", "whole"), [(1000.205, 100_021), (-0.005, -1), (0.0049, 0), (2.675, 268)])
def test_half_a_cent_goes_away_from_zero(usd: float, whole: int) -> None:
    assert cents(usd) == whole


def test_a_round_trip_costs_about_a_tenth_of_a_percent() -> None:
    # Twice 2 + 2.5, and 0.005 a share each way. An order of any size costs the same: there is no minimum.
    assert CostModel().round_trip_bps(100.0, 100) == pytest.approx(10.0, abs=0.01)  # rounded to cents
    assert CostModel().round_trip_bps(100.0, 5) == pytest.approx(10.0, abs=0.5)


@given(price=PRICES, shares=SHARES, side=st.sampled_from((-1, 1)))
def test_a_fill_is_never_better_than_the_open_nor_worse_than_its_costs(
    price: float, shares: int, side: int
) -> None:
    charge = CostModel().charge(price, side * shares)

    worst = charge.open_price * 4.5e-4 + 0.5e-4 + 1e-9  # rounded to 1e-4, and the float of it
    assert abs(charge.open_price - price) <= 0.5e-4 + 1e-9
    assert 0 <= side * (charge.price - charge.open_price) <= worst
    assert min(charge.spread_cents, charge.slippage_cents) >= 0
    lost = side * (charge.notional_cents - cents(shares * charge.open_price))
    assert charge.spread_cents + charge.slippage_cents == lost


@given(price=PRICES, shares=SHARES, cash=st.integers(0, 10**9))
def test_what_is_affordable_is_paid_for_and_one_more_is_not(price: float, shares: int, cash: int) -> None:
    costs = DEAR

    def total(count: int) -> int:
        charge = costs.charge(price, count)
        return charge.notional_cents + charge.commission_cents

    bought = costs.affordable(price, shares, cash)

    assert bought == 0 or total(bought) <= cash
    assert bought == shares or total(bought + 1) > cash
