"""Whether a broker's account is what our own records say it must be; each difference by its name.

Ours is what was there when the account was taken over, and everything recorded since: orders sent, fills, and
movements (fees, dividends, splits, deposits). What cannot be explained by them halts trading.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["fill", "order", "position", "cash"]


@dataclass(frozen=True)
class OrderStanding:
    """Where an order stands.

    Attributes
    ----------
    filled : signed shares; None where a split has made shares of two kinds of them
    status : of `OrderStatus`; `unsent` where we meant to send it and no answer is recorded
    """

    symbol: str
    filled: int | None
    status: str


@dataclass(frozen=True)
class Standing:
    """An account at one moment: shares by symbol without zeros, cash, and orders by id.

    Attributes
    ----------
    unknown_fills : descriptions by fill_id of fills that belong to no order of ours
    rounding_cents : by how much cash may differ because a broker counts parts of cents
    """

    positions: Mapping[str, int]
    cash_cents: int
    orders: Mapping[str, OrderStanding]
    unknown_fills: Mapping[str, str]
    rounding_cents: int = 0


@dataclass(frozen=True)
class Difference:
    """One thing on which records and broker differ; `halts` if nothing recorded can explain it."""

    kind: Kind
    name: str
    ours: str
    theirs: str
    halts: bool = True

    def __str__(self) -> str:
        return f"{self.kind} {self.name}: recorded {self.ours}, broker {self.theirs}"


def differences(ours: Standing, theirs: Standing) -> tuple[Difference, ...]:
    """Everything on which two views of one account differ, the gravest kind first, each by name."""
    return (*_fills(ours), *_positions(ours, theirs), *_cash(ours, theirs), *_orders(ours, theirs))


def _fills(ours: Standing) -> Iterator[Difference]:
    for name, said in sorted(ours.unknown_fills.items()):
        yield Difference("fill", name, "no order of ours", said)


def _positions(ours: Standing, theirs: Standing) -> Iterator[Difference]:
    for symbol in sorted({*ours.positions, *theirs.positions}):
        recorded, held = ours.positions.get(symbol, 0), theirs.positions.get(symbol, 0)
        if recorded != held:
            yield Difference("position", symbol, f"{recorded} shares", f"{held} shares")


def _cash(ours: Standing, theirs: Standing) -> Iterator[Difference]:
    if abs(ours.cash_cents - theirs.cash_cents) > ours.rounding_cents:
        yield Difference("cash", "USD", f"{ours.cash_cents} cents", f"{theirs.cash_cents} cents")


def _orders(ours: Standing, theirs: Standing) -> Iterator[Difference]:
    for name in sorted({*ours.orders, *theirs.orders}):
        sent, seen = ours.orders.get(name), theirs.orders.get(name)
        if sent is None and seen is not None:
            yield Difference("order", name, "never sent", f"{seen.status}, of {seen.symbol}")
        elif seen is None and sent is not None and sent.status not in {"unsent", "rejected"}:
            yield Difference("order", name, f"{sent.status}, of {sent.symbol}", "unknown")
        elif sent is not None and seen is not None:
            yield from _one_order(name, sent, seen)


def _one_order(name: str, sent: OrderStanding, seen: OrderStanding) -> Iterator[Difference]:
    if sent.filled is not None and sent.filled != seen.filled:
        yield Difference("order", name, f"{sent.filled} filled", f"{seen.filled} filled")
    elif sent.status != seen.status:  # it lives at the broker: that is where its status comes from
        yield Difference("order", name, sent.status, seen.status, halts=False)
