"""A SIMULATED market in which what is known changes after the fact, on both sides of a cut."""

import pandas as pd

from tests.e2e.vendors import revision, row_of
from trading import calendar, frames


def restless_bars(bars: pd.DataFrame, cut: pd.Timestamp) -> pd.DataFrame:
    """The bars, some of sessions up to `cut` revised or published only after it has decided, others before."""
    decided = calendar.as_of(cut)
    for symbol, back, moment in (
        ("NVDA", 4, decided + pd.Timedelta(hours=18)),  # revised when the cut is history
        ("SMH", 3, decided + pd.Timedelta(hours=1)),
        ("AMD", 5, decided - pd.Timedelta(hours=30)),  # revised in time to be known at the cut
    ):
        bars = revision(symbol, calendar.shift(cut, -back), 1.05, moment)(bars)
    late = row_of(bars, "AVGO", calendar.shift(cut, -1)) | row_of(bars, "MU", cut)
    known = (decided + pd.Timedelta(hours=3)).as_unit("us")
    return bars.assign(known_at=bars["known_at"].mask(late, known))


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
