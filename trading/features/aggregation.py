"""Daily and weekly bars made of finer ones, which say of how many parts they are made.

The open is that of the first part, the close that of the last, high and low are the extremes, volume is
the sum, and the bar is known when the last of its parts is. A bar with holes is made, too, and says so:
`parts` of `expected`. What is made of five-minute bars is not what a vendor gives as the daily bar: the
auctions at the open and at the close are outside, and volume is 0.2 to 0.9 of the daily figure.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames, market_hours
from trading.errors import DataError, UsageError
from trading.interfaces import Bools
from trading.universe import INSTRUMENTS

FINER: dict[str, tuple[str, ...]] = {"1D": ("5min",), "1W": ("1D", "5min")}
_LISTED = {i.symbol: pd.Timestamp(i.listed) for i in INSTRUMENTS}
_ALWAYS = pd.Timestamp(1900, 1, 1)  # of a symbol that is not in the universe
EXTRA: tuple[str, ...] = ("parts", "expected", "complete", "has_open", "has_close")


def aggregated(bars: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Bars of `timeframe` from finer ones of one timeframe.

    Parameters
    ----------
    bars : columns of `bars`, one row a key; rows with a column `complete` that is False are holes
    timeframe : `1D` from `5min`, `1W` from `1D` or `5min`

    Returns
    -------
    Columns of `bars` and `parts` (bars present), `expected` (bars that the calendar has from the
    symbol's listing on), `complete`, `has_open` and `has_close` (whether the first and the last of the
    parts are there), one row a symbol and session or week that has any, by key.

    Raises
    ------
    UsageError
        If the bars are not all of one timeframe that is finer.
    DataError
        If the parts of one bar have different price bases, naming the symbol and the session.
    """
    finer = _finer(bars, timeframe)
    rows = bars.sort_values(["symbol", "ts"], kind="stable", ignore_index=True)
    labels = rows["session"].to_numpy() if timeframe == "1D" else market_hours.week_of(rows["session"])
    joins = _joins(rows["symbol"], labels)
    _refuse_mixed(rows, joins)
    begins = np.flatnonzero(~joins)
    made = _values(rows, begins)
    made["session"] = labels[begins]
    made["ts"] = market_hours.bar_starts(pd.DatetimeIndex(labels[begins]), timeframe)
    made = made.assign(**_parts(rows, begins, made, timeframe, finer))
    frame = made.assign(timeframe=timeframe).astype(frames.table_of("bars").dtypes)
    frame = frame[[*frames.columns("bars"), *EXTRA]]
    return frame.sort_values(list(frames.table_of("bars").key), kind="stable", ignore_index=True)


def _finer(bars: pd.DataFrame, timeframe: str) -> str:
    found = tuple(bars["timeframe"].unique())
    wanted = FINER.get(timeframe, ())
    if len(found) > 1 or not set(found) <= set(wanted):
        raise UsageError(
            f"bars of {timeframe} are made of {' or '.join(wanted) or 'nothing'}, and of one at a time; "
            f"these are of {', '.join(found)}"
        )
    return found[0] if found else "1D"


def _joins(symbols: pd.Series, labels: NDArray[np.datetime64]) -> Bools:
    """(n,) True where a row belongs to the same bar as the row before it."""
    names = symbols.to_numpy(dtype=object)
    joins = np.zeros(len(names), dtype=bool)
    joins[1:] = (names[1:] == names[:-1]) & (labels[1:] == labels[:-1])
    return joins


def _refuse_mixed(rows: pd.DataFrame, joins: Bools) -> None:
    basis = rows["basis"].to_numpy(dtype=object)
    mixed = np.flatnonzero(joins[1:] & (basis[1:] != basis[:-1])) + 1
    if len(mixed):
        row = rows.iloc[mixed[0]]
        raise DataError(
            f"{row['symbol']} in session {row['session']:%Y-%m-%d} changes from {basis[mixed[0] - 1]} to "
            f"{row['basis']} bars: they cannot become one bar; load the whole range on one basis"
        )


def _parts(
    rows: pd.DataFrame, begins: NDArray[np.int64], made: pd.DataFrame, timeframe: str, finer: str
) -> dict[str, NDArray[Any]]:
    """Of how many of its parts each bar is made, and whether the first and the last are among them."""
    whole = rows["complete"].to_numpy(dtype=bool) if "complete" in rows else np.ones(len(rows), dtype=bool)
    parts = np.add.reduceat(whole.astype(np.int64), begins) if len(begins) else begins
    expected = expected_parts(made["session"], made["symbol"], timeframe, finer)
    first, last = rows.iloc[begins], rows.iloc[_ends(begins, len(rows))]
    has_open = first["ts"].to_numpy() == made["ts"].to_numpy()
    ended = market_hours.bar_ends(last["session"], last["ts"], finer)
    has_close = np.asarray(ended == market_hours.bar_ends(made["session"], made["ts"], timeframe))
    complete = parts == expected
    edges = {"has_open": has_open | complete, "has_close": has_close}
    return {"parts": parts, "expected": expected, "complete": complete, **edges}


def _ends(begins: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Place of the last row of each bar."""
    return np.append(begins[1:], count)[: len(begins)] - 1


def _values(rows: pd.DataFrame, begins: NDArray[np.int64]) -> pd.DataFrame:
    """Values of each bar from those of its rows, which begin at `begins` and end before the next."""
    first, last = rows.iloc[begins], rows.iloc[_ends(begins, len(rows))]
    known = rows["known_at"].dt.tz_localize(None).to_numpy().view(np.int64)
    reduced = {
        name: reduce.reduceat(values, begins) if len(begins) else values
        for name, reduce, values in (
            ("high", np.maximum, rows["high"].to_numpy()),
            ("low", np.minimum, rows["low"].to_numpy()),
            ("volume", np.add, rows["volume"].to_numpy()),
            ("known_at", np.maximum, known),
        )
    }
    made = first[["symbol", "open", "basis", "source"]].reset_index(drop=True)
    known_at = pd.DatetimeIndex(reduced.pop("known_at").view("datetime64[us]")).tz_localize("UTC")
    return made.assign(**reduced, close=last["close"].to_numpy(), known_at=known_at)


def expected_parts(sessions: pd.Series, symbols: pd.Series, timeframe: str, finer: str) -> NDArray[np.int64]:
    """(n,) how many finer bars the calendar has for each bar, those before a symbol's listing left out."""
    if timeframe == "1D":
        return market_hours.bars_of(sessions)
    every = calendar.all_sessions()
    counts = market_hours.bars_of(every) if finer == "5min" else np.ones(len(every), dtype=np.int64)
    before = np.concatenate([[0], np.cumsum(counts)])
    last = every.searchsorted(pd.DatetimeIndex(sessions), side="right")
    opens = market_hours.bar_starts(pd.DatetimeIndex(sessions), "1W").tz_localize(None).normalize()
    listed = pd.DatetimeIndex([_LISTED.get(symbol, _ALWAYS) for symbol in symbols]).as_unit("us")
    first = every.searchsorted(np.maximum(opens.to_numpy(), listed.to_numpy()))
    return before[last] - before[np.minimum(first, last)]
