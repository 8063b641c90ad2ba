"""What if everything that is known at one moment had been known from the start: the rows of that market.

It is no market that anybody traded: a session decides on bars that were mended after it. Only a copy of
a home that says so is ever made of these rows.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from trading import calendar, frames
from trading.revisions import as_known

_BAR_LENGTHS = {"5min": pd.Timedelta(minutes=5)}  # longer bars end at the close of their session


def as_if_known(table: str, revisions: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    """The rows of `table` that were in force at `as_of`, each known from its declared time on.

    A row that was first known in time keeps that moment. A late bar counts as known at its end plus
    the shortest delay that any bar of its timeframe had, everything else that is late at the open.

    Parameters
    ----------
    table : that keeps every revision, such as `bars`
    revisions : all of them, sorted by key
    as_of : what came later counts for nothing
    """
    known = revisions[(revisions["known_at"] <= as_of).to_numpy()]
    if not len(known):
        return known.reset_index(drop=True)
    newest = as_known(table, known)
    prefix = [column for column in frames.table_of(table).key if column != "known_at"]
    first = known.groupby(prefix, sort=False)["known_at"].min()
    moments = newest[prefix].merge(first.reset_index(), on=prefix, how="left")["known_at"]
    late = (moments > _latest(newest)).to_numpy()
    declared = np.where(late, _declared(newest, moments), moments)
    dated = pd.Series(pd.DatetimeIndex(declared, tz="UTC").as_unit("us"), index=newest.index)
    ordered = newest.assign(known_at=dated).sort_values(list(frames.table_of(table).key), kind="stable")
    return frames.validated(table, ordered.reset_index(drop=True))


def _latest(rows: pd.DataFrame) -> pd.Series:
    """(n,) until when a row came in time: the decision of its session for a bar, its open for all else."""
    sessions = pd.DatetimeIndex(rows["session"])
    moments = calendar.as_of_each(sessions) if "timeframe" in rows else calendar.open_each(sessions)
    return pd.Series(moments, index=rows.index)


def _declared(rows: pd.DataFrame, first_known: pd.Series) -> pd.Series:
    """(n,) when a row that came late should have been known."""
    sessions = pd.DatetimeIndex(rows["session"])
    if "timeframe" not in rows:
        return pd.Series(calendar.open_each(sessions), index=rows.index)
    length = rows["timeframe"].map(_BAR_LENGTHS)
    closes = pd.Series(calendar.as_of_each(sessions, pd.Timedelta(0)), index=rows.index)
    ends = (rows["ts"] + length).where(length.notna(), closes)
    delay = (first_known - ends).groupby(rows["timeframe"]).transform("min")
    return ends + delay
