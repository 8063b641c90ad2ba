"""How long one live update of the ten symbols takes, from received to validated and stored.

`python benchmarks/measure_live.py --updates 234 [--postgres]`

Minutes of ten symbols (SIMULATED) come from a local server over Alpaca's websocket protocol into a home, through
the queue and the validation of `fabline ingest --live`. An update is the message with the last minute of five: from
the moment at which it is unpacked until the ten five-minute bars are committed. The roadmap allows 30 s.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from pipelines.environment import DATABASE  # noqa: E402
from pipelines.ingest.live import LiveIngester, LiveOptions  # noqa: E402
from pipelines.settings import Settings  # noqa: E402
from pipelines.wiring import Workshop  # noqa: E402
from resources.home import Home  # noqa: E402
from resources.open_home import OpenHome  # noqa: E402
from resources.sources.alpaca_keys import AlpacaKeys  # noqa: E402
from resources.sources.alpaca_stream import AlpacaLiveBars  # noqa: E402
from tests.peers.alpaca_stream import KEY, SECRET, AlpacaStreamPeer  # noqa: E402
from tests.peers.minutes import Bar, minute_bars  # noqa: E402
from trading import calendar  # noqa: E402
from trading.interfaces import LiveBar  # noqa: E402
from trading.universe import SYMBOLS  # noqa: E402

ALLOWED_SECONDS = 30.0
MINUTES, UPDATES_A_SESSION = 390, 78
FIRST = calendar.session_of("2024-06-25")


@contextmanager
def home_of(*, postgres: bool) -> Iterator[OpenHome]:
    """A new home in a folder of its own, over SQLite or an embedded PostgreSQL."""
    from resources.postgres import EmbeddedPostgres

    folder = Path(tempfile.mkdtemp())
    server = EmbeddedPostgres(folder) if postgres else None
    try:
        if server is not None:
            os.environ[DATABASE] = server.start()
        opened = Workshop.of(Home.open_or_create(folder / "home"), Settings()).open()
        yield opened
        opened.store.close()
    finally:
        os.environ.pop(DATABASE, None)
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def measured(home: OpenHome, peer: AlpacaStreamPeer, bars: Sequence[Bar]) -> list[float]:
    """Seconds of each update; the next is sent when the one before is stored."""
    base, begun = calendar.session_close(calendar.shift(FIRST, 10)), time.perf_counter()

    def clock() -> pd.Timestamp:
        return base + pd.Timedelta(seconds=time.perf_counter() - begun)

    live = AlpacaLiveBars(AlpacaKeys(KEY, SECRET), lambda *_: [], url=peer.url, clock=clock)
    ingester = LiveIngester(home, live, SYMBOLS, LiveOptions())
    put, took, stored = ingester._tables.put, [], asyncio.Event()  # noqa: SLF001
    loop = asyncio.get_running_loop()

    def watched(ready: Sequence[LiveBar], faulty: Sequence[tuple[LiveBar, str]] = ()) -> None:
        put(ready, faulty)
        took.append((clock() - min(bar.received for bar in ready)).total_seconds())
        if len(ready) == len(SYMBOLS):
            loop.call_soon_threadsafe(stored.set)

    ingester._tables.put = watched  # type: ignore[method-assign]  # noqa: SLF001
    running = asyncio.create_task(ingester.run())
    await asyncio.to_thread(peer.wait_for_listeners)
    for start in range(0, len(bars), 5 * len(SYMBOLS)):
        stored.clear()
        await asyncio.to_thread(peer.play, bars[start : start + 5 * len(SYMBOLS)])
        await asyncio.wait_for(stored.wait(), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return took


def main() -> None:
    """Print the figures of one database."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--updates", type=int, default=3 * UPDATES_A_SESSION)
    arguments.add_argument("--postgres", action="store_true")
    asked = arguments.parse_args()
    sessions = [calendar.shift(FIRST, place) for place in range(-(-asked.updates // UPDATES_A_SESSION))]
    bars = [bar for session in sessions for bar in minute_bars(SYMBOLS, session, MINUTES)]
    with home_of(postgres=asked.postgres) as home, AlpacaStreamPeer() as peer:
        before = time.process_time()
        took = np.array(asyncio.run(measured(home, peer, bars[: asked.updates * 5 * len(SYMBOLS)])))
        processor = (time.process_time() - before) / len(took)
        rows = len(home.store.read("bars", timeframe="5min"))
    assert rows == asked.updates * len(SYMBOLS)
    p50, p99 = np.quantile(took, [0.5, 0.99])
    database = "PostgreSQL" if asked.postgres else "SQLite"
    print(f"{database}: {len(took)} updates of ten symbols, {rows} bars stored (SIMULATED)")
    print(
        f"received to stored: p50 {1000 * p50:.0f} ms, p99 {1000 * p99:.0f} ms, max {1000 * took.max():.0f} ms"
    )
    print(f"processor an update, five messages and the server in it: {1000 * processor:.0f} ms")
    print(f"roadmap: {ALLOWED_SECONDS:.0f} s an update; p99 is 1/{ALLOWED_SECONDS / p99:.0f} of it")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
