"""Weekly bars of a source that has daily ones: made of whole weeks, as a vendor makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from trading import calendar, frames, market_hours
from trading.monitoring.bar_rules import separate_bars

_NONE = pd.Timedelta(0)

Daily = Callable[[Sequence[str], pd.Timestamp, pd.Timestamp], pd.DataFrame]


def weekly_bars(
    daily: Daily,
    symbols: Sequence[str],
    first: pd.Timestamp,
    last: pd.Timestamp,
    *,
    begins: pd.Timestamp,
    delay: pd.Timedelta = _NONE,
) -> pd.DataFrame:
    """Bars of the weeks whose last session lies in a range, from the valid daily bars of all their sessions.

    A week that lacks its last bar is known no earlier than any other.

    Parameters
    ----------
    daily : the source's daily bars of symbols and sessions
    begins : the source's first session, before which no week is asked for
    delay : of the source
    """
    from trading.features.aggregation import aggregated

    weeks = pd.DatetimeIndex(market_hours.week_of(calendar.sessions_between(first, last))).unique()
    ends = weeks[(weeks >= first) & (weeks <= last)]
    if not len(ends):
        return frames.empty("bars")
    monday = max(market_hours.bar_starts(ends[:1], "1W")[0].tz_localize(None).normalize(), begins)
    offered = daily(symbols, monday, ends[-1])
    made = aggregated(separate_bars(offered, symbols=list(symbols)).accepted, "1W")
    due = pd.Series(market_hours.bar_ends(made["session"], made["ts"], "1W") + delay, index=made.index)
    return made.assign(known_at=made["known_at"].where(made["known_at"] >= due, due))[frames.columns("bars")]
