"""An account under anything that can happen: every cent, share and unit of liquidity has one home.

Random orders of every kind, cancellations, splits, dividends, halts, gaps, and between every two steps a
crash from which the account comes back from what it had written down: orders, bookings, book.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from trading import calendar
from trading.errors import InsufficientCashError
from trading.execution.account import Book, Fill, Order, Quote
from trading.execution.corporate_actions import CorporateAction
from trading.execution.ledger import Balance, project
from trading.execution.lifecycle import LEGAL, STEP
from trading.execution.margin import MarginRules
from trading.execution.orders import OrderRules, order_id
from trading.execution.paper_broker import SimulatedBroker
from trading.execution.simulator import Venue

NAMES = ("NVDA", "AMD", "TSM")
KINDS = ("market", "limit", "stop", "on_open", "on_close")
DEPOSIT = 50_000_00
PRICES = st.integers(500, 20_000).map(lambda ticks: ticks / 100)
ORDERS = st.tuples(
    st.sampled_from(NAMES), st.sampled_from(KINDS), st.integers(-200, 200).filter(bool), PRICES
)
BARS = st.tuples(
    PRICES,
    PRICES,
    st.floats(0, 0.1),
    st.sampled_from((0, 500, 5_000, 50_000)),
    st.sampled_from((True, True, True, False)),
)


class Account(RuleBasedStateMachine):
    """A paper account in its market; what it wrote down is kept beside it."""

    @initialize(account=st.sampled_from(("cash", "margin")), units=st.sampled_from((1, 1000)))
    def begin(self, account: str, units: int) -> None:
        rules = OrderRules(life_sessions=3, units_per_share=units, participation=0.1)
        self.venue = Venue(orders=rules, margin=MarginRules(account=account))  # type: ignore[arg-type]
        self.broker = SimulatedBroker(DEPOSIT, self.venue)
        self.session = pd.Timestamp("2024-06-26")  # 2024-07-03 is a half-day, and the 4th a holiday
        self.sent: dict[str, int] = {}

    @rule(orders=st.lists(ORDERS, min_size=1, max_size=6))
    def decide(self, orders: list[tuple[str, str, int, float]]) -> None:
        for order in orders:
            self.submit(*order)

    def submit(self, symbol: str, kind: str, size: int, price: float) -> None:
        quantity = size * self.venue.orders.units_per_share
        place = sum(1 for name in self.sent.values() if name)
        name = order_id("paper/swing", self.session, symbol, quantity, place)
        limits = {"limit_price": price if kind == "limit" else math.nan}
        limits |= {"stop_price": price if kind == "stop" else math.nan}
        row = {"order_id": name, "symbol": symbol, "decision_session": self.session, "quantity": quantity}
        frame = pd.DataFrame([row | {"reference_price": price, "kind": kind} | limits])
        assert self.broker.submit(frame)["accepted"].all()
        assert self.broker.submit(frame)["reason"].tolist() == ["already submitted"]
        self.sent[name] = quantity

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        if self.sent:
            self.broker.cancel([data.draw(st.sampled_from(sorted(self.sent)))])

    @rule(
        orders=st.lists(ORDERS, max_size=6), bars=st.fixed_dictionaries(dict.fromkeys(NAMES, BARS)),
        action=st.sampled_from(("", "", "split", "dividend")), symbol=st.sampled_from(NAMES),
        ratio=st.sampled_from((0.1, 0.5, 1.5, 10.0)),
    )  # fmt: skip
    def trade(
        self,
        orders: list[tuple[str, str, int, float]],
        bars: dict[str, tuple[float, float, float, int, bool]],
        action: str,
        symbol: str,
        ratio: float,
    ) -> None:
        self.decide(orders)
        session = calendar.shift(self.session, 1)
        pays = session + pd.Timedelta(days=3)
        actions = [CorporateAction(symbol, action, ratio, ratio, pays)] if action else []  # type: ignore[arg-type]
        quotes = {name: self._quote(session, bar) for name, bar in bars.items() if bar[4]}
        before = self.broker.book
        try:
            done = self.broker.open_session(session, quotes, actions)
        except InsufficientCashError:  # a margin account may be ruined, and says so
            return
        self._account_for_every_cent(before, done.book, done.fills, quotes)
        self.session = session

    @staticmethod
    def _quote(session: pd.Timestamp, bar: tuple[float, float, float, int, bool]) -> Quote:
        opened, close, wide, volume, _ = bar
        high, low = max(opened, close) * (1 + wide), min(opened, close) * (1 - wide)
        halted = "" if volume else "no volume"
        return Quote(opened, close, halted, high, low, float(volume), wide, session)

    def _account_for_every_cent(
        self, before: Book, after: Book, fills: tuple[Fill, ...], quotes: dict[str, Quote]
    ) -> None:
        used: dict[str, int] = defaultdict(int)
        for fill in fills:
            quote = quotes[fill.symbol]
            used[fill.symbol] += abs(fill.quantity)
            assert not quote.halted
            assert quote.low - 1e-4 <= fill.open_price <= quote.high + 1e-4  # rounded to 1e-4
        units = self.venue.orders.units_per_share
        for symbol, count in used.items():
            assert count <= 0.1 * quotes[symbol].volume * units
        if self.venue.margin.account == "cash":
            assert after.cash_cents >= 0
            assert min(after.shares.values(), default=0) >= 0
        assert before.units_per_share == after.units_per_share == units

    @rule()
    def crash(self) -> None:
        """Only what is written down comes back: as plain values, and into a new broker."""
        old, self.broker = self.broker, SimulatedBroker(DEPOSIT, self.venue)
        self.broker.bookings = [replace(line) for line in old.bookings]
        self.broker.orders = {name: Order(**vars(order)) for name, order in old.orders.items()}
        self.broker.book = Book(**vars(old.book))
        self.broker._fills = list(old._fills)

    @invariant()
    def the_ledger_is_the_book(self) -> None:
        if hasattr(self, "broker"):
            overdraft = self.venue.margin.is_margin
            balance = project(self.broker.bookings, overdraft=overdraft)
            assert balance == Balance.of(self.broker.book)
            assert balance.shares == self.broker.positions()
            assert balance.cash_cents == self.broker.cash()

    @invariant()
    def equity_is_cash_and_positions(self) -> None:
        if hasattr(self, "broker"):
            book = self.broker.book
            values = sum(book.value_cents(symbol) for symbol in book.shares)
            assert book.equity_cents == book.cash_cents + values + book.receivable_cents

    @invariant()
    def every_order_lives_one_legal_life(self) -> None:
        if hasattr(self, "broker"):
            assert set(self.broker.orders) == set(self.sent)
            for order in self.broker.orders.values():
                steps = order.life.split(STEP)
                assert steps[0] == "new"
                assert steps[-1] == order.status
                assert all(b in LEGAL[a] for a, b in itertools.pairwise(steps))  # type: ignore[index]
                assert 0 <= order.filled / order.quantity <= 1
                assert (order.status == "filled") == (order.remaining == 0)

    @invariant()
    def no_fill_is_made_twice(self) -> None:
        if hasattr(self, "broker"):
            fills = [fill for _, fill in self.broker._fills]
            assert len({fill.fill_id for fill in fills}) == len(fills)
            assert {fill.order_id for fill in fills} <= set(self.sent)


def test_an_account_keeps_its_books_whatever_happens() -> None:
    run_state_machine_as_test(
        Account, settings=settings(max_examples=40, stateful_step_count=20, deadline=None)
    )


@pytest.mark.nightly  # 1,500 lives of 60 steps take minutes, and on a busy machine many
@pytest.mark.timeout(5400)
def test_an_account_keeps_its_books_through_long_lives() -> None:
    run_state_machine_as_test(
        Account, settings=settings(max_examples=1500, stateful_step_count=60, deadline=None)
    )
