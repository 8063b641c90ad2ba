"""A vendor that harms a fifth of its answers: every bar is there exactly once and in order, and it ends."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import pytest

from pipelines.ingest import chunks
from pipelines.ingest.desk import Desk
from pipelines.ingest.loading import Outcome, ingest
from resources.sources.alpaca import AlpacaSource
from resources.sources.alpaca_keys import AlpacaKeys
from resources.store import HomeStore, store_at
from tests.peers.alpaca_http import AlpacaHistory, bars_as_written
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.faults import ROWS, TRANSPORT, FaultEngine
from tests.peers.http_peer import HttpPeer
from tests.peers.patience import Patience, impatient
from trading import calendar
from trading.testing.market import SimulatedMarket

FIRST = calendar.session_of("2024-01-02")
NOW = pd.Timestamp("2024-06-03 12:00", tz="UTC")
NAMES = ("NVDA", "AMD", "SPY", "MU")
VALUES = ["session", "ts", "symbol", "open", "high", "low", "close", "volume"]


def load(
    store: HomeStore, peer: HttpPeer, last: pd.Timestamp, patience: Patience, *, refresh: bool
) -> Outcome:
    source = AlpacaSource(
        AlpacaKeys(KEY, SECRET), base_url=peer.url, clock=lambda: NOW, transport=impatient("alpaca", patience)
    )
    spans = chunks.spans_of(NAMES, FIRST, last)
    desk = Desk.of(store, source, lambda: NOW + pd.Timedelta(days=int(refresh)), {})
    return ingest(desk, chunks.Wanted("5min", spans, last, refresh))


@pytest.mark.parametrize(
    ("sessions", "page_rows"),
    [(3, 15), pytest.param(33, 50, marks=pytest.mark.nightly)],  # 10,296 bars take 20 s
)
def test_a_vendor_that_harms_a_fifth_of_its_answers_costs_time_and_no_bar(
    tmp_path: Path, sessions: int, page_rows: int
) -> None:
    last = calendar.shift(FIRST, sessions - 1)
    market = SimulatedMarket().bars(NAMES, FIRST, last, "5min")
    history = AlpacaHistory({"5Min": bars_as_written(market)}, page_rows=page_rows)
    engine, patience = FaultEngine.evenly(0.2, kinds=(*TRANSPORT, *ROWS)), Patience()
    store = store_at(tmp_path / "tables", tmp_path / "fabline.db", clock=lambda: NOW)

    started = time.monotonic()
    with HttpPeer(history, engine) as peer:
        outcome = load(store, peer, last, patience, refresh=False)
    took = time.monotonic() - started
    assert not outcome.failures
    stored = store.read("bars", revisions=True)
    expected = market.sort_values(["session", "ts", "symbol"], ignore_index=True)
    pd.testing.assert_frame_equal(stored[VALUES[:3]], expected[VALUES[:3]])
    harmed = sum(engine.drawn[kind] for kind in engine.rates)
    print(  # noqa: T201  # the issue asks how long it took
        f"{len(stored)} bars, {len(peer.asked)} requests, {harmed} harmed, {took:.1f} s and "
        f"{patience.elapsed:.1f} s that it would have waited"
    )
    assert harmed > 0.1 * len(peer.asked) > 2

    with HttpPeer(history) as calm:
        mended = load(store, calm, last, patience, refresh=True)

    assert not mended.failures
    assert mended.tallies[0].accepted == 0
    pd.testing.assert_frame_equal(store.read("bars")[VALUES], expected[VALUES])
    store.close()
