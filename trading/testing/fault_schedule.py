"""A schedule of faults over sessions, drawn from a seed: what fails, from when on, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import calendar
from trading.digest import generator

# After which the line is what it would have been: nothing that was decided differs.
TRANSIENT = (
    "vendor down",
    "bars late",
    "database locked",
    "database gone",
    "disk full",
    "second run",
    "killed",
    "clock behind",
    "clock ahead",
)
# After which something that was decided differs, and a table says so.
LASTING = ("half the symbols", "model raises", "solver fails", "model says no number")
_MEDIAN_MINUTES, _SPREAD, _LONGEST = 25.0, 1.0, 900.0


@dataclass(frozen=True)
class Fault:
    """One thing that fails from `begins` (UTC) until `ends`."""

    kind: str
    begins: pd.Timestamp
    ends: pd.Timestamp

    def is_on(self, now: pd.Timestamp) -> bool:
        """Whether it lasts at a moment."""
        return self.begins <= now < self.ends


def fault_schedule(
    seed: int, sessions: pd.DatetimeIndex, kinds: Sequence[str] = TRANSIENT, share: float = 0.4
) -> tuple[Fault, ...]:
    """Faults around the decisions of a `share` of the sessions, of each kind alike.

    They begin up to an hour before the decision and last, log-normally, 25 minutes in the median and 15 hours at most.
    """
    rng = generator("fault_schedule", sessions[0], seed)
    struck = sessions[rng.random(len(sessions)) < share]
    deck = rng.permutation([kinds[place % len(kinds)] for place in range(len(struck))])
    return tuple(_fault(str(kind), session, rng) for kind, session in zip(deck, struck, strict=True))


def _fault(kind: str, session: pd.Timestamp, rng: np.random.Generator) -> Fault:
    begins = calendar.as_of(session) - pd.Timedelta(minutes=int(rng.integers(0, 60)))
    minutes = min(_MEDIAN_MINUTES * float(rng.lognormal(0.0, _SPREAD)), _LONGEST)
    return Fault(kind, begins, calendar.as_of(session) + pd.Timedelta(minutes=1 + int(minutes)))
