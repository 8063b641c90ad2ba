"""The order book: events a second, and fills of a quote beside hftbacktest's on the same SIMULATED flow.

FABLINE_HFTBACKTEST=PYTHON .venv/bin/python -m pytest benchmarks/test_bench_order_book.py -q -s -p no:cacheprovider

PYTHON is the interpreter of an environment that has hftbacktest (it wants numpy < 2.3); without one, that part is
skipped. One thread. The quote: a bid of one share at the best bid, cancelled and sent anew every two seconds.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trading.execution.order_book.book import OrderBook
from trading.execution.order_book.flow import simulated_flow
from trading.execution.order_book.messages import BID, EXECUTE, LIMIT, Messages
from trading.execution.order_book.playback import Latency, Playback, QueueModel

PEER, VARIABLE = Path(__file__).parent / "peer_hftbacktest.py", "FABLINE_HFTBACKTEST"
EVENTS, ROUNDS, GOAL = 4_000_000, 5, 50e6
FLOOR = 5e6  # what a crowded machine reached at its worst; the goal is told beside the figure, not asserted
FEED, ORDER, STEP, SIZE = 2_000_000, 5_000_000, 2_000_000_000, 1
MOST = 0.02


def test_pure_updates_beside_the_goal_of_fifty_million_events_a_second() -> None:
    messages, seconds = simulated_flow(EVENTS, seed=1), []
    OrderBook(messages.slots, messages.ticks).play(messages, 0, 10)
    for _ in range(ROUNDS):
        book = OrderBook(messages.slots, messages.ticks)
        wall, core = time.perf_counter(), time.thread_time()
        book.play(messages)
        seconds.append((time.perf_counter() - wall, time.thread_time() - core))
    walls, cores = zip(*seconds, strict=True)
    print(
        f"\npure updates, best of {ROUNDS}: {EVENTS / min(walls) / 1e6:.0f} M events a second by the clock, "
        f"{EVENTS / min(cores) / 1e6:.0f} M a second of the core; goal {GOAL / 1e6:.0f} M"
    )
    assert EVENTS / min(cores) > FLOOR


@pytest.mark.parametrize(("queue", "power"), [("conservative", 0.0), ("probable", 1.0), ("probable", 3.0)])
def test_fills_are_hftbacktests_within_two_percent(queue: QueueModel, power: float, tmp_path: Path) -> None:
    python = os.environ.get(VARIABLE)
    if not python:
        pytest.skip(f"{VARIABLE} names no interpreter of an environment with hftbacktest")
    messages = simulated_flow(400_000, seed=2)
    moments = np.arange(10 * STEP, messages.time[-1] - STEP, STEP)
    feed = tmp_path / "feed.npz"
    np.savez(feed, **aggregated(messages), moments=moments, feed=FEED, order=ORDER, power=power)
    said = subprocess.run([python, PEER, feed], capture_output=True, text=True, check=True).stdout
    peer = json.loads(said.splitlines()[-1])
    exact, _ = quoted(messages, moments, "exact", 1.0)
    ours, took = quoted(messages, moments, queue, power)
    print(
        f"\n{queue} (n = {power:g}): {ours} shares filled of {SIZE * len(moments)}, hftbacktest {peer['filled']:.0f} "
        f"({ours / peer['filled'] - 1:+.2%}), order by order {exact}; "
        f"{len(messages) / took / 1e6:.1f} M messages a second with the quote"
    )
    assert abs(ours / peer["filled"] - 1) <= MOST


def quoted(messages: Messages, moments: np.ndarray, queue: QueueModel, power: float) -> tuple[int, float]:
    """Shares that the quote is filled, and seconds."""
    latency = Latency(FEED, ORDER)
    Playback(messages, latency, queue=queue, power=power).elapse(1)
    play = Playback(messages, latency, queue=queue, power=power, orders=len(moments) + 1)
    start, filled, mine = time.perf_counter(), 0, None
    for moment in moments:
        filled += sum(fill.size for fill in play.elapse(int(moment) - play.now))
        if mine is not None and play.left(mine):
            play.cancel(mine)
        mine = play.limit(SIZE, play.book.best_bid, BID)
    return filled, time.perf_counter() - start


def aggregated(messages: Messages) -> dict[str, np.ndarray]:
    """What a feed without orders shows: the trade, and then the level's new size."""
    kind, _, size, tick, side = messages.rows.T.astype(np.int64)
    change = pd.Series(np.where(kind == LIMIT, size, -size))
    after = change.groupby([side, tick]).cumsum().to_numpy()
    trade = np.column_stack([kind == EXECUTE, np.zeros(len(kind), dtype=bool)]).ravel()
    keep = np.column_stack([kind == EXECUTE, np.ones(len(kind), dtype=bool)]).ravel()
    both = {"time": messages.time, "tick": tick, "bid": side == BID}
    feed = {name: np.repeat(values, 2)[keep] for name, values in both.items()}
    return {**feed, "size": np.column_stack([size, after]).ravel()[keep], "trade": trade[keep]}
