"""The one way to a vendor over HTTP: polite, patient, and short of words about what must stay secret.

    transport = transport_of("yahoo")
    answer = transport.send(lambda: session.get(url), wanted="1D bars of NVDA, 2024-07-01 to 2024-07-31")

It waits for the rate limit, asks again with exponential back-off and full jitter where that may help (429,
5xx, a lost connection, an answer that broke off), as long as `Retry-After` says where it says so, and leaves
a vendor alone that fails again and again. It knows neither URLs nor headers, so no error of it can show them.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from random import SystemRandom
from typing import Any, Protocol, Self, TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from resources.sources.timing import Circuit, RateLimit, Timer
from trading.bounds import ABOVE_ZERO, check_bounds
from trading.errors import SourceUnavailableError, UsageError

TOO_MANY = 429
TRANSIENT: frozenset[int] = frozenset({408, 425, TOO_MANY})
SERVER_ERROR = 500
_JITTER = SystemRandom()
# By name of the exception's class or of one that it derives from: requests and curl_cffi use the same names.
CAUSES: Mapping[str, str] = {
    "DNSError": "the name of its server is not found",
    "ConnectTimeout": "no connection in time",
    "Timeout": "no answer in time",
    "TimeoutError": "no answer in time",
    "IncompleteRead": "its answer broke off",
    "ChunkedEncodingError": "its answer broke off",
    "ContentDecodingError": "its answer broke off",
    "SSLError": "no secure connection",
    "ConnectionError": "the connection was refused or lost",
}


class Answer(Protocol):
    """What a vendor's library calls a response."""

    @property
    def status_code(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Any:
        """Header fields, found by `get` in any case."""
        ...


A = TypeVar("A", bound=Answer)


@dataclass(frozen=True)
class Policy:
    """How a vendor is treated.

    Attributes
    ----------
    per_hour, burst : most requests in any hour, and at once
    attempts : how often one thing is asked for before it counts as not available
    connect_seconds, read_seconds : time-outs
    base_seconds, longest_seconds : the first wait is up to `base_seconds`, each further one up to twice that,
        none longer than `longest_seconds`; a vendor that asks for more patience is left alone instead
    failures, pause_seconds : after so many failures in a row nobody asks for so long
    """

    per_hour: int = 2000
    burst: int = 200
    attempts: int = 5
    connect_seconds: float = 5.0
    read_seconds: float = 30.0
    base_seconds: float = 0.5
    longest_seconds: float = 60.0
    failures: int = 10
    pause_seconds: float = 60.0

    def __post_init__(self) -> None:
        check_bounds(self, **dict.fromkeys(self.__dataclass_fields__, ABOVE_ZERO))
        if self.burst >= self.per_hour:
            raise UsageError(f"burst ({self.burst}) must be below per_hour ({self.per_hour})")

    @classmethod
    def of(cls, per_hour: int) -> Self:
        """The usual policy with another limit, a tenth of it at once."""
        return cls(per_hour=per_hour, burst=max(1, per_hour // 10))

    @property
    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect and to read, as requests and curl_cffi take them."""
        return self.connect_seconds, self.read_seconds


@dataclass
class Traffic:
    """What a transport has done so far: requests sent, those of them that failed, seconds waited on purpose."""

    requests: int = 0
    failed: int = 0
    waited_seconds: float = 0.0


class _FailedError(Exception):
    """One request without a good answer: why, and how long the vendor asks to wait."""

    def __init__(self, cause: str, retry_after: float = 0.0) -> None:
        super().__init__(cause)
        self.cause, self.retry_after = cause, retry_after


class Transport:
    """The way to one vendor; threads may share it, and all sources of a vendor should.

    Parameters
    ----------
    vendor : its name, for errors
    timer : of another time, for tests
    chance : a number in [0, 1) for the jitter
    """

    def __init__(
        self,
        vendor: str,
        policy: Policy | None = None,
        *,
        timer: Timer | None = None,
        chance: Callable[[], float] = _JITTER.random,
    ) -> None:
        self.vendor, self.policy, self.traffic = vendor, policy or Policy(), Traffic()
        self._timer, self._chance = timer or Timer(), chance
        self._limit = RateLimit(self.policy.per_hour, self.policy.burst, self._timer)
        self._circuit = Circuit(self.policy.failures, self.policy.pause_seconds, self._timer)
        self._last_cause = ""

    def send(self, exchange: Callable[[], A], *, wanted: str, flaw: Callable[[A], str] = lambda _: "") -> A:
        """The vendor's answer to `exchange`, which is called once an attempt.

        Parameters
        ----------
        exchange : sends one request; raises an OSError (as requests and curl_cffi do) if no answer came
        wanted : what is asked for, for people: symbols and range
        flaw : what is wrong with an answer that should be asked for again, empty if nothing is

        Raises
        ------
        SourceUnavailableError
            After the last attempt, or at once while the vendor is left alone. Other answers, 404 and 401
            among them, are the vendor's word and come back.
        """
        retrying = Retrying(
            stop=stop_after_attempt(self.policy.attempts),
            wait=self._wait_seconds,
            retry=retry_if_exception_type(_FailedError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, exchange, wanted, flaw)
        except _FailedError as failed:
            raise SourceUnavailableError(
                f"{self.vendor} gives no {wanted}: {failed.cause}, {self.policy.attempts} times in a row; "
                f"check the network, or run the same again later"
            ) from None

    def _attempt(self, exchange: Callable[[], A], wanted: str, flaw: Callable[[A], str]) -> A:
        left = self._circuit.admit()
        if left:
            raise self._left_alone(wanted, left)
        try:
            self._sleep(self._limit.reserve())
            self.traffic.requests += 1
            answer = self._checked(exchange, flaw)
        except _FailedError as failed:
            self._note(failed, wanted)
            raise
        except BaseException:
            self._circuit.abandon()
            raise
        self._circuit.succeed()
        return answer

    def _checked(self, exchange: Callable[[], A], flaw: Callable[[A], str]) -> A:
        """The answer, unless asking again may give a better one."""
        try:
            answer = exchange()
        except OSError as error:
            if isinstance(error, ValueError):  # an impossible URL: our own fault
                raise
            raise _FailedError(_cause_of(error)) from None
        status = answer.status_code
        if status in TRANSIENT or status >= SERVER_ERROR:
            raise _FailedError(f"HTTP {status}", self._retry_after(answer))
        if said := flaw(answer):
            raise _FailedError(said)
        return answer

    def _note(self, failed: _FailedError, wanted: str) -> None:
        """Count a failure; SourceUnavailableError if the vendor asks for more patience than there is."""
        self.traffic.failed += 1
        self._last_cause = failed.cause
        if failed.retry_after > self.policy.longest_seconds:
            self._circuit.fail(failed.retry_after)
            raise self._left_alone(wanted, failed.retry_after) from None
        self._circuit.fail()

    def _left_alone(self, wanted: str, seconds: float) -> SourceUnavailableError:
        at = dt.datetime.fromtimestamp(self._timer.now() + seconds, dt.UTC)
        return SourceUnavailableError(
            f"{self.vendor} is not asked for {wanted}: it failed {self._circuit.failed} times in a row (last: "
            f"{self._last_cause}); it will be tried again in {seconds:.0f} s, at {at:%H:%M:%S} UTC"
        )

    def _wait_seconds(self, state: RetryCallState) -> float:
        """Full jitter, beyond what the vendor asks for."""
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, _FailedError) else 0.0
        backoff = self.policy.base_seconds * 2.0 ** (state.attempt_number - 1)
        return asked + self._chance() * min(self.policy.longest_seconds, backoff)

    def _retry_after(self, answer: Answer) -> float:
        """Seconds that the answer asks to wait, 0.0 if it does not say."""
        said = str(answer.headers.get("Retry-After") or "").strip()
        if said.isdigit():
            return float(said)
        try:
            return max(0.0, parsedate_to_datetime(said).timestamp() - self._timer.now())
        except ValueError:
            return 0.0

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.traffic.waited_seconds += seconds
            self._timer.sleep(seconds)


@functools.cache
def transport_of(vendor: str, policy: Policy | None = None) -> Transport:
    """The transport of a vendor, the same for everything in this process: it counts what they ask together."""
    return Transport(vendor, policy)


def _cause_of(error: OSError) -> str:
    """What went wrong, by the error's kind: its own words may hold addresses, and those hold keys."""
    names = [kind.__name__ for kind in type(error).__mro__]
    found = [CAUSES[name] for name in CAUSES if name in names]
    return found[0] if found else type(error).__name__
