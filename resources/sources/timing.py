"""How often a vendor may be asked, and when it is left alone; both tell the time by a `Timer`, which tests replace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

HOUR_SECONDS = 3600.0


@dataclass(frozen=True)
class Timer:
    """Time as a transport sees it.

    Attributes
    ----------
    elapsed : seconds from some start, never backwards; sleep : waits so many seconds
    now : seconds since 1970 (UTC), for what people read and for dates that a vendor names
    """

    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time


class RateLimit:
    """At most `per_hour` requests in any 3,600 seconds, at most `burst` of them at once; threads may share it.

    A bucket of `burst` tokens that is refilled with the rest of the hour's requests: whatever the hour,
    it gives out no more than both together. It lives in the process and forgets with it.

    Parameters
    ----------
    per_hour, burst : requests, 0 < burst < per_hour
    """

    def __init__(self, per_hour: int, burst: int, timer: Timer) -> None:
        self._interval = HOUR_SECONDS / (per_hour - burst)
        self._ahead = (burst - 1) * self._interval
        self._timer = timer
        self._full_again = 0.0  # when the bucket is full, if nobody asks
        self._lock = threading.Lock()

    def reserve(self) -> float:
        """Seconds to wait before the next request, which is counted by this call."""
        with self._lock:
            now = self._timer.elapsed()
            full = max(self._full_again, now)
            self._full_again = full + self._interval
            return max(0.0, full - self._ahead - now)


class Circuit:
    """Open after `failures` in a row: nobody asks for `pause_seconds`, then one request is let through as a trial.

    The trial's success closes it, its failure opens it again. Threads may share it.
    """

    def __init__(self, failures: int, pause_seconds: float, timer: Timer) -> None:
        self._most, self._pause, self._timer = failures, pause_seconds, timer
        self._failed = 0
        self._until: float | None = None  # None while closed
        self._trying = False
        self._lock = threading.Lock()

    @property
    def failed(self) -> int:
        """Failures in a row so far."""
        return self._failed

    def admit(self) -> float:
        """0.0 if the next request may go out, else the seconds after which one may."""
        with self._lock:
            if self._until is None:
                return 0.0
            left = self._until - self._timer.elapsed()
            if left > 0 or self._trying:
                return max(left, 1.0)  # a trial is under way: it will be known in a moment
            self._trying = True
            return 0.0

    def succeed(self) -> None:
        """An answer came: closed."""
        with self._lock:
            self._failed, self._until, self._trying = 0, None, False

    def fail(self, pause_seconds: float | None = None) -> None:
        """No good answer came; with `pause_seconds` open for so long at once, because the vendor says so."""
        with self._lock:
            self._failed += 1
            if pause_seconds is not None or self._trying or self._failed >= self._most:
                self._until = self._timer.elapsed() + (pause_seconds or self._pause)
            self._trying = False

    def abandon(self) -> None:
        """A request ended without saying anything about the vendor."""
        with self._lock:
            self._trying = False
