"""Challengers beside the calendar: trained every week, or because a trigger was seen live.

They speak beside the versions of the calendar and are champion only by evidence or by hand: their turn by the calendar
never comes. A triggered one lives half a year. Of the weekly ones those live long whose week is divisible by a high
power of two: there are always six of them, of ages up to 32 weeks, so that some have spoken long enough to be compared.

Lives after Hazan and Seshadhri (2009), "Efficient learning algorithms for changing environments", section 4.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Literal

import pandas as pd

from trading import calendar
from trading.interfaces import TrainingTrigger
from trading.stages.training import Cadence, Due, due_versions, first_session

TRIGGERED_LIFE_SESSIONS = 126
LONGEST_LIFE_WEEKS = 32
VOID: Literal["void"] = "void"


def challengers(
    cadence: Cadence, triggers: Iterable[TrainingTrigger], first: pd.Timestamp, last: pd.Timestamp
) -> tuple[Due, ...]:
    """Challengers that speak in a session of `first` to `last`, ordered by the session they learned through.

    Where one would learn what a version of the calendar learns, that one stands for both.
    """
    asked = [*(_weekly(first, last) if cadence == "weekly" else ()), *map(triggered_due, standing(triggers))]
    if cadence == "zero_shot" or not asked:
        return ()
    regular = {due.trained_through for due in due_versions(cadence, first, last)}
    due: dict[pd.Timestamp, Due] = {}
    for one in asked:
        if (
            one.trained_through is not None
            and one.trained_through not in regular
            and _lives(one, first, last)
        ):
            due.setdefault(one.trained_through, one)
    return tuple(due[through] for through in sorted(due))


def standing(triggers: Iterable[TrainingTrigger]) -> tuple[TrainingTrigger, ...]:
    """The first trigger of each session that was not withdrawn, in their order."""
    found: dict[pd.Timestamp, TrainingTrigger] = {}
    withdrawn: set[pd.Timestamp] = set()
    for one in triggers:
        if one.kind == VOID:
            withdrawn.add(one.session)
        else:
            found.setdefault(one.session, one)
    return tuple(one for session, one in found.items() if session not in withdrawn)


def triggered_due(trigger: TrainingTrigger) -> Due:
    """The challenger for which a trigger asks."""
    retired = calendar.shift(trigger.effective, TRIGGERED_LIFE_SESSIONS)
    return Due(trigger.session, trigger.effective, retired, retired)


def life_weeks(week: int) -> int:
    """For how many weeks the challenger of a week speaks, by the week's number.

    Examples
    --------
    >>> [life_weeks(week) for week in (1, 2, 3, 4, 8, 16, 32)]
    [2, 4, 2, 8, 16, 32, 32]
    """
    return min(2 * (week & -week), LONGEST_LIFE_WEEKS)


def _weekly(first: pd.Timestamp, last: pd.Timestamp) -> Sequence[Due]:
    start, stop = first.to_period("W") - LONGEST_LIFE_WEEKS, last.to_period("W")
    return [_due_of(start + ahead) for ahead in range(stop.ordinal - start.ordinal + 1)]


@functools.cache
def _due_of(week: pd.Period) -> Due:
    live, retired = first_session(week), first_session(week + life_weeks(week.ordinal))
    return Due(calendar.shift(live, -1), live, retired, retired)


def _lives(due: Due, first: pd.Timestamp, last: pd.Timestamp) -> bool:
    return (
        due.live_from is not None
        and due.retired is not None
        and due.live_from <= last
        and first < due.retired
    )
