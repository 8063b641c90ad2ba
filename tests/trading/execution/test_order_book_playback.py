"""Own orders in recorded queues: cases worked by hand, latency, and what aggregated data can know."""

import numpy as np
import pytest

from trading.errors import OrderRejectedError, SchemaError
from trading.execution.order_book.book import OrderBook
from trading.execution.order_book.flow import Flow, simulated_flow
from trading.execution.order_book.messages import (
    ASK,
    BID,
    DELETE,
    DEPTH,
    EXECUTE,
    LIMIT,
    TRADE,
    Messages,
    slots_of,
)
from trading.execution.order_book.playback import Latency, OwnFill, Playback, QueueModel


def recorded(*rows: tuple[int, int, int, int, int]) -> Messages:
    """Messages of kind, slot, size, tick, side, one a hundred nanoseconds."""
    return Messages(np.arange(len(rows)) * 100, np.array(rows, dtype=np.int32), 16, 100)


PLACED = ((LIMIT, 0, 10, 50, BID), (LIMIT, 1, 5, 50, BID))


def test_an_order_waits_until_everything_before_it_is_executed() -> None:
    after = (
        (LIMIT, 2, 9, 50, BID),
        (EXECUTE, 0, 10, 50, BID),
        (EXECUTE, 1, 5, 50, BID),
        (EXECUTE, 2, 3, 50, BID),
    )
    play = Playback(recorded(*PLACED, *after))
    play.elapse(100)
    mine = play.limit(4, 50, BID)
    assert (play.elapse(200), play.ahead(mine)) == ([], 5.0)
    assert play.elapse(200) == [OwnFill(mine, 3, 50, maker=True, time=500)]  # no more than was traded behind
    assert play.left(mine) == 1


def test_a_deletion_in_front_moves_the_order_up_and_one_behind_does_not() -> None:
    play = Playback(
        recorded(*PLACED, (LIMIT, 2, 9, 50, BID), (DELETE, 2, 9, 50, BID), (DELETE, 0, 10, 50, BID))
    )
    play.elapse(100)
    mine = play.limit(4, 50, BID)
    play.elapse(200)
    assert play.ahead(mine) == 15.0
    play.elapse(100)
    assert play.ahead(mine) == 5.0


def test_a_trade_at_a_worse_price_fills_whoever_bid_more() -> None:
    play = Playback(recorded(*PLACED, (EXECUTE, 0, 3, 50, BID)))
    play.elapse(100)
    mine = play.limit(4, 51, BID)
    assert play.elapse(100) == [OwnFill(mine, 3, 51, maker=True, time=200)]


def test_an_offer_at_the_orders_price_fills_it() -> None:
    play = Playback(recorded(*PLACED, (LIMIT, 3, 2, 51, ASK)))
    play.elapse(100)
    mine = play.limit(4, 52, BID)
    assert play.elapse(100) == [OwnFill(mine, 2, 52, maker=True, time=200)]


def test_a_market_order_walks_the_levels() -> None:
    play = Playback(recorded((LIMIT, 0, 3, 60, ASK), (LIMIT, 1, 9, 62, ASK)))
    play.elapse(100)
    mine = play.market(5, BID)
    fills = play.elapse(0)
    assert [(f.size, f.tick, f.maker) for f in fills] == [(3, 60, False), (2, 62, False)]
    assert play.left(mine) == 0


def test_orders_and_news_arrive_late() -> None:
    messages = recorded(*PLACED, (EXECUTE, 0, 3, 50, BID), (EXECUTE, 0, 3, 50, BID))
    play = Playback(messages, Latency(feed=30, order=150))
    play.elapse(100)
    assert play.book.depth(50, BID) == 10  # of the second order nothing is known yet
    mine = play.limit(4, 51, BID)  # sent at 100, there at 250: after the first execution
    assert play.elapse(229) == []
    assert play.elapse(1) == [OwnFill(mine, 3, 51, maker=True, time=300)]


def test_a_cancellation_that_is_too_late_does_nothing() -> None:
    play = Playback(recorded(*PLACED, (EXECUTE, 0, 4, 50, BID)), Latency(order=60))
    mine = play.limit(4, 51, BID)
    play.elapse(150)
    play.cancel(mine)
    assert [fill.size for fill in play.elapse(100)] == [4]


def test_a_replacement_keeps_its_place_only_when_it_shrinks() -> None:
    play = Playback(recorded(*PLACED, (LIMIT, 2, 9, 50, BID)))
    mine = play.limit(4, 50, BID)
    play.elapse(200)
    play.replace(mine, 2, 50)
    play.elapse(0)
    assert (play.ahead(mine), play.left(mine)) == (10.0, 2)
    play.replace(mine, 3, 50)
    play.elapse(0)
    assert (play.ahead(mine), play.left(mine)) == (24.0, 3)


AGGREGATED = (
    (DEPTH, 0, 10, 50, BID),
    (DEPTH, 0, 20, 50, BID),  # ten more behind the own order
    (DEPTH, 0, 12, 50, BID),  # eight deleted, nobody says where
    (TRADE, 0, 6, 50, BID),
    (DEPTH, 0, 6, 50, BID),  # the trade, seen in the level
)


@pytest.mark.parametrize(
    ("queue", "power", "after_deletion", "after_trade"),
    [
        ("conservative", 1.0, 10.0, 4.0),
        ("probable", 1.0, 6.0, 0.0),  # ten ahead, ten behind: half of eight in front
    ],
)
def test_aggregated_queues_worked_by_hand(
    queue: QueueModel, power: float, after_deletion: float, after_trade: float
) -> None:
    play = Playback(recorded(*AGGREGATED), queue=queue, power=power)
    mine = play.limit(4, 50, BID)
    play.elapse(200)
    assert play.ahead(mine) == after_deletion
    assert play.elapse(200) == []
    assert play.ahead(mine) == after_trade


def filled_by(queue: QueueModel, messages: Messages) -> tuple[int, int]:
    """Shares that a quote at the best bid, renewed every five seconds, is filled; shares sent."""
    play, sent, got, mine = Playback(messages, queue=queue, power=1.0), 0, 0, None
    while not play.finished:
        got += sum(fill.size for fill in play.elapse(5_000_000_000))
        if mine is not None:
            play.cancel(mine)
        mine = play.limit(3, play.book.best_bid or 1, BID)
        sent += 3
    return got, sent


def test_the_conservative_queue_fills_no_more_than_the_exact_one() -> None:
    messages = simulated_flow(40_000, seed=3)
    exact, sent = filled_by("exact", messages)
    assert 0 < filled_by("conservative", messages)[0] <= exact < sent
    assert abs(filled_by("probable", messages)[0] - exact) < 0.2 * sent  # a model, not the truth


@pytest.mark.parametrize("excitation", [0.0, 0.7])
def test_simulated_flow_never_crosses_and_is_played_back_to_the_share(excitation: float) -> None:
    messages = simulated_flow(20_000, Flow(excitation=excitation), seed=1)
    again = simulated_flow(20_000, Flow(excitation=excitation), seed=1)
    assert messages.rows.tobytes() == again.rows.tobytes()
    assert messages.time.tobytes() == again.time.tobytes()
    book = OrderBook(messages.slots, messages.ticks)
    for first in range(0, 20_000, 500):
        book.play(messages, first, first + 500)
        assert book.best_bid is None or book.best_ask is None or book.best_bid < book.best_ask
    kinds, sizes = messages.rows[:, 0], messages.rows[:, 2]
    resting = sum(map(book.left, range(messages.slots)))
    assert resting == sizes[kinds == LIMIT].sum() - sizes[kinds != LIMIT].sum()


def test_excited_market_orders_come_in_clusters() -> None:
    spread = []
    for excitation in (0.0, 0.8):
        messages = simulated_flow(40_000, Flow(markets=5.0, excitation=excitation, limits=80.0), seed=2)
        moments = np.unique(messages.time[messages.rows[:, 0] == EXECUTE])
        counts = np.bincount(moments // 1_000_000_000)
        spread.append(counts.var() / counts.mean())
    assert spread[0] == pytest.approx(1.0, abs=0.25)  # Poisson: variance is mean
    assert spread[1] > 3.0


def test_slots_are_used_again_and_unknown_orders_have_none() -> None:
    kinds = np.array([LIMIT, LIMIT, DELETE, LIMIT, EXECUTE, EXECUTE, DELETE])
    orders, sizes = np.array([0, 1, 0, 2, 1, 1, 3]), np.array([5, 5, 5, 7, 2, 3, 1])
    assert slots_of(kinds, orders, sizes, 4).tolist() == [0, 1, 0, 0, 1, 1, -1]


def test_what_cannot_be_messages_or_orders_is_refused() -> None:
    with pytest.raises(SchemaError, match="back in time"):
        Messages(np.array([2, 1]), np.zeros((2, 5), dtype=np.int32), 1, 1)
    with pytest.raises(SchemaError, match="between"):
        recorded((LIMIT, 99, 1, 1, BID))
    with pytest.raises(OrderRejectedError):
        Playback(recorded(*PLACED)).limit(0, 5, BID)
