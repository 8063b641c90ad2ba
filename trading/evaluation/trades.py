"""What closing a position made: trades with their profit, from the bookings of the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from trading.interfaces import Floats

COLUMNS: tuple[str, ...] = ("session", "symbol", "shares", "profit_cents")


@dataclass
class _Holding:
    """Shares held and what they cost, in cents; both negative for a short position."""

    shares: int = 0
    cost: Fraction = Fraction(0)

    def trade(self, shares: int, cash: int) -> Fraction | None:
        """Book a purchase or sale; the profit of what it closed, None if it closed nothing."""
        if self.shares * shares >= 0:
            self.shares, self.cost = self.shares + shares, self.cost - cash
            return None
        closed = min(abs(shares), abs(self.shares))
        price_paid = self.cost * Fraction(closed, abs(self.shares))
        cash_of_close = cash * Fraction(closed, abs(shares))
        self.shares += shares
        self.cost -= price_paid + (cash - cash_of_close)
        return cash_of_close - price_paid


def closed_trades(ledger: pd.DataFrame) -> pd.DataFrame:
    """Every trade that closed shares, wholly or in part, with its profit after commissions.

    Costs are averaged over the shares held; dividends and splits change a position's cost or its shares. A trade
    through zero closes the old position and opens a new one.

    Parameters
    ----------
    ledger : rows of one strategy's `ledger`, from the first session on

    Returns
    -------
    session, symbol, shares (as they were bought or sold), profit_cents (rounded)
    """
    return pd.DataFrame(list(_closed(_accounts(ledger))), columns=list(COLUMNS))


def profit_factor(profits: Floats) -> float:
    """Gains over losses of profits (n,); infinite without a loss, NaN without a trade.

    Examples
    --------
    >>> profit_factor(np.array([3.0, -1.0, -1.0]))
    1.5
    """
    gains, losses = float(profits[profits > 0].sum()), float(-profits[profits < 0].sum())
    if losses:
        return gains / losses
    return float("inf") if gains else float("nan")


def _accounts(ledger: pd.DataFrame) -> pd.DataFrame:
    """One row a reference and symbol in booking order: a fill with its fees, or another event."""
    ordered = ledger[ledger["kind"] != "deposit"].sort_values(["session", "sequence"], kind="stable")
    worth = ordered["cash_cents"] + ordered["receivable_cents"]
    traded = ordered["reference"].where(ordered["kind"].eq("fill")).dropna()
    part = ordered["reference"].where(ordered["reference"].isin(traded), np.arange(len(ordered)).astype(str))
    grouped = ordered.assign(worth=worth, part=part).groupby(["session", "part", "symbol"], sort=False)
    summed = grouped.agg(shares=("shares", "sum"), worth=("worth", "sum"), kind=("kind", "first"))
    return summed.reset_index()


def _closed(events: pd.DataFrame) -> Iterator[tuple[pd.Timestamp, str, int, int]]:
    held: dict[str, _Holding] = {}
    for row in events.itertuples():
        holding = held.setdefault(str(row.symbol), _Holding())
        if row.kind != "fill":
            holding.shares += int(row.shares)
            holding.cost -= int(row.worth)
            continue
        profit = holding.trade(int(row.shares), int(row.worth))
        if profit is not None:
            yield row.session, str(row.symbol), int(row.shares), round(profit)
