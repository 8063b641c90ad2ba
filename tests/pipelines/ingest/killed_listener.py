"""Listens to a peer in a process that is killed again and again; the last one is asked to stop.

`python killed_listener.py HOME HTTP_URL STREAM_URL KILLS`: each listener is a fork that stores what it hears and is
killed at a random moment. The one after the last kill listens until the file HOME/enough is there.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pipelines.ingest.live import LiveOptions, live
from pipelines.settings import Settings
from pipelines.wiring import Workshop
from resources.home import Home
from resources.sources.alpaca import AlpacaSource
from resources.sources.alpaca_keys import AlpacaKeys
from resources.sources.alpaca_stream import AlpacaLiveBars
from resources.sources.transport import Policy, Transport
from tests.peers.alpaca_stream import KEY, SECRET
from trading.interfaces import Clock

SPEED = 20.0  # so that what waits two seconds for company waits a tenth of one
QUICK = LiveOptions(gather_seconds=0.005, retry_seconds=(0.01, 0.1))


def clock_from(start: pd.Timestamp) -> Clock:
    begun = time.monotonic()
    return lambda: (start + pd.Timedelta(seconds=SPEED * (time.monotonic() - begun))).as_unit("us")


def stream_of(history: str, stream: str, clock: Clock) -> AlpacaLiveBars:
    keys = AlpacaKeys(KEY, SECRET)
    patient = Transport("alpaca", Policy(per_hour=2_000_000, burst=200_000, base_seconds=0.01, failures=1000))
    source = AlpacaSource(keys, base_url=history, clock=clock, transport=patient)
    return AlpacaLiveBars(keys, source.minutes, url=stream, clock=clock, patience=(0.01, 0.05))


def listen(home: Path, history: str, stream: str, start: pd.Timestamp) -> None:
    opened = Workshop.of(Home.open_or_create(home), Settings()).open()
    live(opened, stream_of(history, stream, clock_from(start)), options=QUICK)


def in_a_fork(action: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        action()
        os._exit(0)
    return child


def main(home: Path, history: str, stream: str, kills: int, start: pd.Timestamp) -> None:
    import adbc_driver_sqlite.dbapi

    assert adbc_driver_sqlite.dbapi
    chance = random.Random(7)
    for _ in range(kills):
        child = in_a_fork(lambda: listen(home, history, stream, start))
        time.sleep(chance.uniform(0.2, 1.0))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        sys.stdout.write("killed\n")
    child = in_a_fork(lambda: listen(home, history, stream, start))
    while not (home / "enough").exists():
        time.sleep(0.05)
    os.kill(child, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]), pd.Timestamp(sys.argv[5]))
