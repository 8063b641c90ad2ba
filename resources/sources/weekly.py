"""Weekly bars of a source that has daily ones: made of whole weeks, as a vendor makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from trading import calendar, frames, market_hours
from trading.monitoring.bar_rules import separate_actions, separate_bars

_NONE = pd.Timedelta(0)

Daily = Callable[[Sequence[str], pd.Timestamp, pd.Timestamp], pd.DataFrame]


def weekly_bars(
    daily: Daily,
    symbols: Sequence[str],
    first: pd.Timestamp,
    last: pd.Timestamp,
    *,
    begins: pd.Timestamp,
    actions: Daily,
    delay: pd.Timedelta = _NONE,
) -> pd.DataFrame:
    """Bars of the weeks whose last session lies in a range, from the valid daily bars of all their sessions.

    A raw week with a split inside is on the scale of its last session.

    A week that lacks its last bar is known no earlier than any other.

    Parameters
    ----------
    daily : the source's daily bars of symbols and sessions
    begins : the source's first session, before which no week is asked for
    actions : the source's corporate actions of symbols and sessions
    delay : of the source
    """
    from trading.features.aggregation import aggregated
    from trading.features.views import on_scale_of_week

    weeks = pd.DatetimeIndex(market_hours.week_of(calendar.sessions_between(first, last))).unique()
    ends = weeks[(weeks >= first) & (weeks <= last)]
    if not len(ends):
        return frames.empty("bars")
    monday = max(market_hours.bar_starts(ends[:1], "1W")[0].tz_localize(None).normalize(), begins)
    offered = daily(symbols, monday, ends[-1])
    days = separate_bars(offered, symbols=list(symbols)).accepted
    if days["basis"].eq("raw").any():
        days = on_scale_of_week(days, separate_actions(actions(symbols, monday, ends[-1])).accepted)
    made = aggregated(days, "1W")
    due = pd.Series(market_hours.bar_ends(made["session"], made["ts"], "1W") + delay, index=made.index)
    return made.assign(known_at=made["known_at"].where(made["known_at"] >= due, due))[frames.columns("bars")]
