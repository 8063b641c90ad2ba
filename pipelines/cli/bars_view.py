"""`fabline show bars` with --timeframe, --adjusted, --raw or --filled: a view of bars, made when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from resources.store import HomeStore
from trading import frames
from trading.errors import UsageError
from trading.features import views
from trading.features.filling import filled
from trading.monitoring.reconciliation import span
from trading.universe import INSTRUMENTS

_COMPANIES = frozenset(i.symbol for i in INSTRUMENTS if i.role != "index")  # an index is never adjusted
_MADE_OF = {"5min": ("5min",), "1D": ("1D", "5min"), "1W": ("1W", "1D", "5min")}


@dataclass(frozen=True)
class Wanted:
    """Which view.

    Attributes
    ----------
    timeframe : of the bars; all that are stored, each as it is, if None
    adjusted : whether raw bars are adjusted; False asks for raw bars and nothing else, None for what is there
    filled : whether gaps of five-minute bars are filled
    """

    timeframe: str | None = None
    adjusted: bool | None = None
    filled: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the rows as they are stored is asked for."""
        return self.timeframe is None and self.adjusted is None and not self.filled


@dataclass(frozen=True)
class Extent:
    """Which bars: sessions (None: open), symbol (None: all), and what was known (None: everything)."""

    first: pd.Timestamp | None
    last: pd.Timestamp | None
    symbol: str | None
    as_of: pd.Timestamp | None


def check(wanted: Wanted, table: str) -> None:
    """UsageError if the view cannot be had of the table, or not of its timeframe."""
    if wanted.timeframe is not None and wanted.timeframe not in frames.TIMEFRAMES:
        raise UsageError(f"the timeframes are {', '.join(frames.TIMEFRAMES)}, not {wanted.timeframe!r}")
    if wanted.timeframe is not None and "timeframe" not in frames.columns(table):
        raise UsageError(f"table {table} has no timeframes; leave --timeframe out")
    if table != "bars" and (wanted.adjusted is not None or wanted.filled):
        raise UsageError(f"--adjusted, --raw and --filled are views of bars; table {table} has none")
    if wanted.filled and wanted.timeframe != "5min":
        raise UsageError("only five-minute bars are filled: add --timeframe 5min")


def bars_of(store: HomeStore, wanted: Wanted, extent: Extent, now: pd.Timestamp) -> pd.DataFrame:
    """The rows of a view of `bars`; a made bar only when it had ended by `as_of`, or by now without one.

    Raises
    ------
    UsageError
        If raw bars are asked for and those of a symbol that are stored are all adjusted.
    DataError
        If the bars of one symbol have different price bases.
    """
    moment = now if extent.as_of is None else extent.as_of
    bars = _observed(store, wanted, extent)
    if wanted.filled:
        bars = filled(bars)
        bars = bars[(bars["known_at"] <= moment).to_numpy()].reset_index(drop=True)
    actions = store.read("corporate_actions", as_of=extent.as_of, symbol=extent.symbol)
    if wanted.adjusted and len(bars):
        bars = views.adjusted_as_of(bars, actions, _closes(store, bars, extent, moment), moment)
    elif wanted.adjusted is False:
        _refuse_adjusted(bars)
    if wanted.timeframe in ("1D", "1W"):
        bars = views.of_timeframe(bars, actions, wanted.timeframe)
        ended = bars["made_of"].eq("") | (
            bars["known_at"] <= moment
        )  # no made bar of a session before its close
        bars = bars[ended.to_numpy()]
    inside = pd.Series(data=True, index=bars.index)
    if extent.first is not None:
        inside &= bars["session"] >= extent.first
    if extent.last is not None:
        inside &= bars["session"] <= extent.last
    return bars[inside.to_numpy()].reset_index(drop=True)


def note_on(store: HomeStore, view: pd.DataFrame) -> str:
    """What a person must know of an adjusted view as of a moment over bars that the source adjusted, else empty."""
    if view.empty:
        return ""
    stored = store.read("bars", view["session"].iloc[-1], view["session"].iloc[-1])
    shown = stored["symbol"].isin(_COMPANIES) & stored["symbol"].isin(view["symbol"])
    other = stored[(stored["basis"].ne("raw") & shown).to_numpy()]
    if other.empty:
        return ""
    return (
        f"note: the bars of {other['symbol'].iloc[0]} are {other['basis'].iloc[0]} by their source as of its own day, "
        f"so they are the same at every --as-of; a home of raw bars (source.basis raw) shows what was quoted then"
    )


def _observed(store: HomeStore, wanted: Wanted, extent: Extent) -> pd.DataFrame:
    """Stored bars of the timeframe and of the finer ones of which it can be made."""
    first = extent.first
    if first is not None and wanted.timeframe == "1W":
        first = span(first, first)[0]
    names = (None,) if wanted.timeframe is None else _MADE_OF[wanted.timeframe]
    parts = [
        store.read("bars", first, extent.last, as_of=extent.as_of, timeframe=timeframe, symbol=extent.symbol)
        for timeframe in names
    ]
    if wanted.adjusted is False and len(parts) > 1:
        parts = _raw_first(parts)
    bars = parts[0]
    for finer in parts[1:]:
        fitting = finer[views.is_on_basis_of(bars, finer)]
        bars = pd.concat([bars, fitting], ignore_index=True) if len(bars) else fitting
    return bars


def _raw_first(parts: list[pd.DataFrame]) -> list[pd.DataFrame]:
    """Bars of each timeframe, the adjusted ones left out of the symbols that have raw ones in any."""
    having = {symbol for part in parts for symbol in part.loc[part["basis"].eq("raw").to_numpy(), "symbol"]}
    return [part[(part["basis"].eq("raw") | ~part["symbol"].isin(having)).to_numpy()] for part in parts]


def _closes(store: HomeStore, bars: pd.DataFrame, extent: Extent, moment: pd.Timestamp) -> pd.DataFrame:
    """Daily bars from the first of the view to the moment: those that are stored, or made."""
    last = views.scale_session(moment)
    first = min(bars["session"].min(), last)
    daily = store.read("bars", first, last, as_of=extent.as_of, timeframe="1D", symbol=extent.symbol)
    fine = bars[bars["timeframe"].eq("5min").to_numpy()][frames.columns("bars")]
    rows = [part for part in (daily, fine) if len(part)]
    return views.of_timeframe(pd.concat(rows), frames.empty("corporate_actions"), "1D") if rows else daily


def _refuse_adjusted(bars: pd.DataFrame) -> None:
    other = bars[bars["basis"].ne("raw").to_numpy()]
    if len(other):
        row = other.iloc[0]
        raise UsageError(
            f"the {row['timeframe']} bars of {row['symbol']} are {row['basis']} by their source, and raw ones are "
            f"not stored; leave --raw out"
        )
