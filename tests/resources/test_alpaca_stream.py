"""Alpaca's stream over a bad line: nothing is lost, a refusal is final, and a secret never shows."""

import asyncio
import contextlib
import logging
import pickle
import threading
import time
from collections.abc import Sequence
from contextlib import aclosing

import pandas as pd
import pytest

from resources.sources.alpaca_keys import AlpacaKeys
from resources.sources.alpaca_stream import AlpacaLiveBars, bar_of
from tests.peers.alpaca_stream import KEY, KINDS, SECRET, AlpacaStreamPeer
from tests.peers.faults import FaultEngine
from tests.peers.minutes import Bar, five_minute_truth, minute_bars
from trading import calendar
from trading.errors import SourceUnavailableError
from trading.five_minutes import FiveMinuteBars
from trading.interfaces import LiveBar

SESSION = calendar.session_of("2024-07-02")
OPEN = calendar.session_open(SESSION)
SYMBOLS = ("NVDA", "AMD")
NOW = pd.Timestamp("2024-07-02 21:00", tz="UTC")


def live_of(peer: AlpacaStreamPeer, keys: AlpacaKeys | None = None, failing: int = 0) -> AlpacaLiveBars:
    failures = iter(range(failing))

    def minutes(_symbols: Sequence[str], first: pd.Timestamp, _last: pd.Timestamp) -> list[LiveBar]:
        if next(failures, None) is not None:
            raise SourceUnavailableError("history is away")
        return [bar_of(one, NOW) for one in peer.history.values() if one["t"] >= first]

    keys = keys or AlpacaKeys(KEY, SECRET)
    return AlpacaLiveBars(keys, minutes, url=peer.url, clock=lambda: NOW, patience=(0.01, 0.02))


async def until_complete(live: AlpacaLiveBars, wanted: Sequence[Bar]) -> FiveMinuteBars:
    """Listen until every minute of `wanted` came with its final values."""
    built, open_ends = FiveMinuteBars(), {(bar["S"], bar["t"]): bar["c"] for bar in wanted}
    async with asyncio.timeout(120), aclosing(live.stream(SYMBOLS, OPEN)) as stream:
        async for bar in stream:
            built.add(bar)
            if open_ends.get((bar.symbol, bar.ts)) == bar.close:
                del open_ends[bar.symbol, bar.ts]
            if not open_ends:
                return built
    return built


def heard(peer: AlpacaStreamPeer, bars: Sequence[Bar], **options: int) -> dict[object, tuple[float, ...]]:
    def play() -> None:
        peer.wait_for_listeners()
        peer.play(bars, pause=0.002)

    playing = threading.Thread(target=play)
    playing.start()
    built = asyncio.run(until_complete(live_of(peer, **options), bars))
    playing.join()
    taken = built.take(NOW)
    return {(b.symbol, b.ts): (b.open, b.high, b.low, b.close, b.volume) for b in taken}


@pytest.mark.parametrize("fault", KINDS)
def test_a_bad_line_loses_nothing(fault: str) -> None:
    bars, engine = minute_bars(SYMBOLS, SESSION, 60), FaultEngine({fault: 0.2})
    with AlpacaStreamPeer(faults=engine) as peer:
        found = heard(peer, bars)

        assert engine.drawn[fault] > 3
        assert (peer.seen.connections > 1) == (fault in ("reset", "truncated"))
    assert found == five_minute_truth(bars)


def test_history_that_is_away_after_a_drop_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.sources.alpaca_stream.SECONDS_BEFORE_HISTORY", 0.02)
    bars = minute_bars(SYMBOLS, SESSION, 60)
    with AlpacaStreamPeer(faults=FaultEngine({"reset": 0.2})) as peer:
        assert heard(peer, bars, failing=5) == five_minute_truth(bars)


def test_a_correction_comes_as_the_same_minute_again() -> None:
    bars = minute_bars(SYMBOLS, SESSION, 5)
    corrected = {**bars[0], "v": 77}
    with AlpacaStreamPeer() as peer:
        playing = threading.Thread(
            target=lambda: (peer.wait_for_listeners(), peer.play(bars), peer.update(corrected))
        )
        playing.start()
        values = asyncio.run(volumes(live_of(peer), "NVDA", OPEN, 2))
        playing.join()

    assert values == [bars[0]["v"], 77]


async def volumes(live: AlpacaLiveBars, symbol: str, ts: pd.Timestamp, count: int) -> list[float]:
    found: list[float] = []
    async with asyncio.timeout(60), aclosing(live.stream(SYMBOLS)) as stream:
        async for bar in stream:
            found += [bar.volume] if (bar.symbol, bar.ts) == (symbol, ts) else []
            if len(found) == count:
                return found
    return found


@pytest.mark.parametrize(
    ("code", "words"), [(405, "symbol limit exceeded"), (409, "insufficient subscription")]
)
def test_a_refusal_that_will_not_change_ends_the_stream_with_what_to_do(code: int, words: str) -> None:
    with (
        AlpacaStreamPeer(refuse=(code, words)) as peer,
        pytest.raises(SourceUnavailableError, match=f"{words}.*APCA_API_KEY_ID"),
    ):
        asyncio.run(volumes(live_of(peer), "NVDA", OPEN, 1))


def test_a_second_connection_that_is_refused_for_now_is_tried_again() -> None:
    with AlpacaStreamPeer(refuse=(406, "connection limit exceeded")) as peer:
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(volumes(live_of(peer), "NVDA", OPEN, 1), 0.5))

        assert peer.seen.refused > 2


def test_leaving_ends_a_client_that_loses_the_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    async def losing_one(_socket: object, inbox: asyncio.Queue[object]) -> None:
        await inbox.put(bar_of(minute_bars(SYMBOLS, SESSION, 1)[0], NOW))
        with contextlib.suppress(
            asyncio.CancelledError
        ):  # as wait_for does, if an answer came in the same turn
            await asyncio.sleep(3600)
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("the client")

    monkeypatch.setattr("resources.sources.alpaca_stream._Socket.read", losing_one)
    began = time.monotonic()
    with AlpacaStreamPeer() as peer:
        assert asyncio.run(volumes(live_of(peer), "NVDA", OPEN, 1))

    assert ended == ["the client"]
    assert time.monotonic() - began < 50, "before the time is up that `volumes` allows"


def test_wrong_credentials_are_refused_without_showing_them(caplog: pytest.LogCaptureFixture) -> None:
    wrong = AlpacaKeys("PKWRONGWRONGWRONG", "a-secret-nobody-should-read")
    caplog.set_level(logging.DEBUG)
    with AlpacaStreamPeer() as peer, pytest.raises(SourceUnavailableError) as caught:
        asyncio.run(volumes(live_of(peer, wrong), "NVDA", OPEN, 1))

    told = str(caught.value) + repr(caught.value) + caplog.text
    assert "auth failed" in told
    assert wrong.key not in told
    assert wrong.secret not in told


def test_credentials_never_show(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    keys, bars = AlpacaKeys(KEY, SECRET), minute_bars(SYMBOLS, SESSION, 5)
    with AlpacaStreamPeer() as peer:
        heard(peer, bars)
        shown = caplog.text + repr(keys) + str(keys) + repr(live_of(peer, keys)) + f"{vars(live_of(peer))}"

    assert KEY not in shown
    assert SECRET not in shown
    assert caplog.text, "nothing was logged at all, so nothing was shown"
    assert SECRET.encode()[-8:].hex(" ") not in caplog.text, "the end of a frame, as websockets prints it"
    with pytest.raises(TypeError, match="not written down"):
        pickle.dumps(keys)


def test_a_message_that_echoes_the_secret_is_blotted_out() -> None:
    keys = AlpacaKeys(KEY, SECRET)
    assert keys.hidden_in(f"key {KEY} with {SECRET} is wrong") == "key *** with *** is wrong"
