"""Producers before one consumer: nothing lost, never more in memory than agreed, and no way to hang."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ingest.flow import Limits, Producers
from trading.errors import MissingBarsError, SourceUnavailableError


@given(count=st.integers(0, 40), workers=st.integers(1, 6), waiting=st.integers(1, 5))
@settings(max_examples=25)
def test_every_chunk_is_answered_exactly_once_and_in_order(count: int, workers: int, waiting: int) -> None:
    with Producers(range(count), lambda n: n * n, Limits(workers, waiting)) as arriving:
        answers = [(arrived.chunk, arrived.answer) for arrived in arriving]

    assert answers == [(n, n * n) for n in range(count)]


def test_a_slow_first_chunk_holds_its_place_and_the_window() -> None:
    begun: list[int] = []
    held = threading.Event()

    def fetch(number: int) -> int:
        begun.append(number)
        if number == 0:
            held.wait(5)
        return number

    with Producers(range(30), fetch, Limits(workers=3, waiting=4)) as arriving:
        threading.Timer(0.2, held.set).start()
        first = next(arriving)
        assert (first.chunk, sorted(begun)) == (0, list(range(7)))
        assert [one.chunk for one in arriving] == list(range(1, 30))


def test_a_slow_consumer_holds_the_producers_back() -> None:
    limits, alive, most, lock = Limits(workers=3, waiting=2), 0, 0, threading.Lock()

    def fetch(_: int) -> bytes:
        nonlocal alive, most
        with lock:
            alive += 1
            most = max(most, alive)
        return bytes(1)

    with Producers(range(60), fetch, limits) as arriving:
        for _ in arriving:
            time.sleep(0.002)
            with lock:
                alive -= 1

    # one in the consumer's hands, those that lie ready, and one in each worker's
    assert most <= 1 + limits.waiting + limits.workers
    assert most > limits.waiting, "the queue was never full, so this shows nothing"


def test_an_error_arrives_with_its_chunk_and_the_others_go_on() -> None:
    def fetch(number: int) -> int:
        if number == 3:
            raise MissingBarsError("nothing there")
        return number

    with Producers(range(6), fetch) as arriving:
        arrived = {one.chunk: one for one in arriving}

    assert isinstance(arrived[3].error, MissingBarsError)
    assert sorted(n for n, one in arrived.items() if one.error is None) == [0, 1, 2, 4, 5]


def test_a_source_that_answers_nothing_is_given_up() -> None:
    never = threading.Event()
    limits = Limits(patience_seconds=0.1, leave_seconds=0.1)

    with (
        pytest.raises(SourceUnavailableError, match=r"not answered for 0 s.*same command"),
        Producers([1], lambda _: never.wait(5), limits) as arriving,
    ):
        list(arriving)
    never.set()


def test_a_consumer_that_fails_stops_the_producers() -> None:
    fetched: list[int] = []
    limits = Limits(workers=2, waiting=2)

    def consume() -> None:
        with Producers(range(1000), fetched.append, limits) as arriving:
            next(arriving)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()

    count = len(fetched)
    time.sleep(0.25)  # longer than a producer looks whether to stop
    assert len(fetched) == count <= 1 + limits.waiting + limits.workers
