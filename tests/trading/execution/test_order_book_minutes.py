"""One-minute bars as messages: what they keep of the bar, and where an order fills."""

import pandas as pd
import pytest

from trading.errors import MissingBarsError
from trading.execution.order_book.book import OrderBook
from trading.execution.order_book.messages import ASK, BID, TRADE
from trading.execution.order_book.minutes import messages_of_minutes
from trading.execution.order_book.playback import Playback

BARS = pd.DataFrame(
    {
        "ts": pd.to_datetime(["2024-06-07 13:30", "2024-06-07 13:31"], utc=True),
        "open": [10.00, 10.02],
        "high": [10.03, 10.05],
        "low": [9.95, 10.01],
        "close": [10.02, 10.04],
        "volume": [403, 400],
    }
)
MINUTE = 60_000_000_000


def test_messages_keep_volume_and_extremes_and_never_cross() -> None:
    messages = messages_of_minutes(BARS)
    trades = messages.rows[messages.rows[:, 0] == TRADE]
    assert trades[:, 2].sum() == 803
    assert messages.price(trades[:, 3]) == pytest.approx(
        [10.0, 10.03, 9.95, 10.02, 10.02, 10.01, 10.05, 10.04]
    )
    book = OrderBook(messages.slots, messages.ticks)
    for first in range(0, len(messages), 5):
        book.play(messages, first, first + 5)
        assert book.best_ask - book.best_bid == 1
        assert (book.depth(book.best_bid, BID), book.depth(book.best_ask, ASK)) == (100, 100)


def test_a_bid_within_the_range_fills_and_one_below_it_does_not() -> None:
    messages = messages_of_minutes(BARS)
    play = Playback(messages, queue="conservative")
    play.elapse(0)
    tick = round((9.97 - messages.lowest) / messages.tick)
    passed, missed = play.limit(10, tick, BID), play.limit(10, tick - 3, BID)
    fills = play.elapse(2 * MINUTE)
    assert [(fill.order, fill.size, fill.tick) for fill in fills] == [(passed, 10, tick)]
    assert play.left(missed) == 10


def test_a_minute_without_a_price_is_refused() -> None:
    with pytest.raises(MissingBarsError):
        messages_of_minutes(BARS.assign(high=[10.03, float("nan")]))
