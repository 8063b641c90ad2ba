"""How far each table is, as the line sees it: bars as far as the daily ones that it reads."""

from __future__ import annotations

import pandas as pd

from trading import calendar
from trading.interfaces import Store
from trading.stages.layout import DAILY

NEAR_SESSIONS = 10


def heads_in(store: Store) -> pd.Series:
    """Last session of each table that was ever written, NaT where it has none.

    Five-minute bars of a session that is still on do not count: nobody could make that session yet.
    """
    heads = store.tables().set_index("table")["last_session"]
    if "bars" in heads.index and pd.notna(heads["bars"]):
        heads["bars"] = _daily_head(store, heads["bars"])
    return heads


def _daily_head(store: Store, newest: pd.Timestamp) -> pd.Timestamp:
    """The newest session with daily bars, at most `newest`; NaT if there is none."""
    near = store.read("bars", calendar.shift(newest, -NEAR_SESSIONS), newest, timeframe=DAILY)
    daily = near if len(near) else store.read("bars", timeframe=DAILY)
    return daily["session"].max()
