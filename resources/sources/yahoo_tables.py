"""From yfinance's frames to rows of our tables: raw bars, corporate actions, announcements."""

from __future__ import annotations

import numpy as np
import pandas as pd

from resources.sources import unadjusting
from trading import calendar, frames, market_hours
from trading.interfaces import Bools

PRICES: dict[str, str] = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}
PAY_LAG_SESSIONS = 15
EARNINGS_LAG = pd.Timedelta(minutes=30)
FIGURES: dict[str, str] = {"estimate": "EPS Estimate", "actual": "Reported EPS", "surprise": "Surprise(%)"}
PERCENT = 100
OPENS, CLOSES = pd.Timedelta(hours=9, minutes=30), pd.Timedelta(hours=16)
_AMOUNT_DECIMALS = 6


def raw_bars(
    chart: pd.DataFrame, symbol: str, timeframe: str, source: str, delay: pd.Timedelta
) -> pd.DataFrame:
    """Rows of `bars`, one a row of the chart that holds a price; each known `delay` after its end."""
    if chart.empty:
        return frames.empty("bars")
    rows = chart.dropna(subset=list(PRICES), how="all").rename(columns=PRICES)
    sessions = _labels(rows)
    prices = {name: rows[name].to_numpy(dtype=np.float64) for name in PRICES.values()}
    splits = splits_of(chart)
    divided = unadjusting.in_prices(sessions.to_numpy(), prices["open"], prices["close"], splits)
    factor = unadjusting.factors(sessions.to_numpy(), splits[divided])
    starts, ends = _hours(sessions, rows.index, timeframe)
    return _typed(
        "bars",
        {name: unadjusting.raw_prices(price, factor) for name, price in prices.items()}
        | {"volume": np.round(rows["Volume"].to_numpy(dtype=np.float64) / factor)}
        | {"session": sessions, "ts": starts, "known_at": ends + delay, "symbol": symbol}
        | {"timeframe": timeframe, "basis": "raw", "source": source},
    )


def splits_of(chart: pd.DataFrame) -> pd.Series:
    """(k,) ratios of the chart's splits by session, ascending."""
    listed = chart.loc[chart["Stock Splits"] != 0, "Stock Splits"]
    listed.index = _labels(listed)
    return listed.groupby(level=0).first()


def actions(chart: pd.DataFrame, symbol: str, source: str, delay: pd.Timedelta) -> pd.DataFrame:
    """Rows of `corporate_actions` from a daily chart; amounts per share held at the close before."""
    if chart.empty:
        return frames.empty("corporate_actions")
    splits = splits_of(chart)
    paid = pd.DataFrame({"listed": chart["Dividends"], "implied": _implied_dividends(chart)})
    paid = paid[paid["listed"] != 0]
    paid.index = _labels(paid)
    factor = unadjusting.factors(paid.index.to_numpy(), splits, on_the_day=True)
    listed, implied = (paid[name].to_numpy(dtype=np.float64) for name in ("listed", "implied"))
    amounts = np.round(unadjusting.raw_amounts(listed, implied, factor), _AMOUNT_DECIMALS)
    parts = [
        pd.DataFrame({"session": splits.index, "kind": "split", "ratio": splits.to_numpy(), "amount": 0.0}),
        pd.DataFrame({"session": paid.index, "kind": "dividend", "ratio": 1.0, "amount": amounts}),
    ]
    rows = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    sessions, days = calendar.all_sessions(), pd.DatetimeIndex(rows["session"])
    at = sessions.searchsorted(days)  # of a day without a session: the next one
    lag = np.where(rows["kind"] == "dividend", PAY_LAG_SESSIONS, 0)
    moments = {
        "session": sessions[at],
        "known_at": calendar.as_of_each(sessions[at - 1], delay),
        "pay_session": sessions[at + lag],
    }
    return _typed("corporate_actions", rows.to_dict("list") | moments | {"symbol": symbol, "source": source})


def _implied_dividends(chart: pd.DataFrame) -> pd.Series:
    """(n,) dividend of each row in the scale of the prices, by which the closes before it were lowered."""
    lowered = chart["Adj Close"] / chart["Close"]
    return chart["Close"].shift() * (1 - lowered.shift() / lowered)


def announcements(dates: pd.DataFrame, symbol: str, source: str, now: pd.Timestamp) -> pd.DataFrame:
    """Rows of `earnings` known up to `now`.

    One before the open is known at the open, as is one of a day without a session, at the next open;
    any other half an hour after the close.
    """
    if dates.empty:
        return frames.empty("earnings")
    local = pd.DatetimeIndex(dates.index).tz_convert(calendar.TIMEZONE).tz_localize(None)
    hour, sessions = local - local.normalize(), calendar.all_sessions()
    label = sessions[sessions.searchsorted(local.normalize().as_unit("us"))]
    early = (hour < OPENS) | (label != local.normalize())
    known = calendar.as_of_each(label, EARNINGS_LAG).where(~early, calendar.open_each(label))
    figures = {
        name: pd.to_numeric(dates[theirs], errors="coerce").to_numpy() for name, theirs in FIGURES.items()
    }
    rows = _typed(
        "earnings",
        figures
        | {"surprise": figures["surprise"] / PERCENT, "session": label, "known_at": known}
        | {"release": np.select([hour < OPENS, hour >= CLOSES], ["before_open", "after_close"], "unknown")}
        | {"symbol": symbol, "source": source},
    )
    return rows[rows["known_at"] <= now]


def _labels(rows: pd.DataFrame | pd.Series) -> pd.DatetimeIndex:
    """(n,) the days of bars in the exchange's time."""
    return pd.DatetimeIndex(rows.index).tz_localize(None).normalize().as_unit("us")


def _hours(
    sessions: pd.DatetimeIndex, starts: pd.Index, timeframe: str
) -> tuple[pd.DatetimeIndex, pd.DatetimeIndex]:
    """Start and end of each bar (UTC); a daily one of a day without a session gets the regular hours."""
    if timeframe != "1D":
        begin = pd.DatetimeIndex(starts).tz_convert("UTC").as_unit("us")
        return begin, begin + market_hours.FIVE_MINUTES
    local = sessions.tz_localize(calendar.TIMEZONE)
    begin = market_hours.bar_starts(sessions, timeframe)
    end = market_hours.bar_ends(sessions, begin, timeframe)
    trading: Bools = begin.notna()
    usual = ((local + hours).tz_convert("UTC").as_unit("us") for hours in (OPENS, CLOSES))
    return begin.where(trading, next(usual)), end.where(trading, next(usual))


def _typed(table: str, columns: dict[str, object]) -> pd.DataFrame:
    dtypes = frames.table_of(table).dtypes
    return pd.DataFrame(columns)[list(dtypes)].astype(dtypes)
