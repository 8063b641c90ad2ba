"""Uptime and recovery of a line that must be made session by session: what a schedule of outcomes comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from trading import calendar
from trading.errors import UsageError

MINUTE = pd.Timedelta(minutes=1)


@dataclass(frozen=True)
class SessionOutcome:
    """When a session was due and when it was whole.

    Attributes
    ----------
    made : moment (UTC) at which every table of it was there
    attempts : how often it was tried
    faults : kinds that struck while it was tried
    """

    session: pd.Timestamp
    made: pd.Timestamp
    attempts: int = 1
    faults: tuple[str, ...] = ()

    @property
    def late_minutes(self) -> float:
        """Minutes from the decision to the tables."""
        return (self.made - calendar.as_of(self.session)) / MINUTE

    @property
    def is_on_time(self) -> bool:
        """Whether its orders could be sent before the open that they are for."""
        return self.made < calendar.session_open(calendar.shift(self.session, 1))


@dataclass(frozen=True)
class ServiceLevels:
    """What a schedule of sessions came to.

    Attributes
    ----------
    sessions, on_time : counts
    uptime : share of the time from the first decision to the last next open in which no session was due and not made
    recovered : sessions that were struck and made
    median_recovery, longest_recovery : minutes from the decision to the tables of those; 0 without any
    """

    sessions: int
    on_time: int
    uptime: float
    recovered: int
    median_recovery: float
    longest_recovery: float


def service_levels(outcomes: Sequence[SessionOutcome]) -> ServiceLevels:
    """Uptime, punctuality and recovery of some sessions in order.

    Raises
    ------
    UsageError
        If there is none.
    """
    if not outcomes:
        raise UsageError("uptime is asked of no session; give at least one")
    begin = calendar.as_of(outcomes[0].session)
    end = calendar.session_open(calendar.shift(outcomes[-1].session, 1))
    late = sum(down_minutes(outcomes))
    struck = pd.Series([one.late_minutes for one in outcomes if one.faults], dtype="float64")
    return ServiceLevels(
        sessions=len(outcomes),
        on_time=sum(one.is_on_time for one in outcomes),
        uptime=1.0 - late / ((max(end, *(one.made for one in outcomes)) - begin) / MINUTE),
        recovered=len(struck),
        median_recovery=float(struck.median()) if len(struck) else 0.0,
        longest_recovery=float(struck.max()) if len(struck) else 0.0,
    )


def down_minutes(outcomes: Sequence[SessionOutcome]) -> list[float]:
    """Minutes that each session adds to the downtime: those that two sessions are late together count once."""
    until = calendar.as_of(outcomes[0].session)
    added = []
    for one in outcomes:
        begin = max(until, calendar.as_of(one.session))
        added.append(max((one.made - begin) / MINUTE, 0.0))
        until = max(until, one.made)
    return added
