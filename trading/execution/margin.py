"""What the account may hold on credit: initial and maintenance margin, and what a call does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from trading.bounds import FRACTION, NOT_NEGATIVE, check_bounds
from trading.execution.account import Book, Booking, cents

DAYS_OF_A_YEAR = 360


@dataclass(frozen=True)
class MarginRules:
    """Cash account or margin account.

    Attributes
    ----------
    account : `cash` holds no shorts and no debt; `margin` may hold both
    initial : equity that positions must have behind them, of their gross value, for one more to be opened
        (Regulation T, 12 CFR 220.12: a half)
    maintenance_long, maintenance_short : equity that must stay behind them (FINRA Rule 4210(c): a quarter
        of longs, 30 % of shorts; its dollar minima for cheap shares are left out)
    debit_rate : annual rate on negative cash, over 360 days; credit earns nothing
    """

    account: Literal["cash", "margin"] = "cash"
    initial: float = 0.5
    maintenance_long: float = 0.25
    maintenance_short: float = 0.30
    debit_rate: float = 0.06

    def __post_init__(self) -> None:
        check_bounds(
            self,
            initial=FRACTION,
            maintenance_long=FRACTION,
            maintenance_short=FRACTION,
            debit_rate=NOT_NEGATIVE,
        )

    @property
    def is_margin(self) -> bool:
        """Whether shorts and debt are allowed."""
        return self.account == "margin"

    def call_cents(self, book: Book) -> int:
        """By how much equity misses what its positions need, 0 if it does not."""
        if not self.is_margin:
            return 0
        return max(0, self._required(book) - book.equity_cents)

    def _required(self, book: Book) -> int:
        values = [book.value_cents(symbol) for symbol in book.shares]
        longs, shorts = sum(v for v in values if v > 0), -sum(v for v in values if v < 0)
        return round(self.maintenance_long * longs + self.maintenance_short * shorts)

    def call(self, book: Book) -> tuple[Booking, ...]:
        """A line of the ledger, without money, that tells of a margin call; none without a call."""
        missing = self.call_cents(book)
        if not missing:
            return ()
        said = f"equity {book.equity_cents} misses maintenance {self._required(book)} by {missing} cents"
        return (Booking("margin_call", "USD", 0, 0, 0, said),)

    def interest(self, book: Book, days: int) -> tuple[Booking, ...]:
        """Interest on negative cash for calendar `days`."""
        owed = cents(max(-book.cash_cents, 0) / 100 * self.debit_rate * days / DAYS_OF_A_YEAR)
        return (Booking("interest", "USD", 0, -owed, 0, f"{days} days"),) if owed else ()

    def called_targets(self, targets: Mapping[str, float], book: Book) -> dict[str, float]:
        """Target weights under a call: nothing grows, and all is cut until initial margin is met again.

        Without a call they stay as they are.
        """
        if not self.call_cents(book):
            return dict(targets)
        equity = book.equity_cents
        held = {symbol: book.value_cents(symbol) / equity for symbol in targets}
        gross = sum(map(abs, held.values()))
        part = min(1.0, 1.0 / (self.initial * gross))
        return {symbol: _towards_zero(held[symbol] * part, weight) for symbol, weight in targets.items()}


def _towards_zero(allowed: float, wanted: float) -> float:
    """The wanted weight, no larger than the allowed one and on its side of zero."""
    return float(np.clip(wanted, min(allowed, 0.0), max(allowed, 0.0)))
