"""What trading costs: one object for the simulator, the cash check, the optimiser and the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
import pandas as pd

from trading.bounds import NOT_NEGATIVE, check_bounds
from trading.execution.account import cents
from trading.execution.borrowing import BorrowTerms
from trading.execution.fees import SECTION_31, TAF, rate_at, sale_fees
from trading.interfaces import Bools, Floats

Shares = int | Fraction
_BPS = 1e-4
_PRICE_DECIMALS = 4
_SIDES = 2


@dataclass(frozen=True)
class Charge:
    """What an execution comes to: prices per share, and integer cents for the whole of it.

    `open_price` is the market's price before costs, at whatever moment of the session.
    """

    open_price: float
    price: float
    notional_cents: int
    spread_cents: int
    slippage_cents: int
    commission_cents: int
    impact_cents: int = 0
    fees_cents: int = 0

    def outlay_cents(self, side: int) -> int:
        """Cash that it takes; negative where it brings some in."""
        return side * self.notional_cents + self.commission_cents + self.fees_cents


@dataclass(frozen=True)
class CostModel:
    """Half spread, slippage, impact, commission, regulators' fees and borrow.

    About 0.1 % for a round trip at a price of 100 USD that is small beside the volume.

    Attributes
    ----------
    half_spread_bps, slippage_bps : of the market's price, against whoever takes liquidity
    commission_per_share, minimum_commission : USD, the minimum once a fill
    impact_coefficient : Y in the square-root law, impact = Y sigma sqrt(Q / V) of the price, for Q shares of V
        that trade in the session and a standard deviation sigma of its return; of order one (Toth et al.
        2011, "Anomalous price impact and the critical nature of liquidity", Physical Review X 1, 021006)
    regulatory_fees : whether sales pay the fees of `fees.csv`
    borrow : what a short position costs, and which names can be had
    """

    half_spread_bps: float = 2.0
    slippage_bps: float = 2.5
    commission_per_share: float = 0.005
    minimum_commission: float = 0.0
    impact_coefficient: float = 1.0
    regulatory_fees: bool = True
    borrow: BorrowTerms = field(default_factory=BorrowTerms)

    def __post_init__(self) -> None:
        check_bounds(
            self,
            half_spread_bps=NOT_NEGATIVE,
            slippage_bps=NOT_NEGATIVE,
            commission_per_share=NOT_NEGATIVE,
            minimum_commission=NOT_NEGATIVE,
            impact_coefficient=NOT_NEGATIVE,
        )

    @classmethod
    def free(cls) -> CostModel:
        """A market without any cost, for cases worked by hand."""
        return cls(0.0, 0.0, 0.0, 0.0, 0.0, regulatory_fees=False, borrow=BorrowTerms(annual_rate=0.0))

    def charge(
        self, open_price: float, quantity: Shares, *, impact: float = 0.0, session: pd.Timestamp | None = None
    ) -> Charge:
        """The charge for taking a signed quantity from the market, prices rounded to 1e-4 USD.

        Parameters
        ----------
        impact : of `impact`, a fraction of the price
        session : whose fees a sale pays; without one it pays none
        """
        side = 1 if quantity > 0 else -1
        shares = side * quantity
        quoted = round(open_price, _PRICE_DECIMALS)
        moved = (self.half_spread_bps + self.slippage_bps) * _BPS + impact
        price = max(round(quoted * (1 + side * moved), _PRICE_DECIMALS), 0.0)
        notional = cents(shares * price)
        lost = side * (notional - cents(shares * quoted))
        spread = min(lost, cents(shares * quoted * self.half_spread_bps * _BPS))
        pushed = min(lost - spread, cents(shares * quoted * impact))
        return Charge(
            quoted,
            price,
            notional,
            spread,
            lost - spread - pushed,
            self.commission(shares),
            pushed,
            self.fees(session, shares, notional) if side < 0 else 0,
        )

    def resting(self, price: float, quantity: Shares, *, session: pd.Timestamp | None = None) -> Charge:
        """The charge for an order that waited in the book: its own price, without spread or impact."""
        shares, quoted = (quantity if quantity > 0 else -quantity), round(price, _PRICE_DECIMALS)
        notional = cents(shares * quoted)
        fees = self.fees(session, shares, notional) if quantity < 0 else 0
        return Charge(quoted, quoted, notional, 0, 0, self.commission(shares), 0, fees)

    def commission(self, shares: Shares) -> int:
        """Commission on a fill of `shares`, in cents."""
        return cents(max(self.minimum_commission, shares * self.commission_per_share)) if shares else 0

    def fees(self, session: pd.Timestamp | None, shares: Shares, notional_cents: int) -> int:
        """What regulators charge for a sale, in cents."""
        charged = self.regulatory_fees and session is not None and shares > 0
        return sale_fees(session, shares, notional_cents) if charged and session is not None else 0

    def impact(self, shares: float, volume: float, volatility: float, used: float = 0.0) -> float:
        """Impact of `shares` as a fraction of the price, after `used` shares of the same volume.

        The whole of several orders costs what one order of their sum would: C(q) = Y sigma q**1.5 / sqrt(V),
        and each pays its increment. 0 where the volume is not known.
        """
        if not (shares > 0 and 0 < volume < np.inf and volatility > 0):
            return 0.0
        total = (used + shares) ** 1.5 - used**1.5
        return float(self.impact_coefficient * volatility * total / (shares * volume**0.5))

    def affordable(self, open_price: float, shares: int, cash_cents: int) -> int:
        """The most of `shares` that `cash_cents` pays for, costs included, in a market without impact."""
        return most(shares, lambda count: self.charge(open_price, count).outlay_cents(1) <= cash_cents)

    def linear_rate(self, prices: Floats, session: pd.Timestamp | None = None) -> Floats:
        """(s,) cost of trading one dollar of each name one way, but for impact: what the optimiser counts.

        A sale's fees are spread over both sides: what is bought is sold one day.
        """
        commission = self.commission_per_share / prices
        return (
            (self.half_spread_bps + self.slippage_bps) * _BPS + commission + self._fee_rate(prices, session)
        )

    def _fee_rate(self, prices: Floats, session: pd.Timestamp | None) -> Floats:
        """(s,) half of a sale's fees, a fraction of its value; caps and rounding left out."""
        if not self.regulatory_fees or session is None:
            return np.zeros_like(prices)
        section, activity = rate_at(SECTION_31, session), rate_at(TAF, session)
        value = float(section.rate) / 1e6 if section else 0.0
        return (value + (float(activity.rate) if activity else 0.0) / prices) / _SIDES

    def impact_rate(self, volatility: Floats, dollar_volume: Floats, equity: float) -> Floats:
        """(s,) k such that changing a weight by d costs k |d|**1.5 of equity; 0 where no volume is known.

        Parameters
        ----------
        volatility : (s,) standard deviation of one session's return
        dollar_volume : (s,) USD that trade in an average session
        equity : USD
        """
        known = np.isfinite(dollar_volume) & (dollar_volume > 0)
        share = np.sqrt(equity / np.where(known, dollar_volume, 1.0))
        return np.where(known, self.impact_coefficient * np.nan_to_num(volatility) * share, 0.0)

    def holding_rate(self, symbols: Sequence[str]) -> Floats:
        """(s,) cost of a short position of one dollar for a year."""
        return self.borrow.rates(symbols)

    def shortable(self, symbols: Sequence[str]) -> Bools:
        """(s,) whether a name can be borrowed."""
        return np.array([self.borrow.is_available(symbol) for symbol in symbols], dtype=bool)

    def round_trip_bps(self, price: float, shares: int) -> float:
        """Cost of buying and selling `shares` at `price`, in basis points of their value, without fees or impact."""
        buy, sell = self.charge(price, shares), self.charge(price, -shares)
        lost = buy.notional_cents - sell.notional_cents + buy.commission_cents + sell.commission_cents
        return lost / cents(shares * price) / _BPS


def most(count: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to `count` that fits, 0 if none does; what fits must fit when it is less.

    Examples
    --------
    >>> most(10, lambda n: n * n <= 50)
    7
    """
    if fits(count):
        return count
    low, high = 0, count - 1
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return max(low, 0)
