"""Which sessions rest on something that was made again after them, and what made them so."""

from __future__ import annotations

import operator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar
from trading.plan import Plan

Moments = NDArray[np.int64]
_NEVER = np.iinfo(np.int64).min


def first_outdated(plan: Plan, commits: pd.DataFrame) -> tuple[pd.Timestamp, str] | None:
    """The first session that a stage made before what it reads of that session was made again, and the stage.

    So it is after a run that was killed, or made some assets only, and then another that went on
    from the head. A later session is not looked at for its own sake: runs always reach the head.

    Parameters
    ----------
    plan : which stage reads what
    commits : what was written when; only made tables count, revisions of bars have their own rule
    """
    if commits.empty:
        return None
    days = calendar.sessions_between(commits["first"].min(), commits["last"].max())
    written = {str(table): _last_writes(own, days) for table, own in commits.groupby("table")}
    found = [
        (_first_late(written[read.table], written[stage.makes[0]]), stage.name)
        for stage in plan.stages
        for read in stage.reads
        if read.table in plan.makers and {read.table, stage.makes[0]} <= written.keys()
    ]
    place, name = min(found, key=operator.itemgetter(0), default=(len(days), ""))
    return (days[place], name) if place < len(days) else None


def _last_writes(commits: pd.DataFrame, days: pd.DatetimeIndex) -> Moments:
    """(n,) when each of `days` was last written."""
    moments = np.full(len(days), _NEVER)
    for first, last, at in zip(commits["first"], commits["last"], commits["written_at"], strict=True):
        part = slice(days.searchsorted(first), days.searchsorted(last, side="right"))
        moments[part] = np.maximum(moments[part], at.value)
    return moments


def _first_late(theirs: Moments, mine: Moments) -> int:
    """Place of the first session that was made before `theirs`; beyond all of them if there is none."""
    late = (mine != _NEVER) & (theirs > mine)
    return int(late.argmax()) if late.any() else len(late)
