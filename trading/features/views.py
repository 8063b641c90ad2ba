"""Bars as somebody wants to see them at a moment: adjusted or raw, of any timeframe, made where not stored.

An adjusted view is on the scale of the session that is open at the moment, or was last: raw prices
divided by every split, and reduced by every dividend, that was known by then and had taken effect. A
split that was announced and is still to come changes nothing. Nothing of this is ever stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trading import calendar, frames, market_hours
from trading.errors import DataError
from trading.features.adjustment import adjustment_factors
from trading.features.aggregation import aggregated, expected_parts
from trading.history import History, Rows
from trading.interfaces import Bools, Floats

_KEY = ["session", "timeframe", "ts", "symbol"]
_DIGITS = 12
_PRICES = ["open", "high", "low", "close"]


def scale_session(as_of: pd.Timestamp) -> pd.Timestamp:
    """The session on whose scale prices are quoted at a moment: the newest that has opened."""
    opens = market_hours.hours().opens
    at = (
        int(np.searchsorted(opens, as_of.tz_convert("UTC").tz_localize(None).to_datetime64(), side="right"))
        - 1
    )
    return calendar.all_sessions()[max(at, 0)]


def adjusted_as_of(
    bars: pd.DataFrame, actions: pd.DataFrame, closes: pd.DataFrame, as_of: pd.Timestamp
) -> pd.DataFrame:
    """Raw bars on the scale of `as_of`, with the splits and dividends that were known then.

    Parameters
    ----------
    bars : columns of `bars`, any timeframes; adjusted ones stay as they are
    actions : columns of `corporate_actions`
    closes : daily bars with the raw closes before the dividends, from the first of `bars` on

    Returns
    -------
    The same rows, the raw ones with basis `fully_adjusted`, and known when the bar and all that was
    applied to it were known and in effect.

    Raises
    ------
    DataError
        If bars of one symbol and timeframe have different bases, or raw ones stand beside daily bars that
        the vendor adjusted, so that there are no actions to adjust them by; naming the symbol.
    """
    refuse_mixed(bars)
    raw = bars["basis"].eq("raw").to_numpy()
    if not raw.any():
        return bars
    _refuse_without_actions(bars[raw], closes)
    symbols = tuple(bars["symbol"].unique())
    last = scale_session(as_of)
    sessions = calendar.sessions_between(min(bars["session"].min(), last), last)
    applied = _applied(actions, sessions, as_of)
    price, shares = adjustment_factors(_cube(closes, sessions, symbols), applied, symbols, sessions)
    known = _known(applied, sessions, symbols)
    at = np.minimum(sessions.searchsorted(pd.DatetimeIndex(bars["session"])), len(sessions) - 1)
    who = pd.Index(symbols).get_indexer(pd.Index(bars["symbol"]))
    made = _scaled(bars, np.where(raw, price[at, who], 1.0), np.where(raw, shares[at, who], 1.0))
    stamps = np.maximum(_micros(bars["known_at"]), np.where(raw, known[at, who], 0))
    known_at = pd.DatetimeIndex(stamps.view("datetime64[us]")).tz_localize("UTC")
    return made.assign(known_at=known_at, basis=_basis(bars, raw))


def refuse_mixed(bars: pd.DataFrame) -> None:
    """DataError if bars of one symbol and timeframe have different bases."""
    found = bars.drop_duplicates(["symbol", "timeframe", "basis"])
    other = found[found.duplicated(["symbol", "timeframe"])]
    if len(other):
        row = other.iloc[0]
        raise DataError(
            f"the {row['timeframe']} bars of {row['symbol']} change to {row['basis']} at "
            f"{row['session']:%Y-%m-%d}: one view needs one basis; narrow the range with --from or --to"
        )


def _basis(bars: pd.DataFrame, raw: Bools) -> pd.Series | str:
    return "fully_adjusted" if raw.all() else bars["basis"].mask(raw, "fully_adjusted")


def _refuse_without_actions(raw: pd.DataFrame, closes: pd.DataFrame) -> None:
    adjusted = closes[
        closes["basis"].ne("raw").to_numpy() & closes["symbol"].isin(raw["symbol"].unique()).to_numpy()
    ]
    if len(adjusted):
        row = adjusted.iloc[0]
        raise DataError(
            f"the raw bars of {row['symbol']} cannot be adjusted: its daily bars are {row['basis']} by the vendor, "
            f"and with such bars there are no corporate actions; show it with --raw, or load raw daily bars"
        )


def of_timeframe(bars: pd.DataFrame, actions: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    """Daily or weekly bars: those that are there, and for the others what can be made of finer ones.

    A raw weekly bar with a split inside is made on the scale of its last session. A made bar is known when
    its parts are, and not before its own end, however early the last of the parts that are there is.

    Parameters
    ----------
    bars : columns of `bars`, of any timeframes, one row a key
    actions : columns of `corporate_actions`, known at the moment of the view

    Returns
    -------
    Columns of `bars`, and of each row `made_of` (the given timeframes it is made of, `1D+5min` if two;
    empty if the bar is as it was given) and of how many `parts`, each a given bar, it is made of how many
    `expected` (1 of 1 if given). An absent day counts as its five-minute bars in a week that is made of
    nothing else, and as one in any other.
    """
    made = aggregated(_of(bars, "5min"), "1D").assign(made_of="5min")
    daily = _with_made(_of(bars, "1D"), made)
    return daily if timeframe == "1D" else _with_made(_of(bars, "1W"), _weeks(daily, actions))


def _weeks(daily: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Weekly bars of daily ones, with the parts of those that are themselves made."""
    made = aggregated(on_scale_of_week(daily, actions), "1W").rename(
        columns={"expected": "days", "parts": "there"}
    )
    of = daily[["symbol", "parts", "expected"]].assign(session=market_hours.week_of(daily["session"]))
    of = of.assign(fine=daily["made_of"].eq("5min"), whole=daily["made_of"].eq(""))
    kinds = {"parts": "sum", "expected": "sum", "fine": "any", "whole": "any"}
    made = made.merge(of.groupby(["session", "symbol"], as_index=False).agg(kinds), on=["session", "symbol"])
    kind = np.where(made["fine"], np.where(made["whole"], "1D+5min", "5min"), "1D")
    five = expected_parts(made["session"], made["symbol"], "1W", "5min")
    counted = made["expected"] + made["days"] - made["there"]
    return made.assign(made_of=kind, expected=np.where(kind == "5min", five, counted))


def _of(bars: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    return bars[bars["timeframe"].eq(timeframe).to_numpy()]


def is_on_basis_of(given: pd.DataFrame, finer: pd.DataFrame) -> Bools:
    """(n,) whether each finer bar is on the basis of the given ones of its symbol, or there are none of it."""
    wanted = given.drop_duplicates("symbol").set_index("symbol")["basis"].reindex(finer["symbol"])
    return (wanted.isna() | wanted.eq(finer["basis"].to_numpy())).to_numpy(dtype=bool)


def _with_made(given: pd.DataFrame, made: pd.DataFrame) -> pd.DataFrame:
    """Given bars, and the made ones, known at their end at the soonest, where none is given on the same basis."""
    made = made[is_on_basis_of(given, made)]
    # A week ends with the day that it is labelled by.
    ends = pd.Series(market_hours.bar_ends(made["session"], made["ts"], "1D"), index=made.index)
    made = made.assign(known_at=made["known_at"].where(made["known_at"] >= ends, ends))
    key = ["session", "symbol"]
    absent = made[key].merge(given[key], on=key, how="left", indicator=True)["_merge"].eq("left_only")
    columns = [*frames.columns("bars"), "made_of", "parts", "expected"]
    rows = pd.concat([given.assign(made_of="", parts=1, expected=1), made[absent.to_numpy()]])
    kinds = {"made_of": "str", "parts": "int64", "expected": "int64"}
    return rows[columns].astype(kinds).sort_values([*_KEY, "known_at"], kind="stable", ignore_index=True)


def on_scale_of_week(daily: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """Raw daily bars divided by the splits of the rest of their week: what a raw weekly bar is made of."""
    splits = actions[actions["kind"].eq("split").to_numpy()]
    if daily.empty or splits.empty:
        return daily
    week = market_hours.week_of(daily["session"])
    pairs = daily[["session", "symbol", "basis"]].assign(week=week, row=np.arange(len(daily)))
    pairs = pairs.merge(splits[["session", "symbol", "ratio"]], on="symbol", suffixes=("", "_split"))
    inside = (pairs["session"] < pairs["session_split"]) & (pairs["session_split"] <= pairs["week"])
    pairs = pairs[(inside & pairs["basis"].eq("raw")).to_numpy()]
    ratio = np.ones(len(daily))
    np.multiply.at(ratio, pairs["row"].to_numpy(), pairs["ratio"].to_numpy())
    return _scaled(daily, 1.0 / ratio, ratio)


def _scaled(bars: pd.DataFrame, price: Floats, shares: Floats) -> pd.DataFrame:
    values = {name: _rounded(bars[name].to_numpy() * price) for name in _PRICES}
    return bars.assign(**values, volume=_rounded(bars["volume"].to_numpy() * shares))


def _rounded(values: Floats) -> Floats:
    """Values to twelve significant digits: a tenth of 1208.88 is 120.888, and not 120.88800000000002."""
    with np.errstate(divide="ignore"):
        digits = _DIGITS - np.ceil(np.log10(np.abs(values)))
    scale = 10.0 ** np.where(np.isfinite(digits), digits, 0.0)
    return np.round(values * scale) / scale


def _applied(actions: pd.DataFrame, sessions: pd.DatetimeIndex, as_of: pd.Timestamp) -> Rows:
    """Splits and dividends known at `as_of` that took effect within `sessions`."""
    known = actions[(actions["known_at"] <= as_of).to_numpy()]
    history = History.from_frame("corporate_actions", frames.validated("corporate_actions", known))
    return history.window(sessions[0], sessions[-1], as_of)


def _cube(closes: pd.DataFrame, sessions: pd.DatetimeIndex, symbols: Sequence[str]) -> Floats:
    """(w, s) raw closes, NaN where there is none."""
    raw = closes[closes["basis"].eq("raw").to_numpy()]
    return raw.pivot_table("close", "session", "symbol").reindex(index=sessions, columns=symbols).to_numpy()


def _known(applied: Rows, sessions: pd.DatetimeIndex, symbols: Sequence[str]) -> NDArray[np.int64]:
    """(w, s) microseconds (UTC) at which all that is applied to a session's bars was known and in effect."""
    known = np.zeros((len(sessions), len(symbols)), dtype=np.int64)
    opened = market_hours.bar_starts(pd.DatetimeIndex(applied["session"]), "1D")
    moments = np.maximum(_micros(opened), np.asarray(applied["known_at"], "datetime64[us]").view(np.int64))
    rows = sessions.searchsorted(pd.DatetimeIndex(applied["session"]))
    for row, symbol, moment in zip(rows, applied["symbol"], moments, strict=True):
        if symbol in symbols:
            mine = known[:row, symbols.index(symbol)]
            np.maximum(mine, moment, out=mine)
    return known


def _micros(moments: Any) -> NDArray[np.int64]:
    naive = pd.DatetimeIndex(moments).tz_convert("UTC").tz_localize(None).as_unit("us")
    return np.asarray(naive).view(np.int64)
