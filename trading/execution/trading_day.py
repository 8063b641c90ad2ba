"""One session of an account, from corporate actions before the open to its books at the close.

The session's stage and the paper broker both run this and nothing else, so paper is backtest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from trading import calendar
from trading.errors import InsufficientCashError
from trading.execution.account import Book, Booking, Order, Quote
from trading.execution.corporate_actions import CorporateAction, open_book
from trading.execution.ledger import Balance, reconcile
from trading.execution.simulator import Execution, Venue, execute_session


def trade_day(
    book: Book,
    orders: Sequence[Order],
    actions: Iterable[CorporateAction],
    quotes: Mapping[str, Quote],
    *,
    venue: Venue,
    session: pd.Timestamp,
) -> Execution:
    """What `session` does to an account that ended the session before with `book` and `orders`.

    In order: borrow fees and interest since the session before, corporate actions, fills, closing prices,
    and whether the margin still suffices. The bookings are checked against the book that they lead to.

    Raises
    ------
    ReconciliationError
        If bookings and book differ.
    InsufficientCashError
        If nothing is left of the account's equity.
    """
    financed, financing = finance(book, venue, session)
    opening = open_book(financed, orders, actions, session)
    done = execute_session(opening.book, opening.orders, quotes, venue=venue, session=session)
    closed = marked(done.book, quotes)
    bookings = (*financing, *opening.bookings, *done.bookings, *venue.margin.call(closed))
    reconcile(closed, bookings, Balance.of(book), session, overdraft=venue.margin.is_margin)
    if closed.equity_cents <= 0:
        raise InsufficientCashError(
            f"the account is worth {closed.equity_cents} cents at the close of {session:%Y-%m-%d}: nothing is left "
            "to trade with; give it less leverage, or more cash at its inception"
        )
    return Execution(closed, done.fills, bookings, done.orders)


def finance(book: Book, venue: Venue, session: pd.Timestamp) -> tuple[Book, tuple[Booking, ...]]:
    """Borrow fees of what was short, and interest on what was owed, for the nights before `session`."""
    if book.cash_cents >= 0 and min(book.shares.values(), default=0) >= 0:
        return book, ()
    days = (session - calendar.shift(session, -1)).days
    borrow = venue.costs.borrow
    fees = ((s, borrow.fee_cents(s, -book.value_cents(s), days)) for s, n in book.shares.items() if n < 0)
    lines = [Booking("borrow_fee", symbol, 0, -fee, 0, f"{days} days") for symbol, fee in fees if fee]
    lines += venue.margin.interest(book, days)
    cash = book.cash_cents + sum(line.cash_cents for line in lines)
    return replace(book, cash_cents=cash), tuple(lines)


def marked(book: Book, quotes: Mapping[str, Quote]) -> Book:
    """The book at today's closes; a symbol without a bar keeps its last one, a session older."""
    closes = {s: quotes[s].close if s in quotes else book.closes[s] for s in book.shares}
    stale = {s: 0 if s in quotes else book.stale_sessions[s] + 1 for s in book.shares}
    return replace(book, closes=closes, stale_sessions=stale)
