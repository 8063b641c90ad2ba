"""What trading costs: one object for the simulator, the cash check and the report."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trading.bounds import NOT_NEGATIVE, check_bounds
from trading.execution.account import cents
from trading.interfaces import Floats

_BPS = 1e-4
_PRICE_DECIMALS = 4


@dataclass(frozen=True)
class Charge:
    """What an execution comes to: price per share, and integer cents for the whole of it."""

    open_price: float
    price: float
    notional_cents: int
    spread_cents: int
    slippage_cents: int
    commission_cents: int


@dataclass(frozen=True)
class CostModel:
    """Half spread, slippage and commission; about 0.1 % for a round trip at a price of 100 USD.

    Attributes
    ----------
    half_spread_bps, slippage_bps : of the open, against whoever trades
    commission_per_share, minimum_commission : USD, the minimum once an order
    """

    half_spread_bps: float = 2.0
    slippage_bps: float = 2.5
    commission_per_share: float = 0.005
    minimum_commission: float = 0.0

    def __post_init__(self) -> None:
        check_bounds(
            self,
            half_spread_bps=NOT_NEGATIVE,
            slippage_bps=NOT_NEGATIVE,
            commission_per_share=NOT_NEGATIVE,
            minimum_commission=NOT_NEGATIVE,
        )

    def charge(self, open_price: float, quantity: int) -> Charge:
        """The charge for a signed quantity at the open, both prices rounded to 1e-4 USD."""
        side, shares = (1 if quantity > 0 else -1), abs(quantity)
        quoted = round(open_price, _PRICE_DECIMALS)
        price = round(
            quoted * (1 + side * (self.half_spread_bps + self.slippage_bps) * _BPS), _PRICE_DECIMALS
        )
        notional = cents(shares * price)
        lost = side * (notional - cents(shares * quoted))
        spread = min(lost, cents(shares * quoted * self.half_spread_bps * _BPS))
        return Charge(quoted, price, notional, spread, lost - spread, self.commission(shares))

    def commission(self, shares: int) -> int:
        """Commission on an order of `shares`, in cents."""
        return cents(max(self.minimum_commission, shares * self.commission_per_share)) if shares else 0

    def affordable(self, open_price: float, shares: int, cash_cents: int) -> int:
        """The most of `shares` that `cash_cents` pays for, costs included."""
        low, high = 0, shares
        while low < high:
            middle = (low + high + 1) // 2
            charge = self.charge(open_price, middle)
            enough = charge.notional_cents + charge.commission_cents <= cash_cents
            low, high = (middle, high) if enough else (low, middle - 1)
        return low

    def linear_rate(self, prices: Floats) -> Floats:
        """(s,) cost of trading one dollar of each name one way, but for impact: what the optimiser counts."""
        return (self.half_spread_bps + self.slippage_bps) * _BPS + self.commission_per_share / prices

    def impact_rate(self, volatility: Floats, dollar_volume: Floats, equity: float) -> Floats:  # noqa: ARG002
        """(s,) k such that changing a weight by d costs k |d|**1.5 of equity; 0 in a model without impact.

        Parameters
        ----------
        volatility : (s,) standard deviation of one session's return
        dollar_volume : (s,) USD that trade in an average session
        equity : USD
        """
        return np.zeros_like(volatility)

    def round_trip_bps(self, price: float, shares: int) -> float:
        """Cost of buying and selling `shares` at `price`, in basis points of their value."""
        buy, sell = self.charge(price, shares), self.charge(price, -shares)
        lost = buy.notional_cents - sell.notional_cents + buy.commission_cents + sell.commission_cents
        return lost / cents(shares * price) / _BPS
