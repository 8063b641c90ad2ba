"""Producers that fetch and a bounded queue before one consumer: the slower side holds the faster one back.

Answers come in the order of their chunks, so what is stored never depends on which thread was faster. At
most `workers + waiting + 1` of them are in memory at any time, whatever there is to load.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from trading.errors import SourceUnavailableError

Chunk = TypeVar("Chunk")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Limits:
    """How much is under way at once, and how long to wait.

    Attributes
    ----------
    workers : threads that fetch
    waiting : further answers that may lie ready for the consumer
    patience_seconds : how long the oldest chunk may take before the source counts as hanging
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
    """Fetches chunks in threads; iterate to take the answers in order, leave the block to stop.

    Parameters
    ----------
    chunks : what to fetch
    fetch : called in several threads at once
    """

    def __init__(
        self, chunks: Sequence[Chunk], fetch: Callable[[Chunk], Answer], limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._chunks, self._fetch = chunks, fetch
        self._window = self._limits.workers + self._limits.waiting
        self._changed = threading.Condition()
        self._ready: dict[int, Arrived[Chunk, Answer]] = {}
        self._begun = self._taken = 0
        self._stopped = False
        workers = min(self._limits.workers, len(chunks))
        self._threads = [threading.Thread(target=self._produce, daemon=True) for _ in range(workers)]

    def __enter__(self) -> Iterator[Arrived[Chunk, Answer]]:
        for thread in self._threads:
            thread.start()
        return self._in_order()

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        leave = time.monotonic() + self._limits.leave_seconds
        for thread in self._threads:
            thread.join(timeout=max(0.0, leave - time.monotonic()))

    def _in_order(self) -> Iterator[Arrived[Chunk, Answer]]:
        for place in range(len(self._chunks)):
            with self._changed:
                if not self._changed.wait_for(lambda: place in self._ready, self._limits.patience_seconds):  # noqa: B023
                    raise SourceUnavailableError(
                        f"the source has not answered for {self._limits.patience_seconds:.0f} s; what came before "
                        f"is stored, run the same command again to go on"
                    )
                arrived = self._ready.pop(place)
                self._taken = place + 1
                self._changed.notify_all()
            yield arrived

    def _produce(self) -> None:
        while (place := self._next_place()) is not None:
            arrived = self._attempt(self._chunks[place])
            with self._changed:
                self._ready[place] = arrived
                self._changed.notify_all()

    def _next_place(self) -> int | None:
        """The next chunk to fetch once there is room for its answer, None if there is nothing more to do."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._begun < self._taken + self._window)
            if self._stopped or self._begun == len(self._chunks):
                return None
            self._begun += 1
            return self._begun - 1

    def _attempt(self, chunk: Chunk) -> Arrived[Chunk, Answer]:
        try:
            return Arrived(chunk, answer=self._fetch(chunk))
        except Exception as error:  # noqa: BLE001 - the consumer decides what an error means
            return Arrived(chunk, error=error)
