"""A LOBSTER file written by hand, and one written from simulated flow."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resources.sources.lobster import _clock, read_messages
from trading.errors import SchemaError
from trading.execution.order_book.book import OrderBook
from trading.execution.order_book.flow import simulated_flow
from trading.execution.order_book.messages import ASK, BID, Messages

BY_HAND = """34200.000000001,1,11,100,1000000,1
34200.000000002,1,12,50,1000200,-1
34200.5,2,11,30,1000000,1
34200.600000000,5,0,10,1000100,1
34201.017459617,4,12,20,1000200,-1
34202,3,99,5,1000000,1
34203,7,0,0,-1,-1
"""


def test_a_file_by_hand_becomes_a_book(tmp_path: Path) -> None:
    path = tmp_path / "X_2012-06-21_34200000_57600000_message_1.csv"
    path.write_text(BY_HAND)
    read = read_messages(path)
    assert (read.unknown, read.hidden, read.crosses, read.halts) == (1, 1, 0, 1)
    assert read.messages.time.tolist()[-1] == 34201_017459617
    book = OrderBook(read.messages.slots, read.messages.ticks)
    book.play(read.messages)
    assert (book.depth(book.best_bid, BID), book.depth(book.best_ask, ASK)) == (70, 30)
    assert read.messages.price(book.best_bid) == pytest.approx(100.00)
    assert read.messages.price(book.best_ask) == pytest.approx(100.02)


def test_a_file_from_simulated_flow_leads_to_the_same_book(tmp_path: Path) -> None:
    flow, path = simulated_flow(3000, seed=5), tmp_path / "SIMULATED_message_1.csv"
    kind, slot, size, tick, side = flow.rows.T.astype(np.int64)
    opened = np.zeros(flow.slots, dtype=np.int64)
    names = [
        opened.__setitem__(s, i + 1) or i + 1 if k == 1 else opened[s]
        for i, (k, s) in enumerate(zip(kind, slot, strict=True))
    ]
    seconds = [f"{t // 10**9}.{t % 10**9:09d}" for t in flow.time.tolist()]
    columns = (seconds, kind, names, size, 100 * tick, np.where(side == BID, 1, -1))
    pd.DataFrame(dict(enumerate(columns))).to_csv(path, header=False, index=False)
    read = read_messages(path)
    played, original = (OrderBook(m.slots, m.ticks) for m in (read.messages, flow))
    played.play(read.messages)
    original.play(flow)
    for ours, theirs in ((played.best_bid, original.best_bid), (played.best_ask, original.best_ask)):
        assert read.messages.price(ours) == pytest.approx(theirs / 100)
    assert played.levels[:, 2].sum() == original.levels[:, 2].sum()
    assert np.array_equal(read.messages.time, flow.time)


REAL = Path(__file__).parents[3] / "shared" / "data" / "lob"
MESSAGES, BOOK = (f"lobster_AAPL_2012-06-21_{kind}_10_head1000.csv" for kind in ("message", "orderbook"))


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the LOBSTER sample of shared/data")
def test_on_a_real_day_the_best_prices_and_sizes_are_lobsters_own_after_every_event() -> None:
    theirs = pd.read_csv(REAL / BOOK, header=None).to_numpy(dtype=np.int64)
    read = read_messages(REAL / MESSAGES, book=REAL / BOOK)
    clock = _clock(pd.read_csv(REAL / MESSAGES, header=None, dtype=str)[0])
    last_of_moment = np.append(np.diff(clock) > 0, True)
    book, played = OrderBook(read.messages.slots, read.messages.ticks), 0

    for row in np.flatnonzero(last_of_moment):
        until = int(np.searchsorted(read.messages.time, clock[row], side="right"))
        book.play(read.messages, played, until)
        played = until
        assert _best(book, read.messages) == theirs[row, :4].tolist(), row

    assert (read.unknown, last_of_moment.sum()) == (0, 890)


def _best(book: OrderBook, messages: Messages) -> list[int]:
    """Best ask, its size, best bid, its size, as LOBSTER writes them."""
    ask, bid = book.best_ask, book.best_bid
    assert ask is not None
    assert bid is not None
    prices = [round(messages.price(tick) * 10_000) for tick in (ask, bid)]
    return [prices[0], book.depth(ask, ASK), prices[1], book.depth(bid, BID)]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("1,2,3\n", "columns"),
        ("1.0,9,1,1,100,1\n", "types"),
        ("1.0,1,1,1,100,1\n1.0,1,2,1,150,1\n", "between"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, line: str, word: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(line)
    with pytest.raises(SchemaError, match=word):
        read_messages(path)


def test_what_lay_in_the_book_is_placed_first_and_leaves_by_name(tmp_path: Path) -> None:
    messages, levels = tmp_path / "X_message_1.csv", tmp_path / "X_orderbook_1.csv"
    messages.write_text("34200.1,1,11,100,1000100,1\n34200.2,3,7,30,1000000,1\n34200.3,4,8,5,1000200,-1\n")
    levels.write_text("1000200,50,1000100,100,9999999999,0,1000000,70\n" * 3)

    read = read_messages(messages, book=levels)

    book = OrderBook(read.messages.slots, read.messages.ticks)
    book.play(read.messages)
    depths = [book.depth(tick, BID) for tick in range(read.messages.ticks)]
    assert [depth for depth in depths if depth] == [40, 100]
    assert (book.depth(book.best_ask or 0, ASK), read.unknown) == (45, 0)


def test_a_book_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    messages, levels = tmp_path / "X_message_1.csv", tmp_path / "X_orderbook_1.csv"
    messages.write_text("34200.1,1,11,100,1000100,1\n")
    levels.write_text("1,2,3\n")

    with pytest.raises(SchemaError, match="four a level"):
        read_messages(messages, book=levels)
