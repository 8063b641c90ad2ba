"""Chance that harms a vendor's answers, the same for every vendor: drawn from a seed, one fault an answer at most.

    engine = FaultEngine.evenly(0.2, seed=7)      # a fifth of all answers are harmed
    fault = engine.draw()                         # None, or what is to happen to the next answer
    rows = reshaped(rows, fault, revise)          # faults of rows; the others leave them alone

A server carries out the faults of transport (`http_peer` does for HTTP); `reshaped` those of rows; `split` is
left to the vendor's own words, because each tells of splits in another way.
"""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Self, TypeVar

TRANSPORT: tuple[str, ...] = ("not_found", "too_many", "server_error", "slow", "truncated", "reset")
ROWS: tuple[str, ...] = ("reordered", "revised", "duplicated")
SPLIT = "split"
KINDS: tuple[str, ...] = (*TRANSPORT, *ROWS, SPLIT)
STATUSES: Mapping[str, tuple[int, ...]] = {
    "not_found": (404,),
    "too_many": (429,),
    "server_error": (500, 502, 503),
}
SHARE_OF_ROWS = 0.3
Row = TypeVar("Row")


@dataclass(frozen=True)
class Fault:
    """What happens to one answer.

    Attributes
    ----------
    kind : of `KINDS`
    status : of an answer that is refused (404, 429, 5xx), else 200
    retry_after : seconds that a 429 asks to wait, None if it does not say
    seconds : how long a slow answer takes
    share : in (0, 1), of the body before it breaks off, or of the rows that are touched
    seed : for the choice of rows
    """

    kind: str
    status: int
    retry_after: int | None
    seconds: float
    share: float
    seed: int


class FaultEngine:
    """Draws faults; threads may share it.

    Parameters
    ----------
    rates : probability of each kind for one answer; those not named never happen
    seed : the same seed gives the same faults in the order of the draws
    slow_seconds : how long a slow answer takes
    retry_after : seconds that every second 429 asks to wait; the others do not say
    """

    def __init__(
        self,
        rates: Mapping[str, float] | None = None,
        *,
        seed: int = 7,
        slow_seconds: float = 0.02,
        retry_after: int = 1,
    ) -> None:
        self.rates = dict(rates or {})
        assert set(self.rates) <= set(KINDS)
        assert sum(self.rates.values()) <= 1
        self.drawn: Counter[str] = Counter()
        self._random = Random(seed)
        self._slow_seconds, self._retry_after = slow_seconds, retry_after
        self._lock = threading.Lock()

    @classmethod
    def evenly(cls, total: float, *, seed: int = 7, kinds: Sequence[str] = KINDS) -> Self:
        """An engine that harms a share `total` of all answers, each kind as often as any other."""
        return cls(dict.fromkeys(kinds, total / len(kinds)), seed=seed)

    def draw(self, kinds: Sequence[str] = KINDS) -> Fault | None:
        """What happens to the next answer; `kinds` are those that can happen to it."""
        with self._lock:
            fault = self._drawn()
            happens = fault is not None and fault.kind in kinds
            self.drawn[fault.kind if fault is not None and happens else "none"] += 1
        return fault if happens else None

    def _drawn(self) -> Fault | None:
        """Every draw takes the same numbers from the seed, whatever comes of it."""
        chance, share, status, seed = (self._random.random() for _ in range(4))
        for kind, rate in self.rates.items():
            chance -= rate
            if chance < 0:
                choice = STATUSES.get(kind, (200,))
                return Fault(
                    kind,
                    choice[int(status * len(choice))],
                    self._retry_after if status < 1 / 2 else None,
                    self._slow_seconds,
                    share,
                    int(seed * 2**32),
                )
        return None


def reshaped(rows: Sequence[Row], fault: Fault | None, revise: Callable[[Row, Random], Row]) -> list[Row]:
    """The rows of an answer after a fault of rows: shuffled, some of them revised, or some of them twice."""
    shaped = list(rows)
    if fault is None or fault.kind not in ROWS:
        return shaped
    random = Random(fault.seed)
    if fault.kind == "reordered":
        random.shuffle(shaped)
        return shaped
    touched = [random.random() < SHARE_OF_ROWS for _ in shaped]
    if fault.kind == "revised":
        return [revise(row, random) if hit else row for row, hit in zip(shaped, touched, strict=True)]
    return [again for row, hit in zip(shaped, touched, strict=True) for again in [row] * (1 + hit)]
