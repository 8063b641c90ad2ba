"""The open: who is filled, at what, who waits, and who is cut."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.execution.account import Book, Order, Quote, cents
from trading.execution.costs import CostModel
from trading.execution.ledger import Balance, project
from trading.execution.orders import OrderRules
from trading.execution.simulator import Execution, Venue, execute_session

DECIDED, SESSION = pd.Timestamp("2024-06-06"), pd.Timestamp("2024-06-07")
FREE = CostModel.free()
DEAR = CostModel(2.0, 2.0, 0.005, 0.35, regulatory_fees=False)
SYMBOLS = ("NVDA", "AMD", "TSM")


def order(symbol: str, quantity: int, limit: float = math.nan, waited: int = 0) -> Order:
    kind = "on_open" if math.isnan(limit) else "limit"
    return Order(
        f"{symbol}{quantity}", symbol, DECIDED, quantity, 100.0, limit, sessions_waited=waited, kind=kind
    )


def opened(book: Book, *orders: Order, costs: CostModel = FREE, life: int = 3, **quotes: Quote) -> Execution:
    venue = Venue(costs, OrderRules(life_sessions=life))
    return execute_session(book, orders, quotes, venue=venue, session=SESSION)


def test_a_buy_moves_cash_into_shares_to_the_cent() -> None:
    # 10 at 100.04 = 1,000.40, and 0.35 commission.
    done = opened(Book(cash_cents=2_000_00), order("NVDA", 10), costs=DEAR, NVDA=Quote(100.0, 101.0))

    assert done.book.shares == {"NVDA": 10}
    assert done.book.cash_cents == 2_000_00 - 1_000_40 - 35
    assert (done.fills[0].spread_cents, done.fills[0].slippage_cents) == (20, 20)
    assert done.orders[0].life == "new > acknowledged > filled"


def test_a_sell_moves_shares_into_cash_to_the_cent() -> None:
    book = Book({"NVDA": 10}, 5_00, closes={"NVDA": 100.0})

    done = opened(book, order("NVDA", -4), costs=DEAR, NVDA=Quote(100.0, 101.0))

    assert done.book.shares == {"NVDA": 6}
    assert done.book.cash_cents == 5_00 + 399_84 - 35


def test_a_sell_pays_for_a_buy_of_the_same_open() -> None:
    book = Book({"AMD": 5}, 0, closes={"AMD": 100.0})

    done = opened(book, order("NVDA", 5), order("AMD", -5), NVDA=Quote(100.0, 1.0), AMD=Quote(100.0, 1.0))

    assert done.book.shares == {"NVDA": 5}
    assert [fill.symbol for fill in done.fills] == ["AMD", "NVDA"]


@pytest.mark.parametrize(
    ("quotes", "reason"),
    [({}, "no bar"), ({"NVDA": Quote(100.0, 100.0, "no volume")}, "no volume")],
)
def test_without_a_tradable_open_an_order_waits(quotes: dict[str, Quote], reason: str) -> None:
    (waiting,) = opened(Book(cash_cents=2_000_00), order("NVDA", 10), **quotes).working

    assert (waiting.status, waiting.sessions_waited, waiting.reason) == ("acknowledged", 1, reason)


def test_an_order_that_waited_long_enough_expires_and_says_why() -> None:
    (over,) = opened(Book(cash_cents=2_000_00), order("NVDA", 10, waited=2)).orders

    assert (over.status, over.reason) == ("expired", "expired after 3 sessions: no bar")


@pytest.mark.parametrize(
    ("quantity", "limit", "is_filled"),
    [(1, 100.04, True), (1, 100.03, False), (-1, 99.96, True), (-1, 99.97, False)],
)
def test_a_limit_holds_for_the_price_with_its_costs(quantity: int, limit: float, is_filled: bool) -> None:  # noqa: FBT001
    book = Book({"NVDA": 1}, 2_000_00, closes={"NVDA": 100.0})

    done = opened(book, order("NVDA", quantity, limit), costs=DEAR, NVDA=Quote(100.0, 100.0))

    assert bool(done.fills) is is_filled
    assert [o.status for o in done.orders] == ["filled" if is_filled else "acknowledged"]


def test_a_buy_is_cut_to_the_cash_and_the_rest_is_over() -> None:
    done = opened(Book(cash_cents=250_00), order("NVDA", 10), NVDA=Quote(100.0, 100.0))

    (rest,) = done.orders
    assert done.book.shares == {"NVDA": 2}
    assert (rest.remaining, rest.status) == (8, "cancelled")
    assert rest.reason == "cut from 10 to 2: cash of 25000 cents does not pay for more"


def test_a_sell_is_cut_to_the_shares_held() -> None:
    done = opened(Book({"NVDA": 3}, 0, closes={"NVDA": 1.0}), order("NVDA", -5), NVDA=Quote(100.0, 100.0))

    assert done.book.shares == {}
    assert (done.orders[0].remaining, done.orders[0].reason) == (
        -2,
        "cut from -5 to -3: 3 shares are held",
    )


def test_a_sell_that_cannot_pay_its_commission_is_not_made() -> None:
    dear = CostModel(minimum_commission=5.0, regulatory_fees=False)
    book = Book({"NVDA": 1}, 1_00, closes={"NVDA": 1.0})

    done = opened(book, order("NVDA", -1), costs=dear, NVDA=Quote(3.0, 3.0))

    assert done.book == book
    assert "commission" in done.orders[0].reason


quantities = st.integers(-300, 300).filter(bool)
market = st.fixed_dictionaries(
    {s: st.tuples(st.floats(0.5, 500), st.sampled_from(("", "", "", "no volume"))) for s in SYMBOLS}
)


@given(
    cash=st.integers(0, 10_000_00),
    held=st.fixed_dictionaries({symbol: st.integers(0, 200) for symbol in SYMBOLS}),
    wanted=st.fixed_dictionaries(dict.fromkeys(SYMBOLS, quantities)),
    market=market,
)
@settings(deadline=None)
def test_no_open_makes_debts_and_every_cent_is_accounted_for(
    cash: int, held: dict[str, int], wanted: dict[str, int], market: dict[str, tuple[float, str]]
) -> None:
    book = Book({s: n for s, n in held.items() if n}, cash)
    quotes = {symbol: Quote(price, price, halt) for symbol, (price, halt) in market.items()}

    done = opened(book, *(order(s, q) for s, q in wanted.items()), costs=DEAR, **quotes)

    assert done.book.cash_cents >= 0
    assert min(done.book.shares.values(), default=0) >= 0
    assert project(done.bookings, Balance.of(book)) == Balance.of(done.book)
    for fill in done.fills:
        assert abs(fill.price - quotes[fill.symbol].open) <= fill.open_price * 4e-4 + 1e-4  # two roundings
        assert not quotes[fill.symbol].halted
        assert fill.open_notional_cents == cents(abs(fill.quantity) * fill.open_price)
    for symbol, quantity in wanted.items():
        traded = sum(fill.quantity for fill in done.fills if fill.symbol == symbol)
        left = sum(rest.remaining for rest in done.orders if rest.symbol == symbol)
        assert traded + left == quantity


@given(st.permutations([order("NVDA", 9), order("AMD", -4), order("TSM", 8), order("INTC", 7)]))
def test_the_order_of_arrival_changes_nothing(orders: list[Order]) -> None:
    quotes = {o.symbol: Quote(100.0, 100.0) for o in orders}
    book = Book({"AMD": 4}, 1_000_00)

    done = opened(book, *orders, **quotes)

    assert [(f.symbol, f.quantity) for f in done.fills] == [("AMD", -4), ("NVDA", 9), ("TSM", 5)]
