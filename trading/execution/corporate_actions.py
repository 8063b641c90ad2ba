"""What happens to holdings and open orders before the open: splits, and dividends owed and paid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from trading.execution.account import Book, Booking, Order, Receivable, cents
from trading.execution.lifecycle import advance, is_working


@dataclass(frozen=True)
class Late:
    """Where an action that became known late belongs: its `session`, and what was `held` before its open at `close`."""

    session: pd.Timestamp
    held: int
    close: float


@dataclass(frozen=True)
class CorporateAction:
    """A split (`ratio` new shares for each old one) or dividend (`amount` USD a share) of one session.

    `late` is there if it became known only after that session had been traded.
    """

    symbol: str
    kind: Literal["split", "dividend"]
    ratio: float
    amount: float
    pay_session: pd.Timestamp
    late: Late | None = None


@dataclass(frozen=True)
class Opening:
    """Book and orders as the open finds them, and the bookings that led there."""

    book: Book
    orders: tuple[Order, ...]
    bookings: tuple[Booking, ...]


def open_book(
    book: Book, orders: Sequence[Order], actions: Iterable[CorporateAction], session: pd.Timestamp
) -> Opening:
    """Apply the actions effective before the open of `session`, then pay what is due.

    Dividends come before splits: both are per share held at the previous close. An action that is
    known late is booked on what was held before the session that it belongs to, and says so: shares
    traded since, at prices that hold the action already, have no part in it.
    """
    opening = Opening(book, tuple(orders), ())
    for action in sorted(actions, key=lambda a: (a.kind != "dividend", a.symbol)):
        opening = _accrue(opening, action, session) if action.kind == "dividend" else _split(opening, action)
    return _pay(opening, session)


def _accrue(opening: Opening, action: CorporateAction, session: pd.Timestamp) -> Opening:
    late = action.late
    held = late.held if late else opening.book.shares.get(action.symbol, 0)
    owed = cents(held * action.amount / opening.book.units_per_share)
    if owed == 0:
        return opening
    claim = Receivable(action.symbol, late.session if late else session, action.pay_session, owed)
    reference = f"{action.amount:g} USD a share, paid {action.pay_session:%Y-%m-%d}{_lateness(action)}"
    booking = Booking("dividend_accrued", action.symbol, 0, 0, owed, reference)
    book = replace(opening.book, receivables=(*opening.book.receivables, claim))
    return replace(opening, book=book, bookings=(*opening.bookings, booking))


def _pay(opening: Opening, session: pd.Timestamp) -> Opening:
    due = [claim for claim in opening.book.receivables if claim.pay_session <= session]
    paid = tuple(
        Booking("dividend_paid", c.symbol, 0, c.amount_cents, -c.amount_cents, f"ex {c.ex_session:%Y-%m-%d}")
        for c in due
    )
    left = tuple(claim for claim in opening.book.receivables if claim.pay_session > session)
    cash = opening.book.cash_cents + sum(claim.amount_cents for claim in due)
    book = replace(opening.book, receivables=left, cash_cents=cash)
    return replace(opening, book=book, bookings=(*opening.bookings, *paid))


def _split(opening: Opening, action: CorporateAction) -> Opening:
    orders = tuple(_adjusted(o, action) if _precedes(o, action) else o for o in opening.orders)
    if action.late:
        book, bookings = _split_late(opening.book, action, action.late)
    elif action.symbol in opening.book.shares:
        book, bookings = _split_shares(opening.book, action)
    else:
        return replace(opening, orders=orders)
    return Opening(book, orders, (*opening.bookings, *bookings))


def _precedes(order: Order, action: CorporateAction) -> bool:
    """Whether an order is in old shares: those of a late split may have been decided in new ones."""
    decided_before = action.late is None or order.decision_session < action.late.session
    return order.symbol == action.symbol and decided_before and is_working(order)


def _split_shares(book: Book, action: CorporateAction) -> tuple[Book, tuple[Booking, ...]]:
    """The book with whole new shares, and cash at the adjusted close for the fraction."""
    close = book.closes[action.symbol] / action.ratio
    old = book.shares[action.symbol]
    return _exchanged(book, action, old, close, {**book.closes, action.symbol: close})


def _split_late(book: Book, action: CorporateAction, late: Late) -> tuple[Book, tuple[Booking, ...]]:
    """The same for a split of an earlier session, since when closes are in new shares."""
    if not late.held:
        return book, ()
    close = late.close / action.ratio
    book = replace(book, stale_sessions={action.symbol: 0, **book.stale_sessions})
    return _exchanged(book, action, late.held, close, {action.symbol: close, **book.closes})


def _exchanged(
    book: Book, action: CorporateAction, old: int, close: float, closes: Mapping[str, float]
) -> tuple[Book, tuple[Booking, ...]]:
    """`old` shares exchanged for whole new ones, the fraction paid at `close`; the book goes on with `closes`.

    No more shares are taken than there are: whoever sold too many of them before a late reverse split
    was known keeps none. Who is short owes the fraction.
    """
    exact = round(old * action.ratio, 9)
    held = book.shares.get(action.symbol, 0)
    whole = math.trunc(exact)
    change = max(whole - old, -max(held, 0)) if old > 0 else min(whole - old, -min(held, 0))
    reference = f"split {action.ratio:g} for 1{_lateness(action)}"
    lieu = cents((exact - whole) * close / book.units_per_share)
    split = Booking("split", action.symbol, change, 0, 0, reference)
    paid = Booking("cash_in_lieu", action.symbol, 0, lieu, 0, reference)
    bookings = (split, paid) if lieu else (split,)
    shares = {
        symbol: count for symbol, count in {**book.shares, action.symbol: held + change}.items() if count
    }
    return replace(book, shares=shares, closes=closes, cash_cents=book.cash_cents + lieu), bookings


def _lateness(action: CorporateAction) -> str:
    return f", late: of {action.late.session:%Y-%m-%d}" if action.late else ""


def _adjusted(order: Order, action: CorporateAction) -> Order:
    """The order in new shares: what remains x ratio towards zero, prices divided by it."""
    remaining = math.trunc(round(order.remaining * action.ratio, 9))
    if not remaining:
        reason = f"expired: split {action.ratio:g} for 1 left less than a share of {order.remaining}"
        return advance(order, "expired", reason)
    filled = math.trunc(round(order.filled * action.ratio, 9))
    return replace(
        order,
        quantity=filled + remaining,
        filled=filled,
        reference_price=order.reference_price / action.ratio,
        limit_price=order.limit_price / action.ratio,
        stop_price=order.stop_price / action.ratio,
        reason=f"split {action.ratio:g} for 1 made {order.quantity} into {filled + remaining}",
    )
