"""Producers that fetch and a bounded queue before one consumer: the slower side holds the faster one back.

At most `workers + waiting + 1` answers are in memory at any time, whatever there is to load.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from trading.errors import SourceUnavailableError

Chunk = TypeVar("Chunk")
Answer = TypeVar("Answer")
_GLANCE_SECONDS = 0.1


@dataclass(frozen=True)
class Limits:
    """How much is under way at once, and how long to wait.

    Attributes
    ----------
    workers : threads that fetch
    waiting : answers that may lie ready for the consumer
    patience_seconds : how long no answer at all may come before the source counts as hanging
    leave_seconds : how long a broken-off load waits for its threads
    """

    workers: int = 4
    waiting: int = 4
    patience_seconds: float = 900.0
    leave_seconds: float = 2.0


@dataclass(frozen=True)
class Arrived(Generic[Chunk, Answer]):
    """What was fetched for a chunk, or why it was not."""

    chunk: Chunk
    answer: Answer | None = None
    error: Exception | None = None


class Producers(Generic[Chunk, Answer]):
    """Fetches chunks in threads; iterate to take the answers as they come, leave the block to stop.

    Parameters
    ----------
    chunks : what to fetch, begun in this order
    fetch : called in several threads at once
    """

    def __init__(
        self, chunks: Sequence[Chunk], fetch: Callable[[Chunk], Answer], limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._count = len(chunks)
        self._pending = deque(chunks)
        self._fetch = fetch
        self._ready: queue.Queue[Arrived[Chunk, Answer]] = queue.Queue(self._limits.waiting)
        self._stopped = threading.Event()
        workers = min(self._limits.workers, self._count)
        self._threads = [threading.Thread(target=self._produce, daemon=True) for _ in range(workers)]

    def __enter__(self) -> Iterator[Arrived[Chunk, Answer]]:
        for thread in self._threads:
            thread.start()
        return self._taken()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        leave = time.monotonic() + self._limits.leave_seconds
        for thread in self._threads:
            thread.join(timeout=max(0.0, leave - time.monotonic()))

    def _taken(self) -> Iterator[Arrived[Chunk, Answer]]:
        for _ in range(self._count):
            try:
                yield self._ready.get(timeout=self._limits.patience_seconds)
            except queue.Empty:
                raise SourceUnavailableError(
                    f"the source has answered nothing for {self._limits.patience_seconds:.0f} s; what came is "
                    f"stored, run the same command again to go on"
                ) from None

    def _produce(self) -> None:
        while not self._stopped.is_set():
            try:
                chunk = self._pending.popleft()
            except IndexError:
                return
            self._offer(self._attempt(chunk))

    def _attempt(self, chunk: Chunk) -> Arrived[Chunk, Answer]:
        try:
            return Arrived(chunk, answer=self._fetch(chunk))
        except Exception as error:  # noqa: BLE001 - the consumer decides what an error means
            return Arrived(chunk, error=error)

    def _offer(self, arrived: Arrived[Chunk, Answer]) -> None:
        """Wait for a place in the queue, unless nobody takes from it any more."""
        while not self._stopped.is_set():
            try:
                self._ready.put(arrived, timeout=_GLANCE_SECONDS)
            except queue.Full:
                continue
            return
