"""What happens to holdings and open orders before the open: splits, and dividends owed and paid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from trading.execution.account import Book, Booking, Order, Receivable, cents


@dataclass(frozen=True)
class CorporateAction:
    """A split (`ratio` new shares for each old one) or dividend (`amount` USD a share) of one session."""

    symbol: str
    kind: Literal["split", "dividend"]
    ratio: float
    amount: float
    pay_session: pd.Timestamp


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

    Dividends come before splits: both are per share held at the previous close.
    """
    opening = Opening(book, tuple(orders), ())
    for action in sorted(actions, key=lambda a: (a.kind != "dividend", a.symbol)):
        opening = _accrue(opening, action, session) if action.kind == "dividend" else _split(opening, action)
    return _pay(opening, session)


def _accrue(opening: Opening, action: CorporateAction, session: pd.Timestamp) -> Opening:
    owed = cents(opening.book.shares.get(action.symbol, 0) * action.amount)
    if owed <= 0:
        return opening
    claim = Receivable(action.symbol, session, action.pay_session, owed)
    reference = f"{action.amount:g} USD a share, paid {action.pay_session:%Y-%m-%d}"
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
    orders = tuple(_adjusted(o, action) if o.symbol == action.symbol else o for o in opening.orders)
    if action.symbol not in opening.book.shares:
        return replace(opening, orders=orders)
    book, bookings = _split_shares(opening.book, action)
    return Opening(book, orders, (*opening.bookings, *bookings))


def _split_shares(book: Book, action: CorporateAction) -> tuple[Book, tuple[Booking, ...]]:
    """The book with whole new shares, and cash at the adjusted close for the fraction."""
    old, close = book.shares[action.symbol], book.closes[action.symbol] / action.ratio
    exact = round(old * action.ratio, 9)
    new = math.floor(exact)
    reference = f"split {action.ratio:g} for 1"
    lieu = cents((exact - new) * close)
    split = Booking("split", action.symbol, new - old, 0, 0, reference)
    paid = Booking("cash_in_lieu", action.symbol, 0, lieu, 0, reference)
    bookings = (split, paid) if lieu else (split,)
    shares = {symbol: count for symbol, count in {**book.shares, action.symbol: new}.items() if count}
    closes = {**book.closes, action.symbol: close}
    return replace(book, shares=shares, closes=closes, cash_cents=book.cash_cents + lieu), bookings


def _adjusted(order: Order, action: CorporateAction) -> Order:
    """The order in new shares: quantity x ratio towards zero, prices divided by it."""
    quantity = math.trunc(round(order.quantity * action.ratio, 9))
    adjusted = replace(
        order,
        quantity=quantity,
        reference_price=order.reference_price / action.ratio,
        limit_price=order.limit_price / action.ratio,
        reason=f"split {action.ratio:g} for 1 made {order.quantity} into {quantity}",
    )
    if quantity:
        return adjusted
    reason = f"expired: split {action.ratio:g} for 1 left less than a share of {order.quantity}"
    return replace(order, status="expired", reason=reason)
