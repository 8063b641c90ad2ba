"""A bad line, a bad vendor and kill -9: every five-minute bar is there once, with its last values."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from pipelines.ingest.live import LiveIngester
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from resources.store import HomeStore, store_at
from tests.peers.alpaca_http import AlpacaHistory
from tests.peers.alpaca_stream import KINDS, AlpacaStreamPeer
from tests.peers.faults import TRANSPORT, FaultEngine
from tests.peers.http_peer import HttpPeer
from tests.peers.minutes import Bar, five_minute_truth, minute_bars
from tests.pipelines.ingest.killed_listener import QUICK, clock_from, stream_of
from trading import calendar
from trading.universe import SYMBOLS

SESSION = calendar.session_of("2024-07-01")
MANY = tuple(f"S{number:02d}" for number in range(26))  # of one session each 390 minutes: 10,140
ROOT = Path(__file__).parents[3]
VALUES = ["open", "high", "low", "close", "volume"]


@dataclass
class Vendor:
    """Both sides of Alpaca over one truth."""

    stream: AlpacaStreamPeer
    http: HttpPeer


@contextmanager
def vendor(share: float) -> Iterator[Vendor]:
    faults = FaultEngine.evenly(share, kinds=KINDS)
    with AlpacaStreamPeer(faults=faults) as stream:
        history = AlpacaHistory({"1Min": Played(stream.history)})  # type: ignore[dict-item]
        with HttpPeer(history, FaultEngine.evenly(share, kinds=TRANSPORT)) as http:
            yield Vendor(stream, http)


class Played:
    """What was played so far, as rows."""

    def __init__(self, history: dict[tuple[str, pd.Timestamp], Bar]) -> None:
        self._history = history

    def __iter__(self) -> Iterator[Bar]:
        return iter(sorted(self._history.copy().values(), key=lambda bar: bar["t"]))


def found(store: HomeStore) -> dict[tuple[str, pd.Timestamp], tuple[float, ...]]:
    rows = store.read("bars", timeframe="5min")
    values = rows[VALUES].itertuples(index=False, name=None)
    return dict(zip(zip(rows["symbol"], rows["ts"], strict=True), values, strict=True))


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.2)
    return condition()


def assert_each_once(store: HomeStore) -> None:
    rows = store.read("bars", timeframe="5min", revisions=True)
    key = ["session", "timeframe", "ts", "symbol"]
    assert rows.equals(rows.sort_values([*key, "known_at"], ignore_index=True))
    same = (rows[VALUES] == rows.groupby(key)[VALUES].shift(1)).all(axis=1)
    assert not same.any(), "a revision says something else than the row before it"
    ended = rows["ts"] + pd.Timedelta(minutes=5)
    assert (rows["known_at"] >= ended).all()


def chaos(folder: Path, symbols: Sequence[str], most: int, seconds: float) -> float:
    bars = minute_bars(symbols, SESSION, 390)[:most]
    opened = Workshop.of(Home.open_or_create(folder), Settings()).open()
    clock = clock_from(calendar.session_close(SESSION))
    began, truth = time.monotonic(), five_minute_truth(bars)
    with vendor(0.2) as peers:
        ingester = LiveIngester(opened, stream_of(peers.http.url, peers.stream.url, clock), symbols, QUICK)

        async def listen() -> None:
            running = asyncio.create_task(ingester.run())
            await asyncio.to_thread(peers.stream.wait_for_listeners)
            await asyncio.to_thread(peers.stream.play, bars, pause=0.003)
            complete = lambda: found(opened.store) == truth  # noqa: E731
            assert await asyncio.to_thread(wait_for, complete, seconds)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        asyncio.run(listen())
        assert peers.stream.seen.connections > 3
    assert_each_once(opened.store)
    assert opened.store.read("quarantine").empty
    return time.monotonic() - began


def test_a_fifth_of_all_messages_harmed_costs_no_bar(tmp_path: Path) -> None:
    chaos(tmp_path, SYMBOLS, 2000, seconds=120)


@pytest.mark.nightly  # 10,000 minutes take some 40 s on a busy machine
def test_a_fifth_of_all_messages_harmed_costs_none_of_ten_thousand(tmp_path: Path) -> None:
    seconds = chaos(tmp_path, MANY, 10_000, seconds=300)
    sys.stdout.write(f"10,000 minutes, 20 % harmed: {seconds:.1f} s\n")


@pytest.mark.parametrize("kills", [3, pytest.param(12, marks=pytest.mark.nightly)])  # a fork and a home each
def test_kill_9_at_random_moments_loses_and_doubles_nothing(kills: int, tmp_path: Path) -> None:
    bars = minute_bars(SYMBOLS, SESSION, 390)
    start = str(calendar.session_close(SESSION))
    with vendor(0.05) as peers:
        words = [tmp_path, peers.http.url, peers.stream.url, str(kills), start]
        script = Path(__file__).with_name("killed_listener.py")
        listening = subprocess.Popen(
            [sys.executable, "-W", "ignore", script, *words],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        peers.stream.wait_for_listeners(60)
        playing = threading.Thread(target=peers.stream.play, args=(bars,), kwargs={"pause": 0.005})
        playing.start()
        playing.join()
        store = store_at(tmp_path / "tables", tmp_path / "fabline.db")
        complete = wait_for(lambda: found(store) == five_minute_truth(bars), 90)
        (tmp_path / "enough").touch()
        told, _ = listening.communicate(timeout=180)

    assert told.count("killed") == kills
    assert complete
    assert listening.returncode == 0, "asked to stop, it stops"
    assert_each_once(store)
