"""Shares to sell short: which can be had, and what they cost until they are given back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trading.bounds import NOT_NEGATIVE, check_bound
from trading.execution.account import cents
from trading.interfaces import Bools, Floats

DAYS_OF_A_YEAR = 360  # the convention of the stock loan market


@dataclass(frozen=True)
class BorrowTerms:
    """Rates and availability of borrowed shares.

    Attributes
    ----------
    annual_rate : of the value that is short, simple interest over 360 days; the roadmap's 20 bps
    hard_to_borrow : annual rates of the names that cost another
    unavailable : names of which no share can be had
    """

    annual_rate: float = 0.002
    hard_to_borrow: Mapping[str, float] = field(default_factory=dict)
    unavailable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, rate in {"annual_rate": self.annual_rate, **self.hard_to_borrow}.items():
            check_bound(name, rate, NOT_NEGATIVE)

    def is_available(self, symbol: str) -> bool:
        """Whether shares of `symbol` can be borrowed for a new short position."""
        return symbol not in self.unavailable

    def rate(self, symbol: str) -> float:
        """Annual rate of `symbol`."""
        return self.hard_to_borrow.get(symbol, self.annual_rate)

    def availability(self, symbols: Sequence[str]) -> Bools:
        """(s,) whether shares can be borrowed."""
        return np.array([self.is_available(symbol) for symbol in symbols])

    def rates(self, symbols: Sequence[str]) -> Floats:
        """(s,) annual rates."""
        return np.array([self.rate(symbol) for symbol in symbols])

    def fee_cents(self, symbol: str, short_value_cents: int, days: int) -> int:
        """Fee on `short_value_cents` (not negative) for calendar `days`, in cents.

        Examples
        --------
        >>> BorrowTerms().fee_cents("NVDA", 100_000_00, 3)  # 100,000 x 0.002 x 3 / 360
        167
        """
        return cents(short_value_cents / 100 * self.rate(symbol) * days / DAYS_OF_A_YEAR)
