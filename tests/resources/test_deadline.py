"""Calls that hang are given up; all others are as if they had been made here."""

import threading

import pytest

from resources.deadline import DeadlineError, within
from trading.errors import ModelError


def test_an_answer_in_time_is_given_and_an_error_is_raised_as_it_is() -> None:
    assert within(5.0, lambda: 7) == 7
    with pytest.raises(ModelError, match="odd"):
        within(5.0, lambda: fails(ModelError("odd")))
    with pytest.raises(TimeoutError, match="of its own") as told:
        within(5.0, lambda: fails(TimeoutError("of its own")))
    assert not isinstance(told.value, DeadlineError)


def fails(error: Exception) -> None:
    raise error


def test_a_call_that_hangs_is_given_up_and_the_next_one_is_answered() -> None:
    forever = threading.Event()
    with pytest.raises(DeadlineError, match=r"no answer within 0\.05 s"):
        within(0.05, forever.wait)
    assert within(5.0, lambda: "next") == "next"
    forever.set()


def test_calls_share_one_thread_that_nothing_waits_for() -> None:
    threads = {within(5.0, threading.current_thread) for _ in range(3)}
    (only,) = threads
    assert only is not threading.main_thread()
    assert only.daemon
