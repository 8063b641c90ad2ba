"""Every kind of order at every moment of a bar, worked by hand: gaps, touches, liquidity, credit."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from trading.execution.account import Book, Order, Quote
from trading.execution.borrowing import BorrowTerms
from trading.execution.costs import CostModel
from trading.execution.margin import MarginRules
from trading.execution.matching import Meeting, meeting
from trading.execution.orders import OrderRules
from trading.execution.paper_broker import moment_of
from trading.execution.simulator import Execution, Venue, execute_session
from trading.execution.trading_day import trade_day

DECIDED, FRIDAY, MONDAY = (pd.Timestamp(day) for day in ("2024-06-06", "2024-06-07", "2024-06-10"))
RICH = Book({"NVDA": 10}, 100_000_00, closes={"NVDA": 100.0}, stale_sessions={"NVDA": 0})
BAR = Quote(100.0, 104.0, high=106.0, low=95.0)
FREE = CostModel.free()
MARGIN = Venue(FREE, margin=MarginRules("margin", debit_rate=0.0))


def order(kind: str, quantity: int, price: float = math.nan, name: str = "") -> Order:
    limit, stop = (price if kind == "limit" else math.nan), (price if kind == "stop" else math.nan)
    name = name or f"{kind}{quantity}"
    return Order(name, "NVDA", DECIDED, quantity, 100.0, limit, kind=kind, stop_price=stop)  # type: ignore[arg-type]


def run(*orders: Order, quote: Quote = BAR, book: Book = RICH, venue: Venue | None = None) -> Execution:
    return execute_session(book, orders, {"NVDA": quote}, venue=venue or Venue(FREE), session=FRIDAY)


@pytest.mark.parametrize(
    ("kind", "quantity", "price", "expected"),
    [
        ("market", 5, math.nan, (100.0, "open")),
        ("on_open", -5, math.nan, (100.0, "open")),
        ("on_close", 5, math.nan, (104.0, "close")),
        ("limit", 5, 101.0, (100.0, "open")),  # the open is better than the limit: through the gap
        ("limit", 5, 97.0, (97.0, "within")),
        ("limit", 5, 95.0, None),  # touched, not passed
        ("limit", -5, 99.0, (100.0, "open")),
        ("limit", -5, 105.0, (105.0, "within")),
        ("limit", -5, 106.0, None),
        ("stop", 5, 99.0, (100.0, "open")),  # gapped over the stop: worse than the stop
        ("stop", 5, 106.0, (106.0, "within")),  # touched is enough
        ("stop", 5, 107.0, None),
        ("stop", -5, 101.0, (100.0, "open")),
        ("stop", -5, 95.0, (95.0, "within")),
        ("stop", -5, 94.0, None),
    ],
)
def test_an_order_meets_the_bar_where_its_kind_says(
    kind: str, quantity: int, price: float, expected: tuple[float, str] | None
) -> None:
    done = run(order(kind, quantity, price))

    assert [(fill.price, fill.moment) for fill in done.fills] == ([expected] if expected else [])
    assert done.orders[0].status == ("filled" if expected else "acknowledged")


def test_a_limit_that_rested_pays_no_spread_and_a_stop_pays_on_top() -> None:
    venue = Venue(CostModel(10.0, 0.0, 0.0, 0.0, 0.0, regulatory_fees=False))

    rested, stopped = (
        run(o, venue=venue).fills[0] for o in (order("limit", 5, 97.0), order("stop", 5, 106.0))
    )

    assert (rested.price, rested.cost_cents) == (97.0, 0)
    assert (stopped.price, stopped.cost_cents) == (106.106, 53)  # 106 x 1.001; 5 x 0.106


@pytest.mark.parametrize(("quantity", "limit"), [(5, 100.05), (-5, 99.95)])
def test_a_limit_that_the_open_met_but_not_with_its_costs_fills_at_a_price_that_was_traded(
    quantity: int, limit: float
) -> None:
    falling = Quote(100.0, 97.0, high=100.0, low=96.0)
    rising = Quote(100.0, 103.0, high=104.0, low=100.0)
    venue = Venue(CostModel(10.0, 0.0, 0.0, 0.0, 0.0, regulatory_fees=False))

    (fill,) = run(
        order("limit", quantity, limit), quote=falling if quantity > 0 else rising, venue=venue
    ).fills

    assert (fill.open_price, fill.price, fill.moment) == (100.0, 100.0, "within")


@pytest.mark.parametrize(("quantity", "stop", "price"), [(5, 90.0, 95.0), (-5, 110.0, 106.0)])
def test_what_is_left_of_a_stop_that_fired_at_the_open_fills_at_no_better_price_than_was_traded(
    quantity: int, stop: float, price: float
) -> None:
    found = meeting(order("stop", quantity, stop), BAR, "within")

    assert found == Meeting(price)


def test_without_high_and_low_nothing_happens_between_open_and_close() -> None:
    assert run(order("limit", 5, 97.0), order("stop", 5, 106.0), quote=Quote(100.0, 104.0)).fills == ()


@pytest.mark.parametrize(
    ("day", "word"), [(DECIDED, "stale price: of 2024-06-06"), (MONDAY, "price of the future: of 2024-06-10")]
)
def test_a_price_of_another_session_fills_nothing(day: pd.Timestamp, word: str) -> None:
    done = run(order("market", 5), order("on_close", 5), quote=Quote(100.0, 104.0, session=day))

    assert (done.fills, {o.reason for o in done.orders}) == ((), {word})


def test_orders_of_one_symbol_share_the_volume_and_the_rest_waits() -> None:
    venue = Venue(FREE, OrderRules(participation=0.1))

    done = run(order("market", 60, name="a"), order("market", 70, name="b"), quote=Quote(100.0, 100.0, volume=1000.0), venue=venue)  # fmt: skip

    assert [fill.quantity for fill in done.fills] == [60, 40]
    assert [(o.status, o.remaining) for o in done.orders] == [("filled", 0), ("partially_filled", 30)]
    assert done.orders[1].reason == "10% of the volume is taken"


def test_impact_is_the_square_root_law_and_splitting_an_order_saves_nothing() -> None:
    # Y sigma sqrt(Q / V) = 1 x 0.02 x sqrt(100 / 10,000) = 20 bps of 100 USD.
    costs = CostModel(0.0, 0.0, 0.0, 0.0, 1.0, regulatory_fees=False)
    quote = Quote(100.0, 100.0, volume=10_000.0, volatility=0.02)

    whole = run(order("market", 100), quote=quote, venue=Venue(costs)).fills
    parts = run(order("market", 50, name="a"), order("market", 50, name="b"), quote=quote, venue=Venue(costs)).fills  # fmt: skip

    assert (whole[0].price, whole[0].impact_cents) == (100.2, 20_00)
    assert abs(sum(fill.impact_cents for fill in parts) - 20_00) <= 2  # prices are rounded to 1e-4


def test_a_short_is_sold_from_borrowed_shares_and_only_in_a_margin_account() -> None:
    short, refused = run(order("market", -30), venue=MARGIN), run(order("market", -30))

    assert short.book.shares == {"NVDA": -20}
    assert refused.book.shares == {}
    assert refused.orders[0].reason == "cut from -30 to -10: 10 shares are held"


def test_where_nothing_can_be_borrowed_a_short_is_rejected() -> None:
    scarce = Venue(CostModel(borrow=BorrowTerms(unavailable=("NVDA",))), margin=MarginRules("margin"))

    (rejected,) = run(order("market", -5), book=Book(cash_cents=1_000_00), venue=scarce).orders

    assert (rejected.status, rejected.reason) == ("rejected", "no shares can be borrowed")


def test_initial_margin_lets_twice_the_equity_be_bought_and_no_share_more() -> None:
    done = run(order("market", 30), book=Book(cash_cents=1_000_00), venue=MARGIN)

    assert (done.book.shares, done.book.cash_cents) == ({"NVDA": 20}, -1_000_00)
    assert done.orders[0].reason == "cut from 30 to 20: initial margin does not allow more"


def test_a_weekend_of_borrow_and_debt_is_paid_before_monday() -> None:
    # 100 short at 100.00: 10,000 x 0.36 x 3 / 360 = 30.00.
    venue = Venue(CostModel(borrow=BorrowTerms(0.36)), margin=MarginRules("margin"))
    book = Book({"NVDA": -100}, 30_000_00, closes={"NVDA": 100.0}, stale_sessions={"NVDA": 0})

    done = trade_day(book, (), (), {"NVDA": Quote(100.0, 100.0)}, venue=venue, session=MONDAY)

    assert [(b.kind, b.cash_cents) for b in done.bookings] == [("borrow_fee", -30_00)]


def test_a_margin_call_is_a_line_of_the_ledger_and_cuts_the_targets() -> None:
    # 200 at 60.00 on a debt of 10,000.00: equity 2,000.00, maintenance 3,000.00.
    book = Book({"NVDA": 200}, -10_000_00, closes={"NVDA": 100.0}, stale_sessions={"NVDA": 0})
    venue = Venue(FREE, margin=MarginRules("margin", debit_rate=0.0))

    done = trade_day(book, (), (), {"NVDA": Quote(60.0, 60.0)}, venue=venue, session=FRIDAY)

    assert [(b.kind, b.cash_cents) for b in done.bookings] == [("margin_call", 0)]
    assert "misses maintenance 300000 by 100000 cents" in done.bookings[0].reference
    assert venue.margin.called_targets({"NVDA": 6.0, "AMD": 0.5}, done.book) == {"NVDA": 2.0, "AMD": 0.0}


def test_parts_of_shares_are_paid_to_the_cent() -> None:
    # 1.234 shares at 100.00 are 123.40.
    venue = Venue(FREE, OrderRules(units_per_share=1000))

    done = run(order("market", 1234), book=Book(cash_cents=200_00, units_per_share=1000), venue=venue)

    assert (done.book.cash_cents, done.fills[0].notional_cents) == (200_00 - 123_40, 123_40)


def test_a_half_day_closes_early() -> None:
    (fill,) = run(order("on_close", 5)).fills

    assert moment_of(fill, pd.Timestamp("2024-07-03")) == pd.Timestamp("2024-07-03 17:00", tz="UTC")


@pytest.mark.parametrize(
    "wrong", [order("limit", 5), order("stop", 5), order("iceberg", 5), order("market", 0)]
)
def test_an_order_that_says_too_little_is_rejected(wrong: Order) -> None:
    assert run(wrong).orders[0].status == "rejected"
