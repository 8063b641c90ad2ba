"""What every stream of live bars must do: Alpaca's over its own protocol, and a simulated market replayed."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import pandas as pd
import pytest

from resources.sources.alpaca_keys import AlpacaKeys
from resources.sources.alpaca_stream import AlpacaLiveBars, bar_of
from resources.sources.simulated_live import SimulatedLiveBars
from tests.peers.alpaca_stream import KEY, SECRET, AlpacaStreamPeer
from tests.peers.minutes import five_minute_truth, minute_bars
from trading import calendar, frames
from trading.five_minutes import FiveMinuteBars
from trading.interfaces import LiveBar, LiveBars
from trading.testing.market import SimulatedMarket

SESSION = calendar.session_of("2024-07-03")  # a half day: 42 bars of five minutes
SYMBOLS = ("NVDA", "AMD", "TSM")
Truth = dict[tuple[str, pd.Timestamp], tuple[float, ...]]
LATER = pd.Timestamp("2024-07-03 17:05", tz="UTC")


@dataclass
class Market:
    """A stream, and the five-minute bars that it must come to."""

    live: LiveBars
    truth: Truth


@pytest.fixture(params=["simulated", "alpaca"])
def market(request: pytest.FixtureRequest) -> Iterator[Market]:
    if request.param == "simulated":
        rows = SimulatedMarket().bars(SYMBOLS, SESSION, SESSION, "5min")
        values = rows[["open", "high", "low", "close", "volume"]].itertuples(index=False, name=None)
        truth = dict(zip(zip(rows["symbol"], rows["ts"], strict=True), values, strict=True))
        yield Market(SimulatedLiveBars(first=SESSION), truth)
        return
    bars = minute_bars(SYMBOLS, SESSION, 210)
    with AlpacaStreamPeer() as peer:
        peer.history = {(bar["S"], bar["t"]): bar for bar in bars}
        yield Market(alpaca_of(peer), five_minute_truth(bars))


def alpaca_of(peer: AlpacaStreamPeer, clock: pd.Timestamp = LATER) -> AlpacaLiveBars:
    def minutes(symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp) -> list[LiveBar]:
        wanted = [one for one in peer.history.values() if one["S"] in symbols and first <= one["t"] <= last]
        return [bar_of(one, clock) for one in sorted(wanted, key=lambda one: one["t"])]

    return AlpacaLiveBars(
        AlpacaKeys(KEY, SECRET), minutes, url=peer.url, clock=lambda: clock, patience=(0.01, 0.05)
    )


def listened(live: LiveBars, symbols: Sequence[str], since: pd.Timestamp, count: int) -> list[LiveBar]:
    async def listen() -> list[LiveBar]:
        heard: list[LiveBar] = []
        async with asyncio.timeout(60), aclosing(live.stream(symbols, since)) as stream:
            async for bar in stream:
                heard.append(bar)
                if len(heard) == count:
                    break
        assert len(asyncio.all_tasks()) == 1, "a closed stream leaves nothing running"
        return heard

    return asyncio.run(listen())


def five_minute_bars(heard: Sequence[LiveBar]) -> Truth:
    built = FiveMinuteBars()
    for bar in heard:
        built.add(bar)
    taken = built.take(LATER + pd.Timedelta(hours=1))
    return {(b.symbol, b.ts): (b.open, b.high, b.low, b.close, b.volume) for b in taken}


def test_it_says_what_it_is(market: Market) -> None:
    assert market.live.name in ("simulated", "alpaca")
    assert market.live.basis in frames.BASES
    assert market.live.simulated == (market.live.name == "simulated")
    assert market.live.delay < calendar.DECISION_DELAY
    assert str(market.live.now().tz) == "UTC"


def test_since_the_open_every_bar_of_the_session_is_there_and_nothing_else(market: Market) -> None:
    live, opened = market.live, calendar.session_open(SESSION)
    count = 3 * 42 if live.name == "simulated" else 3 * 210

    heard = listened(live, SYMBOLS, opened, count)

    assert five_minute_bars(heard) == market.truth


def test_bars_begin_on_their_grid_come_in_order_and_after_their_end(market: Market) -> None:
    heard = listened(market.live, SYMBOLS, calendar.session_open(SESSION), 100)

    assert all(bar.ts == bar.ts.floor(f"{bar.minutes}min") for bar in heard)
    assert all(bar.received >= bar.ts + pd.Timedelta(minutes=bar.minutes) for bar in heard)
    for symbol in SYMBOLS:
        starts = [bar.ts for bar in heard if bar.symbol == symbol]
        assert starts == sorted(set(starts))


def test_only_what_was_asked_for_comes(market: Market) -> None:
    heard = listened(market.live, ("AMD",), calendar.session_open(SESSION), 40)

    assert {bar.symbol for bar in heard} == {"AMD"}


def test_a_later_since_leaves_out_what_came_before(market: Market) -> None:
    since = calendar.session_open(SESSION) + pd.Timedelta(hours=1)

    heard = listened(market.live, SYMBOLS, since, 30)

    assert min(bar.ts for bar in heard) >= since - pd.Timedelta(minutes=6)
