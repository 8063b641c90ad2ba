"""A LOBSTER file written by hand, and one written from simulated flow."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from resources.sources.lobster import read_messages
from trading.errors import SchemaError
from trading.execution.order_book.book import OrderBook
from trading.execution.order_book.flow import simulated_flow
from trading.execution.order_book.messages import ASK, BID

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
