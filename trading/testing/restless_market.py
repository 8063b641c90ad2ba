"""A SIMULATED market in which what is known changes after the fact, on both sides of a cut."""

from __future__ import annotations

import pandas as pd

from trading import calendar, frames
from trading.monitoring.leaks import PRICES, Market


def restless(market: Market, *cuts: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """The market with bars and corporate actions that come late or are revised around each of `cuts`."""
    bars, actions = market["bars"], market["corporate_actions"]
    for cut in cuts:
        bars, actions = restless_bars(bars, cut), restless_actions(actions, cut)
    key = list(frames.table_of("bars").key)
    return {"bars": bars.sort_values(key, kind="stable", ignore_index=True), "corporate_actions": actions}


def restless_bars(bars: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    """The bars, some of sessions up to `cut` revised or published only after it has decided, others before."""
    decided = calendar.as_of(cut)
    for symbol, back, moment in (
        ("NVDA", 4, decided + pd.Timedelta(hours=18)),  # revised when the cut is history
        ("SMH", 3, decided + pd.Timedelta(hours=1)),
        ("AMD", 5, decided - pd.Timedelta(hours=30)),  # revised in time to be known at the cut
    ):
        bars = revised(bars, symbol, calendar.shift(cut, -back), 1.05, moment)
    late = row_of(bars, "AVGO", calendar.shift(cut, -1)) | row_of(bars, "MU", cut)
    known = (decided + pd.Timedelta(hours=3)).as_unit("us")
    return bars.assign(known_at=bars["known_at"].mask(late, known))


def row_of(bars: pd.DataFrame, symbol: str, session: pd.Timestamp) -> pd.Series[bool]:
    """Which rows are the bar of a symbol in a session."""
    return (bars["symbol"] == symbol) & (bars["session"] == session)


def revised(
    bars: pd.DataFrame, symbol: str, session: pd.Timestamp, factor: float, known_at: pd.Timestamp
) -> pd.DataFrame:
    """The bars with a second opinion on one of them: all prices times `factor`, known later than the first."""
    said = bars[row_of(bars, symbol, session)]
    again = said.assign(**(said[PRICES] * factor), known_at=known_at.as_unit("us"))
    return pd.concat([bars, again], ignore_index=True) if len(again) else bars


def restless_actions(actions: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    """The corporate actions, and one that took effect before `cut` and was heard of after it."""
    late = pd.DataFrame(
        {
            "session": [calendar.shift(cut, -2)], "symbol": "TSM", "kind": "dividend", "ratio": 1.0, "amount": 0.5,
            "pay_session": [calendar.shift(cut, 9)], "source": "restless",
            "known_at": [calendar.as_of(cut) + pd.Timedelta(hours=2)],
        }
    )  # fmt: skip
    late = late.astype(frames.table_of("corporate_actions").dtypes)
    joined = pd.concat([actions, late], ignore_index=True) if len(actions) else late
    key = list(frames.table_of("corporate_actions").key)
    return joined.sort_values(key, kind="stable", ignore_index=True)
