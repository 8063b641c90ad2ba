"""A transport that waits as long as it must, in no time: its clock moves by sleeping only."""

from dataclasses import dataclass, field
from typing import Any

from resources.sources.timing import Timer
from resources.sources.transport import Policy, Transport


@dataclass
class Patience:
    """Time that passes by sleeping only; keeps every sleep.

    Attributes
    ----------
    began : seconds of the clock on the wall when it starts
    """

    began: float = 0.0
    elapsed: float = 0.0
    sleeps: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.elapsed += seconds

    @property
    def timer(self) -> Timer:
        return Timer(lambda: self.elapsed, self.sleep, lambda: self.began + self.elapsed)


def impatient(vendor: str, patience: Patience | None = None, **policy: Any) -> Transport:
    """A transport of a vendor's usual policy, or another, that never really sleeps."""
    return Transport(vendor, Policy(**policy), timer=(patience or Patience()).timer)
