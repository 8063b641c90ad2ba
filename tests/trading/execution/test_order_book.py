"""The book: queues worked by hand, and what no sequence of orders may break."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trading.errors import OrderRejectedError
from trading.execution.order_book.book import OrderBook, Trade
from trading.execution.order_book.messages import ASK, BID


def book_with_two_asks() -> OrderBook:
    book = OrderBook(8, 100)
    book.limit(0, 10, 50, ASK)
    book.limit(1, 5, 50, ASK)
    return book


def test_at_a_price_whoever_came_first_is_served_first() -> None:
    book = book_with_two_asks()
    assert book.market(12, BID) == (Trade(0, 10, 50), Trade(1, 2, 50))
    assert (book.queue(50, ASK), book.depth(50, ASK)) == ([1], 3)


def test_the_better_price_is_served_before_the_older_order() -> None:
    book = book_with_two_asks()
    book.limit(2, 4, 49, ASK)
    assert book.limit(3, 20, 50, BID) == (Trade(2, 4, 49), Trade(0, 10, 50), Trade(1, 5, 50))
    assert (book.best_bid, book.best_ask, book.left(3)) == (50, None, 1)


def test_a_cancel_in_front_moves_the_queue_up_and_one_behind_does_not() -> None:
    book = book_with_two_asks()
    book.limit(2, 7, 50, ASK)
    assert book.ahead(1) == 10
    assert book.cancel(2) == 7
    assert book.ahead(1) == 10
    assert book.cancel(0) == 10
    assert book.ahead(1) == 0


def test_only_a_smaller_size_at_the_same_price_keeps_its_place() -> None:
    book = book_with_two_asks()
    book.replace(0, 4, 50)
    assert book.queue(50, ASK) == [0, 1]
    book.replace(0, 6, 50)
    assert book.queue(50, ASK) == [1, 0]
    book.replace(1, 5, 51)
    assert (book.queue(50, ASK), book.queue(51, ASK)) == ([0], [1])


def test_a_replacement_that_crosses_trades_at_once() -> None:
    book = book_with_two_asks()
    book.limit(2, 12, 40, BID)
    assert book.replace(2, 12, 50) == (Trade(0, 10, 50), Trade(1, 2, 50))
    assert (book.best_bid, book.left(2)) == (None, 0)


def test_what_no_venue_would_take_is_refused() -> None:
    book = book_with_two_asks()
    for size, tick, slot in ((0, 5, 3), (1, 100, 3), (1, 5, 0)):
        with pytest.raises(OrderRejectedError):
            book.limit(slot, size, tick, BID)


class ListBook:
    """The same rules with plain lists and sorting: slow, short, and independent of the kernels."""

    def __init__(self) -> None:
        self.waiting: list[list[int]] = []  # slot, side, tick, left, in order of arrival

    def take(self, size: int, worst: int, side: int) -> tuple[list[Trade], int]:
        sign = 1 if side == BID else -1
        fit = [o for o in self.waiting if o[1] != side and sign * (worst - o[2]) >= 0]
        trades = []
        for order in sorted(fit, key=lambda o: sign * o[2]):
            part = min(size, order[3])
            if part:
                trades.append(Trade(order[0], part, order[2]))
            order[3] -= part
            size -= part
        self.waiting = [o for o in self.waiting if o[3]]
        return trades, size

    def limit(self, slot: int, size: int, tick: int, side: int) -> list[Trade]:
        trades, left = self.take(size, tick, side)
        if left:
            self.waiting.append([slot, side, tick, left])
        return trades

    def remove(self, slot: int) -> list[int] | None:
        found = next((o for o in self.waiting if o[0] == slot), None)
        self.waiting = [o for o in self.waiting if o is not found]
        return found

    def replace(self, slot: int, size: int, tick: int) -> list[Trade]:
        order = next((o for o in self.waiting if o[0] == slot), None)
        if order is None:
            return []
        if tick == order[2] and size <= order[3]:
            order[3] = size
            return []
        self.remove(slot)
        return self.limit(slot, size, tick, order[1])


ACTIONS = st.tuples(
    st.sampled_from(["limit", "limit", "limit", "market", "cancel", "replace"]),
    st.integers(0, 11),
    st.integers(1, 20),
    st.integers(0, 9),
    st.sampled_from([BID, ASK]),
)


@given(st.lists(ACTIONS, max_size=60))
@settings(max_examples=80, deadline=None)
def test_any_orders_keep_priority_and_volume_and_never_cross_the_book(actions: list[tuple]) -> None:
    book, plain = OrderBook(12, 10), ListBook()
    for what, slot, size, tick, side in actions:
        before = sum(map(book.left, range(12)))
        if what == "market":
            trades, expected = book.market(size, side), plain.take(size, 99 if side == BID else -99, side)[0]
        elif what == "cancel":
            removed = plain.remove(slot)
            assert book.cancel(slot) == (removed[3] if removed else 0)
            continue
        elif what == "replace":
            trades, expected = book.replace(slot, size, tick), plain.replace(slot, size, tick)
        elif book.left(slot):
            continue
        else:
            trades, expected = book.limit(slot, size, tick, side), plain.limit(slot, size, tick, side)
            taken = sum(trade.size for trade in trades)
            assert sum(map(book.left, range(12))) == before - taken + (size - taken)
        assert list(trades) == expected
        assert book.best_bid is None or book.best_ask is None or book.best_bid < book.best_ask
        for price in range(10):
            for of in (BID, ASK):
                queue = [o for o in plain.waiting if (o[1], o[2]) == (of, price)]
                assert book.queue(price, of) == [o[0] for o in queue]
                assert book.depth(price, of) == sum(o[3] for o in queue)
