"""Where two sources, or two timeframes, say different things of one bar: rows of `reconciliation`.

A daily bar as given stands beside the one made of its five-minute bars, a weekly one beside that of its
sessions, and a bar of one source beside that of another. Nothing is corrected. Tolerances are those of
what was measured on real bars (386 daily bars of eleven names in 2025): an opening or
closing auction is up to 0.45 % away from the nearest five-minute trade, extremes differ by 0.1 %, and
the five-minute bars of a session hold 0.22 to 0.87 of the daily volume. Where the vendor adjusted the one
and not the other, only the shape of the bar can be compared: its prices relative to the close.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import frames, market_hours
from trading.features.aggregation import aggregated

FIELDS: tuple[str, ...] = ("open", "high", "low", "close", "volume")
PAIRS: tuple[tuple[str, str], ...] = (("1D", "5min"), ("1W", "1D"))
_BAR = ["session", "timeframe", "ts", "symbol"]
_ROW = ["session", "timeframe", "symbol", "field", "left", "right"]


@dataclass(frozen=True)
class Tolerance:
    """How far the right value may lie from the left one, relative to it, and why."""

    most: float
    reason: str
    above: float = np.inf


_AUCTION = Tolerance(5e-3, "the auctions at the open and close are outside the five-minute trades")
_EXTREME = Tolerance(2e-3, "a feed lacks single prints of other venues")
_SUMMED = Tolerance(0.8, "auctions and other venues are outside; a sum is at most 2 % above", above=0.02)
_OWN_SUM = Tolerance(1e-2, "the sessions of a week are counted once")
_SAME = Tolerance(1e-5, "an official price is one number; adjusted ones are rounded to about 1e-7")
_VENUES = Tolerance(1e-3, "vendors count other prints among the trades of a session")
_CORRECTED = Tolerance(0.05, "vendors correct the volume at different times")
_OTHER_DAY = Tolerance(1e-3, "adjusted as of different days: relative to the close")
_OTHER_FEED = Tolerance(2e-3, "feeds of five-minute bars hold different venues")
_OTHER_VOLUME = Tolerance(0.99, "the volume of a feed is that of its venues, 2 % of the tape at the least")

_SHAPE = Tolerance(1e-2, "on another price basis: relative to the close, which differs by an auction, too")

MADE_OF_FIVE_MINUTES = {
    "open": _AUCTION, "high": _EXTREME, "low": _EXTREME, "close": _AUCTION, "volume": _SUMMED,
}  # fmt: skip
MADE_OF_SESSIONS = dict.fromkeys(("open", "high", "low", "close"), _SAME) | {"volume": _OWN_SUM}
TWO_SOURCES = dict.fromkeys(("open", "high", "low"), _VENUES) | {"close": _SAME, "volume": _CORRECTED}
TWO_ADJUSTED = dict.fromkeys(("open", "high", "low"), _OTHER_DAY) | {"volume": _CORRECTED}
TWO_FEEDS = dict.fromkeys(("open", "high", "low", "close"), _OTHER_FEED) | {"volume": _OTHER_VOLUME}
SHAPE = dict.fromkeys(("open", "high", "low"), _SHAPE)
_MADE_OF = {"5min": MADE_OF_FIVE_MINUTES, "1D": MADE_OF_SESSIONS}


def reconciled(accepted: pd.DataFrame, stored: pd.DataFrame) -> pd.DataFrame:
    """Rows of `reconciliation` that a load of bars gives reason for; to be written with it.

    Parameters
    ----------
    accepted : rows of `bars` that are about to be written
    stored : what is stored of `bars` over `span` of the load, of all timeframes: of each key the newest

    Returns
    -------
    Valid rows, all in sessions of `accepted`. The same load again gives the same rows, which a store
    that only adds skips.
    """
    if accepted.empty:
        return frames.empty("reconciliation")
    mine = stored[stored["symbol"].isin(accepted["symbol"].unique()).to_numpy()]
    both = pd.concat([part for part in (mine, accepted) if len(part)])
    newest = both.sort_values("known_at", kind="stable").drop_duplicates(_BAR, keep="last")
    loaded = accepted["session"].unique()
    spans = {"1D": newest["session"].to_numpy(), "1W": market_hours.week_of(newest["session"])}
    parts = [
        between_timeframes(newest[np.isin(spans[coarse], loaded)], coarse, fine) for coarse, fine in PAIRS
    ]
    filled = [part for part in (*parts, between_sources(mine, accepted)) if len(part)]
    return frames.validated("reconciliation", pd.concat(filled)) if filled else frames.empty("reconciliation")


def span(first: pd.Timestamp, last: pd.Timestamp) -> tuple[pd.Timestamp, pd.Timestamp]:
    """The sessions to read of `bars` for a load of `first` to `last`: whole weeks."""
    begins = market_hours.bar_starts(pd.DatetimeIndex([first]), "1W").tz_localize(None).normalize()
    return begins[0], pd.Timestamp(market_hours.week_of(pd.DatetimeIndex([last]))[0])


def between_timeframes(bars: pd.DataFrame, coarse: str, fine: str) -> pd.DataFrame:
    """Bars of `coarse` as given (left) against those made of `fine` ones (right).

    Parameters
    ----------
    bars : columns of `bars`, one row a key, of any timeframes

    Returns
    -------
    Rows of `reconciliation`. Of a bar that is made with holes only the open and the close are compared,
    and only if the part that they come from is there.
    """
    given, parts = (bars[bars["timeframe"].eq(name).to_numpy()] for name in (coarse, fine))
    if given.empty or parts.empty:
        return frames.empty("reconciliation")
    made = pd.concat([aggregated(rows, coarse) for _, rows in parts.groupby("basis")])
    joined = given.merge(made, on=["session", "symbol"], suffixes=("", "_right"))
    joined = joined.assign(timeframe=coarse, left=coarse, right=fine)
    same = joined["basis"].eq(joined["basis_right"]).to_numpy()
    kinds = (
        *((rows, _tolerances(fine, basis)) for basis, rows in joined[same].groupby("basis")),
        (_with_close(on_one_scale(joined[~same])), SHAPE),
    )
    compared = [compared_fields(rows, tolerances, _seen(rows)) for rows, tolerances in kinds if len(rows)]
    return pd.concat(compared) if compared else frames.empty("reconciliation")


def _tolerances(fine: str, basis: str) -> dict[str, Tolerance]:
    """Of a raw week only the close is compared: a split inside it puts its sessions on two scales."""
    tolerances = _MADE_OF[fine]
    return {"close": tolerances["close"]} if (fine, basis) == ("1D", "raw") else tolerances


def _seen(joined: pd.DataFrame) -> dict[str, pd.Series]:
    """Where the parts from which a field of a made bar comes are there."""
    whole = dict.fromkeys(("high", "low", "volume"), joined["complete"])
    return {"open": joined["has_open"], "close": joined["has_close"], **whole}


def on_one_scale(joined: pd.DataFrame) -> pd.DataFrame:
    """The prices on the right multiplied so that the closes are equal."""
    scale = joined["close"] / joined["close_right"]
    return joined.assign(**{f"{name}_right": joined[f"{name}_right"] * scale for name in FIELDS[:4]})


def _with_close(joined: pd.DataFrame) -> pd.DataFrame:
    """Made bars that lack their close have no scale to go by."""
    return joined.assign(**{name: joined[name] & joined["has_close"] for name in ("has_open", "complete")})


def between_sources(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Bars of one source against the same bars of another; the source that comes first by name is the left.

    Parameters
    ----------
    one, other : columns of `bars`, of any sources; only bars that both hold, from different ones, count

    Returns
    -------
    Rows of `reconciliation`, one a session, symbol and field. Of bars that vendors adjusted, each as of
    its own day, prices are compared relative to the close. For five-minute bars it is the bar of the
    session that is furthest apart, and `agrees` says whether all of them do.
    """
    joined = one.merge(other, on=[*_BAR, "basis"], suffixes=("", "_right"))
    joined = joined[(joined["source"] != joined["source_right"]).to_numpy()].reset_index(drop=True)
    if joined.empty:
        return frames.empty("reconciliation")
    swapped = (joined["source"] > joined["source_right"]).to_numpy()
    for name in (*FIELDS, "source"):
        left, right = joined[name].copy(), joined[f"{name}_right"].copy()
        joined[name] = left.mask(swapped, right)
        joined[f"{name}_right"] = right.mask(swapped, left)
    joined = joined.rename(columns={"source": "left", "source_right": "right"})
    five, raw = (joined[name].eq(word).to_numpy() for name, word in (("timeframe", "5min"), ("basis", "raw")))
    kinds = (
        (joined[five], TWO_FEEDS),
        (joined[~five & raw], TWO_SOURCES),
        (on_one_scale(joined[~five & ~raw]), TWO_ADJUSTED),
    )
    return pd.concat([compared_fields(rows, tolerances, {}) for rows, tolerances in kinds if len(rows)])


def compared_fields(
    joined: pd.DataFrame, tolerances: dict[str, Tolerance], seen: dict[str, pd.Series]
) -> pd.DataFrame:
    """Rows of `reconciliation` from pairs of values; `seen` says where a field can be compared at all."""
    parts = [
        _field(joined[seen[name].to_numpy()] if name in seen else joined, name, tolerances[name])
        for name in tolerances
    ]
    rows = pd.concat(parts, ignore_index=True)
    if rows.empty:
        return frames.empty("reconciliation")
    grouped = rows.groupby(_ROW, sort=False)
    rows["agrees"] = grouped["agrees"].transform("all")
    rows["known_at"] = grouped["known_at"].transform("max")
    worst = rows["relative_difference"].abs().fillna(np.inf).sort_values(ascending=False, kind="stable").index
    furthest = rows.loc[worst].drop_duplicates(_ROW)
    types = frames.table_of("reconciliation").dtypes
    return frames.validated("reconciliation", furthest[list(types)].astype(types))


def _field(joined: pd.DataFrame, name: str, tolerance: Tolerance) -> pd.DataFrame:
    left, right = joined[name].to_numpy(), joined[f"{name}_right"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(left == right, 0.0, right / left - 1)
    apart = np.where(np.isfinite(apart), apart, np.nan)  # a value beside zero is no ratio, and does not agree
    columns = {
        "field": name,
        "left_value": left,
        "right_value": right,
        "relative_difference": apart,
        "tolerance": tolerance.most,
        "agrees": (np.abs(apart) <= tolerance.most) & (apart <= tolerance.above),
        "reason": tolerance.reason,
        "known_at": joined[["known_at", "known_at_right"]].max(axis=1),
    }
    return joined[["session", "timeframe", "symbol", "left", "right"]].assign(**columns)
