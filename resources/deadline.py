"""A call that may hang, given up after a while.

Nothing can stop a thread that computes, so it is left behind: it holds no lock of ours, ends with the
process, and nothing waits for it. The calls run one after another in one thread of their own, which keeps
what libraries tie to a thread (pools of further ones) from being made anew for each.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

_Result = TypeVar("_Result")
_Job = tuple[Callable[[], Any], "Future[Any]"]


class DeadlineError(TimeoutError):
    """The call had not ended in time."""


class _Worker:
    """One thread and the calls that wait for it."""

    def __init__(self) -> None:
        self.process = os.getpid()  # a fork takes the object with it, and not the thread
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        threading.Thread(target=self._work, name="deadline", daemon=True).start()

    def _work(self) -> None:
        while True:
            call, told = self.jobs.get()
            try:
                told.set_result(call())
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller is told
                told.set_exception(error)


_workers: list[_Worker] = []


def within(seconds: float, call: Callable[[], _Result]) -> _Result:
    """What `call` returns, or raises.

    Raises
    ------
    DeadlineError
        If it has not ended after so many seconds; it may go on, and its result is thrown away.
    """
    if not _workers or _workers[-1].process != os.getpid():
        _workers[:] = [_Worker()]
    told: Future[_Result] = Future()
    _workers[-1].jobs.put((call, told))
    try:
        return told.result(seconds)
    except TimeoutError as error:
        if told.done():
            raise  # its own
        _workers.clear()
        raise DeadlineError(f"no answer within {seconds:g} s") from error
