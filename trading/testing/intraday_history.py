"""Five-minute bars of the SIMULATED market and the features that the line makes of them, around one session."""

from __future__ import annotations

import functools

import numpy as np
import pandas as pd

from trading import calendar, history
from trading.features.five_minute import WINDOW_SESSIONS
from trading.features.intraday import intraday_bars
from trading.history import Columns, History
from trading.interfaces import Floats
from trading.stages.features import ALL_SYMBOLS, intraday_rows
from trading.stages.windows import INTRADAY_LEAD, INTRADAY_SESSIONS
from trading.testing.market import SimulatedMarket

VALUES = ["open", "high", "low", "close", "volume"]


@functools.cache
def intraday_history(session: pd.Timestamp) -> dict[str, History]:
    """`bars`, `corporate_actions` and `features` of five minutes, as far as a window at `session` reaches."""
    market, first = SimulatedMarket(), calendar.shift(session, -INTRADAY_LEAD)
    bars = History.from_frame("bars", market.bars(ALL_SYMBOLS, first, session, "5min"))
    actions = History.from_frame("corporate_actions", market.actions(ALL_SYMBOLS, first, session))
    wanted = calendar.sessions_between(calendar.shift(session, 1 - INTRADAY_SESSIONS), session)
    parts = [_made(label, bars, actions) for label in wanted]
    features = History.from_frame("features", history.to_frame("features", parts))
    return {"bars": bars, "corporate_actions": actions, "features": features}


def bars_of(rows: History, session: pd.Timestamp, symbols: tuple[str, ...]) -> dict[pd.Timestamp, Floats]:
    """Start (UTC) of each five-minute bar of a session, and its values (s, 5)."""
    frame = rows.window(session, session, calendar.as_of(session)).frame
    wide = frame.pivot_table(VALUES, "ts", "symbol").reindex(
        columns=pd.MultiIndex.from_product([VALUES, symbols])
    )
    cube = wide.to_numpy().reshape(len(wide), len(VALUES), len(symbols)).transpose(0, 2, 1)
    return dict(zip(wide.index.tz_localize("UTC"), cube, strict=True))


def _made(session: pd.Timestamp, bars: History, actions: History) -> Columns:
    first, moment = calendar.shift(session, 1 - WINDOW_SESSIONS), calendar.as_of(session)
    seen, known = (rows.window(first, session, moment) for rows in (bars, actions))
    columns = intraday_rows(intraday_bars(seen, known, ALL_SYMBOLS))
    count = len(columns["ts"])
    stamp = moment.tz_localize(None).to_datetime64()
    return columns | {
        "session": np.full(count, session.to_datetime64().astype("datetime64[us]")),
        "known_at": np.full(count, stamp.astype("datetime64[us]")),
    }
