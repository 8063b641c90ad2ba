"""Trade updates are reasons to look: repeated, late, broken and dropped ones all end in the same records."""

import asyncio
import threading
from pathlib import Path

import pytest

from resources.brokers.alpaca_updates import CONNECTED, trade_updates
from resources.sources.alpaca_keys import AlpacaKeys
from tests.peers.alpaca_broker import AlpacaAccount
from tests.peers.alpaca_stream import KEY, SECRET
from tests.peers.alpaca_updates import AlpacaUpdatesPeer
from tests.peers.trading_desk import CASH_CENTS, DECIDED, OPENED, QUOTES, decision, desk_over, remote
from trading.errors import SourceUnavailableError

PATIENCE = (0.01, 0.05)


async def first(count: int, peer: AlpacaUpdatesPeer, secret: str = SECRET) -> list[str]:
    """So many events; after each connection the peer tells something, and then drops or garbles."""
    told: list[str] = []
    updates = trade_updates(AlpacaKeys(KEY, secret), peer.url, PATIENCE)
    try:
        async with asyncio.timeout(20):
            async for event in updates:
                told.append(event)
                if len(told) == count:
                    return told
                if event == CONNECTED:
                    await asyncio.sleep(0.1)
                    deed = (peer.drop, peer.garble)[len(told) % 2]
                    await asyncio.to_thread(deed)
    finally:
        await updates.aclose()
    raise AssertionError


def test_after_each_lost_connection_and_each_broken_message_it_connects_and_says_so() -> None:
    with AlpacaUpdatesPeer() as peer:
        assert asyncio.run(first(3, peer)) == [CONNECTED] * 3
        assert peer.connections == 3


def test_keys_that_are_not_taken_end_it_at_once() -> None:
    with AlpacaUpdatesPeer() as peer:
        with pytest.raises(SourceUnavailableError, match="refuses its trade updates") as refused:
            asyncio.run(first(1, peer, secret="wrong"))
        assert peer.connections == 1
    assert SECRET not in str(refused.value)


def test_a_fill_that_is_told_three_times_is_recorded_once_and_a_halt_ends_the_following(
    tmp_path: Path,
) -> None:
    account = AlpacaAccount(CASH_CENTS)
    with remote(account) as there, AlpacaUpdatesPeer() as peer:
        desk = desk_over(there.broker, tmp_path)
        desk.trade(DECIDED, decision(NVDA=10))
        account.open_session(OPENED, QUOTES)
        updates = trade_updates(AlpacaKeys(KEY, SECRET), peer.url, PATIENCE)

        def play() -> None:
            while not peer.listening:
                threading.Event().wait(0.01)
            for _ in range(3):
                peer.tell("fill", client_order_id="fabline-20240606-x")
            desk.switch.halt("enough", "a person", DECIDED.tz_localize("UTC"))
            peer.tell("fill")

        player = threading.Thread(target=play)
        player.start()

        async def follow() -> None:
            async with asyncio.timeout(20):
                await desk.follow(OPENED, updates)
            await updates.aclose()

        asyncio.run(follow())
        player.join()

    assert desk.journal.fills()["quantity"].tolist() == [10]
