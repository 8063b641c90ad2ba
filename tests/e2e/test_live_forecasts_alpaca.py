"""A session that comes minute by minute over Alpaca's protocol is forecast as the evening's run forecasts it."""

import asyncio
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from pipelines.ingest.live import LiveIngester
from pipelines.ingest.live_forecasts import TABLE, LiveForecasts
from pipelines.wiring import Workshop, specs_of
from resources.sources.alpaca_keys import AlpacaKeys
from resources.sources.alpaca_stream import AlpacaLiveBars
from tests.e2e.homes import materialise, workshop_at
from tests.e2e.test_live_forecasts import BEFORE, QUICK, SESSION, SETTINGS, STARTS, agree, rows
from tests.peers.alpaca_stream import KEY, SECRET, AlpacaStreamPeer
from tests.peers.minutes import MINUTE, Bar
from trading import calendar
from trading.testing.market import SimulatedMarket
from trading.universe import SYMBOLS


class Watch:
    """The present, which a test moves on."""

    def __init__(self) -> None:
        self.moment = calendar.session_open(SESSION)

    def __call__(self) -> pd.Timestamp:
        return self.moment


def minutes_of(bars: pd.DataFrame) -> list[Bar]:
    """SIMULATED five-minute bars as minutes, which together are those bars again."""
    played: list[Bar] = []
    for bar in bars.itertuples():
        first = {"S": bar.symbol, "o": bar.open, "h": bar.high, "l": bar.low, "c": bar.close}
        rest = {"S": bar.symbol, "o": bar.close, "h": bar.close, "l": bar.close, "c": bar.close}
        volumes = (int(bar.volume) - 4, 1, 1, 1, 1)
        for place, volume in enumerate(volumes):
            values = rest if place else first
            played.append({**values, "t": bar.ts + place * MINUTE, "v": volume})
    return sorted(played, key=lambda minute: minute["t"])


def play(peer: AlpacaStreamPeer, watch: Watch, shown: list[str]) -> None:
    """The session in order: five minutes of all names, then a wait for what is said of them."""
    bars = SimulatedMarket().bars(SYMBOLS, SESSION, SESSION, "5min")
    peer.wait_for_listeners(60)
    for place, start in enumerate(STARTS):
        watch.moment = start + pd.Timedelta(minutes=5, seconds=1)
        peer.play(minutes_of(bars[bars["ts"] == start]))
        deadline = time.monotonic() + 60
        while len(shown) < place + 2 and time.monotonic() < deadline:
            time.sleep(0.05)


def listened(workshop: Workshop) -> list[str]:
    """What a person was shown while the session was streamed."""
    shown: list[str] = []
    opened, watch = workshop.open(), Watch()
    with closing(opened.store), AlpacaStreamPeer() as peer:
        stream = AlpacaLiveBars(
            AlpacaKeys(KEY, SECRET), lambda *_: (), url=peer.url, clock=watch, patience=(0.01, 0.05)
        )
        forecasts = LiveForecasts(opened, specs_of(SETTINGS), SYMBOLS, shown.append)
        ingester = LiveIngester(opened, stream, SYMBOLS, QUICK, forecasts=forecasts)

        async def session() -> None:
            running = asyncio.create_task(ingester.run())
            await asyncio.to_thread(play, peer, watch, shown)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        asyncio.run(session())
    return shown


@pytest.mark.nightly  # two evenings of a home and 2,100 minutes over a socket; a few bars are tested every day
@pytest.mark.timeout(600)
def test_a_session_streamed_over_alpacas_protocol_is_forecast_to_the_bytes_of_the_evening(
    tmp_path: Path,
) -> None:
    workshop = workshop_at(tmp_path, SETTINGS)
    materialise(workshop, BEFORE, BEFORE)

    shown = listened(workshop)
    said = rows(workshop, TABLE)
    materialise(workshop, SESSION, SESSION)
    evening = pd.concat([rows(workshop, f"forecast_{model}") for model in SETTINGS.models])

    assert len(shown) == 1 + len(STARTS)
    assert all("4 versions, 10 names" in line for line in shown[1:])
    assert agree(said, evening)
