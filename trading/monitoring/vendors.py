"""What a second vendor says of the bars that a home holds, as rows of `reconciliation`.

The left is always the home's source, and nothing of the right is ever stored as a bar. Like is compared with
like. Raw bars stand beside raw ones price by price. Where a vendor adjusts its past, levels depend on the day on
which it did so; then raw bars are adjusted by the splits and dividends that are known now, and what no scale
changes is compared: the prices of a bar relative to its close, `close_return`, the close over the close before it, and
`volume_change`, the volume over the one before. A wrong close shows in the returns of two sessions. Where neither
side is raw and their bases differ, nothing tells the dividends apart, and only the shape of each bar is compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from trading import frames
from trading.features import views
from trading.monitoring import reconciliation
from trading.monitoring.reconciliation import Tolerance, compared_fields, on_one_scale

BAR = ["session", "timeframe", "ts", "symbol"]
COARSE = ("1D", "1W")
SPLITS_ONLY = "split_adjusted"

_RETURN = Tolerance(
    1e-5, "the close over the close before: on any price basis the same; a wrong close shows twice"
)
_FEED_RETURN = Tolerance(2e-3, "the close over the close before; one feed holds some venues only")
_CHANGE = Tolerance(0.05, "the volume over the one before; vendors correct the volume at different times")
_SHAPE = dict.fromkeys(("open", "high", "low"), reconciliation.TWO_ADJUSTED["open"])
_FEED_SHAPE = dict.fromkeys(("open", "high", "low"), reconciliation.TWO_FEEDS["open"])


@dataclass(frozen=True)
class Sides:
    """Who is compared.

    Attributes
    ----------
    left, right : names of the home's source and of the other; they differ
    partial : whether one of them holds the trades of some venues only
    """

    left: str
    right: str
    partial: bool = False


@dataclass(frozen=True)
class Known:
    """By what raw bars are adjusted.

    Attributes
    ----------
    now : the moment of the comparison; it is when its rows are known
    actions : columns of `corporate_actions`, those of the side that is raw
    closes : raw daily bars of that side, by which dividends count
    """

    now: pd.Timestamp
    actions: pd.DataFrame
    closes: pd.DataFrame


def between_vendors(held: pd.DataFrame, other: pd.DataFrame, sides: Sides, known: Known) -> pd.DataFrame:
    """Bars of the home's source (left) against the same bars of another vendor (right).

    Parameters
    ----------
    held, other : columns of `bars`, one row a key, all of one timeframe

    Returns
    -------
    Rows of `reconciliation`, one a session, symbol and field; of five-minute bars the one that is furthest apart.
    """
    joined = held.merge(other, on=BAR, suffixes=("", "_right"))
    raw = (joined["basis"].eq("raw") & joined["basis_right"].eq("raw")).to_numpy()
    same = joined["basis"].eq(joined["basis_right"]).to_numpy()
    weekly = joined["timeframe"].eq("1W").to_numpy()  # a dividend inside a week bends it on one basis only
    parts = [
        *_of_prices(joined[raw], sides),
        *_of_shapes(joined[~raw & (same | ~weekly)], sides),
        *_of_changes(held, other, sides, known),
    ]
    named = {"left": sides.left, "right": sides.right, "known_at": known.now.as_unit("us")}
    filled = [part.assign(**named) for part in parts if len(part)]
    if not filled:
        return frames.empty("reconciliation")
    return frames.validated("reconciliation", pd.concat(filled, ignore_index=True))


def _of_prices(joined: pd.DataFrame, sides: Sides) -> list[pd.DataFrame]:
    """Raw bars beside raw bars, price by price."""
    five = joined["timeframe"].eq("5min").to_numpy() | sides.partial
    return [
        _fields(joined[five], reconciliation.TWO_FEEDS),
        _fields(joined[~five], reconciliation.TWO_SOURCES),
    ]


def _of_shapes(joined: pd.DataFrame, sides: Sides) -> list[pd.DataFrame]:
    """Prices relative to the close of their bar, which no basis changes."""
    five = joined["timeframe"].eq("5min").to_numpy() | sides.partial
    scaled = on_one_scale(joined)
    return [_fields(scaled[five], _FEED_SHAPE), _fields(scaled[~five], _SHAPE)]


def _of_changes(held: pd.DataFrame, other: pd.DataFrame, sides: Sides, known: Known) -> list[pd.DataFrame]:
    """Closes and volumes over those of the bar before, of sides of which one is adjusted and both can be on one basis."""
    left, right = _on_basis_of(other, held, known), _on_basis_of(held, other, known)
    joined = left.merge(right, on=[*BAR, "basis"], suffixes=("", "_right"))
    chosen = joined["basis"].ne("raw") & joined["timeframe"].isin(COARSE)
    joined = joined[chosen.to_numpy()].sort_values(["symbol", "ts"], kind="stable", ignore_index=True)
    for made, name in (("close_return", "close"), ("volume_change", "volume")):
        for side in ("", "_right"):
            values = joined[f"{name}{side}"]
            with np.errstate(divide="ignore", invalid="ignore"):
                joined[f"{made}{side}"] = values / values.groupby(joined["symbol"]).shift()
    tolerances = (
        {"close_return": _FEED_RETURN}
        if sides.partial
        else {"close_return": _RETURN, "volume_change": _CHANGE}
    )
    return [_fields(joined, tolerances)]


def _fields(joined: pd.DataFrame, tolerances: dict[str, Tolerance]) -> pd.DataFrame:
    """Rows of `reconciliation`; a value that neither side has is not compared."""
    if joined.empty:
        return frames.empty("reconciliation")
    told = {
        name: joined[name].map(np.isfinite) | joined[f"{name}_right"].map(np.isfinite) for name in tolerances
    }
    return compared_fields(joined.assign(left="", right=""), tolerances, told)


def _on_basis_of(towards: pd.DataFrame, bars: pd.DataFrame, known: Known) -> pd.DataFrame:
    """The bars, the raw ones adjusted as those `towards` are, by symbol; as they are where that cannot be."""
    target = bars["symbol"].map(towards.drop_duplicates("symbol").set_index("symbol")["basis"])
    can = bars["timeframe"].eq("1D") | bars["symbol"].isin(known.closes["symbol"])
    moving = bars["basis"].eq("raw") & target.ne("raw") & target.notna() & can & bars["timeframe"].ne("5min")
    parts = [bars[~moving.to_numpy()]]
    for basis in target[moving].unique():
        mine = bars[(moving & target.eq(basis)).to_numpy()]
        parts.append(_adjusted(mine, str(basis), known).assign(basis=basis))
    return pd.concat([part for part in parts if len(part)] or [bars], ignore_index=True)


def _adjusted(bars: pd.DataFrame, basis: str, known: Known) -> pd.DataFrame:
    """Raw bars adjusted for what took effect up to the last of them."""
    effective = known.actions["session"].le(bars["session"].max())
    if basis == SPLITS_ONLY:
        effective &= known.actions["kind"].eq("split")
    daily = bars if bars["timeframe"].eq("1D").all() else known.closes
    return views.adjusted_as_of(bars, known.actions[effective.to_numpy()], daily, known.now)
