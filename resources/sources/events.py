"""What companies reported, as it lies in a folder: announcements of earnings, and figures of statements.

events/earnings_*.parquet        symbol, date, eps_est, eps, release_time (pre, post)
events/earnings_dates_*.csv      symbol, report_date, time_of_day (pre, post or nothing), eps_surprise_pct
events/fundamentals/*.json       one company a file: {statement: {period: {item: value}}}, or
                                 {statement: [{period, item: value}]}

An announcement before the open is known at the open; any other half an hour after the close, which is
after the session has decided. Statements carry no date of filing: when they were known is not in the
files, and whoever stores them says when they came in.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from resources.sources import parquet
from trading import calendar, frames
from trading.errors import SchemaError

EARNINGS, EARNINGS_DATES = "events/earnings_*.parquet", "events/earnings_dates_*.csv"
STATEMENTS = "events/fundamentals/*.json"
EARNINGS_LAG = pd.Timedelta(minutes=30)
SAME_ANNOUNCEMENT_DAYS = 5  # lists of dates differ by a day or so; quarters lie two months apart at least
_RELEASES = {"pre": "before_open", "post": "after_close"}
_DATES = ["symbol", "report_date", "time_of_day", "eps_surprise_pct"]
# Two writers of these files, two names of one thing; those without a word for the period hold years.
_NAMES = {
    "annual_income": "annual_income",
    "annual_balance": "annual_balance",
    "quarterly_income": "quarterly_income",
    "quarterly_balance": "quarterly_balance",
    "income_statement": "annual_income",
    "balance_sheet": "annual_balance",
    "cash_flow": "annual_cash_flow",
}


def earnings(
    folder: Path, symbols: Sequence[str], first: pd.Timestamp, last: pd.Timestamp, *, source: str
) -> pd.DataFrame:
    """Announcements of a range, with the columns of `earnings`.

    One that two files list on neighbouring days is one announcement, on the later of them.

    Raises
    ------
    SchemaError
        If a file is broken or laid out otherwise.
    """
    rows = pd.concat([frames.empty("earnings"), *_with_estimates(folder), *_dates(folder)])
    rows = rows[rows["symbol"].isin(list(symbols)).to_numpy()].assign(source=source)
    rows["session"] = rows["session"].map(_session_of).astype("datetime64[us]")
    rows = _once(rows)
    rows = rows[rows["session"].between(first, last).to_numpy()]
    sessions = pd.DatetimeIndex(rows["session"])
    early = rows["release"].eq("before_open").to_numpy()
    late = calendar.as_of_each(sessions, EARNINGS_LAG)
    known = late.where(~early, calendar.open_each(sessions))
    types = frames.table_of("earnings").dtypes
    made = rows.assign(known_at=known)[list(types)].astype(types)
    return made.sort_values(["session", "symbol"], kind="stable", ignore_index=True)


def statements(folder: Path, symbols: Sequence[str], *, source: str) -> pd.DataFrame:
    """Figures of the statements of `symbols`: the columns of `fundamentals` without `known_at`.

    Raises
    ------
    SchemaError
        If a file is no JSON, or a period in it is no date.
    """
    rows = [
        (symbol, statement, item, period, float(value))
        for path in sorted(folder.glob(STATEMENTS))
        if (symbol := path.stem) in symbols
        for statement, period, items in _periods(path)
        for item, value in items.items()
        if isinstance(value, int | float) and np.isfinite(value)
    ]
    types = {n: kind for n, kind in frames.table_of("fundamentals").dtypes.items() if n != "known_at"}
    names = ["symbol", "statement", "item", "period_end", "value"]
    frame = pd.DataFrame(rows, columns=names).assign(source=source)
    frame["session"] = frame["period_end"].map(_session_before)
    return frame[list(types)].astype(types)


def _with_estimates(folder: Path) -> Iterator[pd.DataFrame]:
    for path in sorted(folder.glob(EARNINGS)):
        rows = parquet.read(path, parquet.EARNINGS).rename(columns={"date": "session"})
        apart = (rows["eps"] - rows["eps_est"]) / rows["eps_est"].abs().replace(0.0, np.nan)
        yield rows.assign(
            release=rows["release_time"].map(_RELEASES).fillna("unknown"),
            estimate=rows["eps_est"],
            actual=rows["eps"],
            surprise=apart,
        )


def _dates(folder: Path) -> Iterator[pd.DataFrame]:
    for path in sorted(folder.glob(EARNINGS_DATES)):
        rows = pd.read_csv(path)
        missing = [name for name in _DATES if name not in rows]
        if missing:
            raise SchemaError(f"{path} lacks the columns {', '.join(missing)}")
        yield pd.DataFrame(
            {
                "session": pd.to_datetime(rows["report_date"]),
                "symbol": rows["symbol"].astype("str"),
                "release": rows["time_of_day"].map(_RELEASES).fillna("unknown"),
                "estimate": np.nan,
                "actual": np.nan,
                "surprise": rows["eps_surprise_pct"] / 100,
            }
        )


def _once(rows: pd.DataFrame) -> pd.DataFrame:
    """One row an announcement: the figures of the row that has most of them, the later of the days."""
    rows = rows.sort_values(["symbol", "session"], kind="stable", ignore_index=True)
    days = rows["session"].diff().dt.days.fillna(0)
    begins = (rows["symbol"] != rows["symbol"].shift()) | (days > SAME_ANNOUNCEMENT_DAYS)
    number = begins.cumsum()
    known = rows[["estimate", "actual", "surprise"]].notna().sum(axis=1)
    fullest = known.sort_values(ascending=False, kind="stable").index
    kept = rows.loc[fullest].groupby(number.loc[fullest].to_numpy(), sort=True).head(1)
    return kept.assign(session=rows.groupby(number)["session"].transform("max").loc[kept.index])


def _periods(path: Path) -> Iterator[tuple[str, pd.Timestamp, Mapping[str, Any]]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SchemaError(f"{path} is no JSON ({error}); copy it again") from None
    for name, statement in _NAMES.items():
        held = content.get(name, {})
        periods = held.items() if isinstance(held, dict) else ((row.get("period"), row) for row in held)
        for period, items in periods:
            yield statement, _date(period, path), items


def _date(text: str, path: Path) -> pd.Timestamp:
    try:
        return pd.Timestamp(text).as_unit("us").normalize()
    except (TypeError, ValueError):
        raise SchemaError(f"{path}: {text!r} is no end of a period; write it as YYYY-MM-DD") from None


def _session_of(day: pd.Timestamp) -> pd.Timestamp:
    """The session of a date, or the next one."""
    every = calendar.all_sessions()
    return every[min(int(every.searchsorted(day)), len(every) - 1)]


def _session_before(day: pd.Timestamp) -> pd.Timestamp:
    """The session of a date, or the last one before it."""
    every = calendar.all_sessions()
    return every[max(int(every.searchsorted(day, side="right")) - 1, 0)]
